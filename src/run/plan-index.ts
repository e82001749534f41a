// Lookups over a plan, computed once per plan: ids to indices, needs and dependents as indices. Never changes a plan.
import type { FanOut, Plan, TaskId } from '../plan/plan.ts';

export interface PlanIndex {
  readonly byId: ReadonlyMap<TaskId, number>;
  readonly needs: readonly (readonly number[])[];
  /** The fan-outs that each task needs and whose tasks are not made yet. */
  readonly awaits: readonly (readonly FanOut[])[];
  /** The gate that each task's agent passes; null for `run` tasks. */
  readonly providers: readonly (string | null)[];
  /** What `providers` holds, each once. */
  readonly kinds: ReadonlySet<string | null>;
}

const known = new WeakMap<Plan, PlanIndex>();

/** The index of a plan; the same object each time. Throws for an id that is not in the plan: a plan is validated when built. */
export function indexOf(plan: Plan): PlanIndex {
  const cached = known.get(plan);
  if (cached !== undefined) return cached;
  const byId = new Map(plan.tasks.map((task, i) => [task.id, i]));
  const fanOuts = new Map((plan.fanOuts ?? []).map((fanOut) => [fanOut.id, fanOut]));
  const none: readonly FanOut[] = [];
  const providers = plan.tasks.map((task) => (task.work.kind === 'run' ? null : providerOf(plan, task.work.agent)));
  const index: PlanIndex = {
    byId,
    needs: plan.tasks.map((task) => (fanOuts.size === 0 ? task.needs : task.needs.filter((id) => !fanOuts.has(id))).map((id) => taskIndex(byId, id))),
    awaits: plan.tasks.map((task) => (fanOuts.size === 0 ? none : task.needs.flatMap((id) => fanOuts.get(id) ?? []))),
    providers,
    kinds: new Set(providers),
  };
  known.set(plan, index);
  return index;
}

function taskIndex(byId: ReadonlyMap<TaskId, number>, id: TaskId): number {
  const index = byId.get(id);
  if (index === undefined) throw new Error(`the plan has no task ${id}`);
  return index;
}

/** The index of a task by its id. */
export function indexOfTask(plan: Plan, id: TaskId): number {
  return taskIndex(indexOf(plan).byId, id);
}

/** Programs of one adapter share an account and so a gate; of programs that we do not know, each has its own. */
function providerOf(plan: Plan, agent: string): string {
  const adapter = plan.agents[agent]?.adapter;
  return adapter === undefined || adapter === 'command' ? agent : adapter;
}
