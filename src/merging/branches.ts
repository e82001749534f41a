// What a run has to merge: its completed tasks as branches, each with the branches whose work it contains. Pure.
import type { Plan, Sha, TaskId } from '../plan/plan.ts';
import { isMergeable, mergeNeeds } from '../run/merges.ts';
import type { RunState } from '../run/state.ts';

/** The work of one task, as it was delivered and verified. */
export interface DeliveredBranch {
  readonly id: TaskId;
  readonly tip: Sha;
  readonly start: Sha;
  readonly needs: readonly TaskId[];
  /** Lines changed. */
  readonly size: number;
  /** What was, or was about to be, put on a target for it. */
  readonly landed: Sha | null;
}

/** The branches of these tasks; one that has nothing to merge is left out. */
export function deliveredBranches(plan: Plan, state: RunState, tasks: readonly TaskId[]): readonly DeliveredBranch[] {
  const wanted = new Set(tasks);
  return plan.tasks.flatMap(({ id }, index) => {
    const task = state.tasks[index];
    if (!wanted.has(id) || task === undefined || !isMergeable(task) || task.delivery === null) return [];
    const { head, insertions, deletions } = task.delivery;
    return [{ id, tip: head, start: task.start ?? plan.base.sha, needs: mergeNeeds(plan, state, id), size: insertions + deletions, landed: task.merge?.commit ?? null }];
  });
}

/** These tasks, and all whose work theirs contains: none can be merged without those. */
export function withNeeds(plan: Plan, state: RunState, tasks: readonly TaskId[]): readonly TaskId[] {
  const found = new Set<TaskId>();
  const visit = (id: TaskId): void => {
    if (found.has(id)) return;
    found.add(id);
    for (const need of mergeNeeds(plan, state, id)) visit(need);
  };
  for (const id of tasks) visit(id);
  return plan.tasks.flatMap(({ id }) => (found.has(id) ? [id] : []));
}
