// The plan as it is now: the frozen one and the tasks that were added since, which facts have recorded. Pure.
import type { FanOut, Plan, PlannedTask } from '../plan/plan.ts';
import type { AddedTasks, RunState } from './state.ts';

const known = new WeakMap<readonly AddedTasks[], Plan>();

/** The plan with all tasks of this state; the same object for the same facts, and the frozen plan while nothing was added. */
export function grownPlan(frozen: Plan, { added }: Pick<RunState, 'added'>): Plan {
  if (added.length === 0) return frozen;
  const cached = known.get(added);
  if (cached !== undefined) return cached;
  const membersOf = new Map(added.flatMap(({ fanOut, tasks }) => (fanOut === null ? [] : [[fanOut, tasks.map(({ id }) => id)]])));
  const withMembers = (task: PlannedTask): PlannedTask => {
    if (!task.needs.some((need) => membersOf.has(need))) return task;
    return { ...task, needs: [...new Set(task.needs.flatMap((need) => membersOf.get(need) ?? need))] };
  };
  const agents: Plan['agents'] = Object.assign({}, ...added.map((one) => one.agents), frozen.agents);
  const grown: Plan = { ...frozen, agents, tasks: [...frozen.tasks, ...added.flatMap(({ tasks }) => tasks)].map(withMembers) };
  known.set(added, grown);
  return grown;
}

/** The fan-outs whose tasks have not been made. */
export function openFanOuts({ fanOuts = [] }: Plan, { added }: Pick<RunState, 'added'>): readonly FanOut[] {
  return fanOuts.length === 0 ? fanOuts : fanOuts.filter(({ id }) => !added.some(({ fanOut }) => fanOut === id));
}
