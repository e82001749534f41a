// What the queue's facts mean for the run: which of its facts are to be recorded, and in what words. Watches one queue;
// decides nothing.
import { listSome } from '../lib/text.ts';
import type { RunId, Sha, TaskId } from '../plan/plan.ts';
import type { Fact } from '../run/events.ts';
import type { JobId, MergeFact, MergeOutcome, QueueState, Settled } from './queue.ts';

export interface Watch {
  /** What to record before anything comes of a fact; `state` is the queue's before it. */
  factsOf(fact: MergeFact, state: QueueState): readonly Fact[];
  /** What the queue has merged, as far as it is not known to be on the target. */
  readonly pending: ReadonlyMap<TaskId, Sha>;
  /** Things worth a line that concern no single task. */
  readonly notes: readonly string[];
}

export interface WatchOptions {
  readonly run: RunId;
  readonly target: string;
  /** Why a commit was refused. */
  readonly whyRefused: (commit: Sha) => string | null;
  /** Whether what was landed last is on the target itself. */
  readonly isOnTarget: () => boolean;
}

export function watchQueue(options: WatchOptions): Watch {
  const trials = new Map<JobId, TaskId>();
  const reasons = new Map<TaskId, string>();
  const pending = new Map<TaskId, Sha>();
  const notes: string[] = [];
  const settled = ({ id, outcome }: Settled): readonly Fact[] => {
    if (outcome.kind !== 'merged') return [{ type: 'task-unmerged', task: id, merge: outcome.kind, message: messageOf(id, outcome) }];
    if (options.isOnTarget()) return [{ type: 'task-merged', task: id, commit: outcome.commit }];
    pending.set(id, outcome.commit);
    return [];
  };
  const messageOf = (id: TaskId, outcome: Exclude<MergeOutcome, { kind: 'merged' }>): string => {
    switch (outcome.kind) {
      case 'conflict': {
        const other = outcome.with.length === 0 ? options.target : listSome(outcome.with, 5);
        return `conflicts with ${other} in ${listSome(outcome.files, 5)}; both sides are in refs/orch/conflict/${options.run}/${id}`;
      }
      case 'rejected':
        return `verify fails with it on the merged tree, twice${outcome.passedBefore ? ', since others were merged' : ''}: ${reasons.get(id) ?? 'see its log'}`;
      case 'unmerged':
        return outcome.message;
      default:
        return outcome satisfies never;
    }
  };
  return {
    pending, notes,
    factsOf(fact, state) {
      switch (fact.type) {
        case 'job-started': {
          const { what } = fact;
          if (what.kind === 'try') trials.set(fact.job, what.branch);
          if (what.kind !== 'land') return [];
          const steps = [...state.line.steps, ...(state.cleared === null ? [] : [state.cleared.step])];
          return [{ type: 'merge-landing', tasks: what.branches.map((task) => ({ task, commit: steps.findLast(({ id }) => id === task)?.commit ?? what.to })) }];
        }
        case 'job-finished': {
          const task = trials.get(fact.job);
          const why = fact.result.kind === 'tried' && fact.result.verdict === 'fail' ? options.whyRefused(fact.result.commit) : null;
          if (task !== undefined && why !== null) reasons.set(task, why);
          return [];
        }
        case 'target-red':
          notes.push(`${options.target} fails the verification by itself: ${options.whyRefused(fact.commit) ?? fact.commit.slice(0, 12)}`);
          return [];
        case 'branches-settled':
          return fact.settled.flatMap(settled);
        default:
          return [];
      }
    },
  };
}
