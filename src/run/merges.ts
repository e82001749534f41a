// What of a run can be merged, what of that is still outstanding, and what has to be run again because it conflicts:
// questions to a plan and a state. Pure.
import type { Plan, TaskId } from '../plan/plan.ts';
import { isCandidate } from './candidates.ts';
import { indexOf } from './plan-index.ts';
import type { RunState, TaskState } from './state.ts';

/** Times that a task is run again because its work conflicts. */
export const MAX_CONFLICT_RETRIES = 2;

/** Whether a task has completed with something to merge. */
export function isMergeable(task: TaskState | undefined): boolean {
  return task?.now.at === 'settled' && task.now.outcome === 'completed' && task.delivery !== null && task.delivery.commits > 0;
}

/** The tasks whose work can be merged and is not, in the plan's order. */
export function unmergedTasks(plan: Plan, state: RunState): readonly TaskId[] {
  return plan.tasks.flatMap(({ id }, index) => (isMergeable(state.tasks[index]) && !isCandidate(plan, index) && state.tasks[index]?.merge?.status !== 'merged' ? [id] : []));
}

/** Whether the plan itself asks for its results to be merged. */
export function asksToMerge({ merge }: Plan): boolean {
  return merge?.when === 'end' || merge?.when === 'each';
}

/** Whether its work is on the remote with a pull request that nobody has turned down. */
export function isRequested(task: TaskState | undefined): boolean {
  const request = task?.pullRequest?.request ?? null;
  return request !== null && request.state !== 'closed' && task?.merge?.message === null;
}

/** Of these, the ones that somebody has asked to merge: the plan, or `orch merge`. */
export function outstandingMerges(plan: Plan, state: RunState): readonly TaskId[] {
  const isAsked = asksToMerge(plan);
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

/** Whether a conflict of this task's work is answered by running it again. What other tasks were made of stays what it is. */
export function isRunAgain(plan: Plan, state: RunState, index: number): boolean {
  const task = plan.tasks[index];
  const how = state.merging?.settings.onConflict;
  const isSource = (plan.fanOuts ?? []).some(({ from }) => from.task === task?.id);
  const isWanted = how === 'retry' || (how === 'resolve' && task?.work.kind === 'agent');
  // One that only chose would choose the same.
  return isWanted && !isSource && task?.choose === undefined && (state.tasks[index]?.conflicts ?? 0) < MAX_CONFLICT_RETRIES;
}

/**
 * The task and all that had begun with its work: what is to be run again when it is. Null while that cannot be said, because
 * one of them runs, or is still in the hands of the merge or of the removal of its worktree.
 */
export function runAgainWith(plan: Plan, state: RunState, index: number): readonly number[] | null {
  const { needs } = indexOf(plan);
  const found = new Set([index]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const [i, its] of needs.entries()) if (its.some((need) => found.has(need)) && (state.tasks[i]?.attempts ?? 0) > 0) found.add(i);
  }
  const all = [...found].filter((i) => i === index || isMergeable(state.tasks[i]) || isAtWork(state.tasks[i]));
  const inMerge = new Set(state.merging?.tasks ?? []);
  const isBusy = (i: number): boolean => {
    const task = state.tasks[i];
    const isUnjudged = inMerge.has(plan.tasks[i]?.id ?? '') && task?.merge?.status === 'unmerged' && task.merge.message === null && !isRequested(task);
    return isAtWork(task) || isUnjudged || state.unreleased.includes(i);
  };
  return all.some(isBusy) ? null : all;
}

function isAtWork(task: TaskState | undefined): boolean {
  return task !== undefined && task.now.at !== 'settled' && (task.now.at !== 'waiting' || task.now.next !== 'prepare');
}
