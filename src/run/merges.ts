// What of a run can be merged, and what of that is still outstanding: questions to a plan and a state. Pure.
import type { Plan, TaskId } from '../plan/plan.ts';
import { isCandidate } from './candidates.ts';
import { indexOf } from './plan-index.ts';
import type { RunState, TaskState } from './state.ts';

/** Whether a task has completed with something to merge. */
export function isMergeable(task: TaskState | undefined): boolean {
  return task?.now.at === 'settled' && task.now.outcome === 'completed' && task.delivery !== null && task.delivery.commits > 0;
}

/** The tasks whose work can be merged and is not, in the plan's order. */
export function unmergedTasks(plan: Plan, state: RunState): readonly TaskId[] {
  return plan.tasks.flatMap(({ id }, index) => (isMergeable(state.tasks[index]) && !isCandidate(plan, index) && state.tasks[index]?.merge?.status !== 'merged' ? [id] : []));
}

/** Whether its work is on the remote with a pull request that nobody has turned down. */
export function isRequested(task: TaskState | undefined): boolean {
  const request = task?.pullRequest?.request ?? null;
  return request !== null && request.state !== 'closed' && task?.merge?.message === null;
}

/** Of these, the ones that somebody has asked to merge: the plan, or `orch merge`. */
export function outstandingMerges(plan: Plan, state: RunState): readonly TaskId[] {
  const isAsked = plan.merge?.when === 'end';
  const asked = new Set(isAsked ? [] : plan.tasks.flatMap(({ id }, index) => (state.tasks[index]?.merge === null ? [] : [id])));
  const requested = new Set(plan.tasks.flatMap(({ id }, index) => (isRequested(state.tasks[index]) ? [id] : [])));
  return unmergedTasks(plan, state).filter((id) => (isAsked || asked.has(id)) && !requested.has(id));
}

/** The tasks whose work a task's own contains, each directly or through tasks that delivered nothing. */
export function mergeNeeds(plan: Plan, state: RunState, id: TaskId): readonly TaskId[] {
  const { byId, needs } = indexOf(plan);
  const found = new Set<number>();
  const seen = new Set<number>();
  const visit = (index: number): void => {
    for (const need of needs[index] ?? []) {
      if (seen.has(need)) continue;
      seen.add(need);
      // What a choice took is merged as its own.
      if (isMergeable(state.tasks[need]) && !isCandidate(plan, need)) found.add(need);
      else visit(need);
    }
  };
  visit(byId.get(id) ?? -1);
  return [...found].sort((a, b) => a - b).flatMap((index) => plan.tasks[index]?.id ?? []);
}
