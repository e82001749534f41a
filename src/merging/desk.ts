// Where branches are looked at before the queue sees them: what the target has already is only told, what is lost or waits
// beside the target is kept out, the rest are candidates. One for each merge; knows nothing of the queue.
import type { Plan, Sha, TaskId } from '../plan/plan.ts';
import { grownPlan } from '../run/grown.ts';
import type { Fact } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { deliveredBranches, type DeliveredBranch } from './branches.ts';
import type { Candidate } from './queue.ts';

/** A task whose work is on the waiting branch, brought there by `commit`. */
export interface WaitingMerge {
  readonly task: TaskId;
  readonly commit: Sha;
}

export interface Desk {
  /** Records what is settled by looking, and returns the rest. A task that comes a second time replaces its first branch. */
  admit(joined: { readonly tasks: readonly TaskId[]; readonly state: RunState }): Promise<readonly Candidate[]>;
  /** What is not known to be on the target, but was put beside it: before this merge, or in it (`pending`). */
  aside(pending: ReadonlyMap<TaskId, Sha>): readonly WaitingMerge[];
}

export interface DeskOptions {
  readonly plan: Plan;
  readonly record: (facts: readonly Fact[]) => Promise<void>;
  readonly git: { changedPaths(pairs: readonly { readonly from: Sha; readonly to: Sha }[]): Promise<readonly (readonly string[] | null)[]> };
}

/** `waiting`: commits beside the target; `onTarget`: those on it, null = it is gone. */
export function createDesk({ plan: frozen, record, git }: DeskOptions, { onTarget, waiting }: { onTarget: () => Promise<ReadonlySet<Sha> | null>; waiting: ReadonlySet<Sha> }): Desk {
  const open = new Map<TaskId, DeliveredBranch>();
  const queued = new Set<TaskId>();
  const isWaiting = ({ landed, tip }: DeliveredBranch): boolean => waiting.has(landed ?? tip) || waiting.has(tip);
  return {
    async admit({ tasks, state }) {
      const branches = deliveredBranches(grownPlan(frozen, state), state, tasks);
      const has = (await onTarget()) ?? new Set<Sha>();
      const done = branches.flatMap(({ id, tip, landed }) => (landed !== null && has.has(landed) ? [{ task: id, commit: landed }] : has.has(tip) ? [{ task: id, commit: tip }] : []));
      await record(done.map((each) => ({ type: 'task-merged', ...each })));
      const isDone = new Set(done.map(({ task }) => task));
      for (const branch of branches) if (!isDone.has(branch.id)) open.set(branch.id, branch);
      const rest = branches.filter((branch) => !isDone.has(branch.id) && !isWaiting(branch));
      for (const { id } of rest) queued.add(id);
      const paths = await git.changedPaths(rest.map(({ start, tip }) => ({ from: start, to: tip })));
      const lost = rest.filter((_, i) => paths[i] === null).map(({ id }) => id);
      await record(lost.map((task) => ({ type: 'task-unmerged', task, merge: 'unmerged', message: 'its commits are not in the repository any more' })));
      return rest.flatMap(({ id, tip, start, needs, size }, i): Candidate[] => {
        const changed = paths[i];
        // What was never queued is on the target already.
        return changed == null ? [] : [{ id, tip, start, needs: needs.filter((need) => queued.has(need)), paths: changed, priority: 0, size }];
      });
    },
    aside: (pending) => [...open.values()].flatMap((branch) => {
      const commit = pending.get(branch.id) ?? (isWaiting(branch) ? (branch.landed ?? branch.tip) : undefined);
      return commit === undefined ? [] : [{ task: branch.id, commit }];
    }),
  };
}
