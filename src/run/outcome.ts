// What things mean at the end: which outcome a reason gives, which exit code a run gives, whether a worktree stays. Pure.
import { EXIT, unreachable } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { CancelReason, FailureReason, TaskOutcome } from './events.ts';
import { isCandidate } from './candidates.ts';
import { openFanOuts } from './grown.ts';
import { outstandingMerges } from './merges.ts';
import type { Counts, RunState, TaskState } from './state.ts';

/** The outcome of a task that ends for this reason. */
export function outcomeOf(reason: FailureReason): TaskOutcome {
  switch (reason) {
    case 'timeout':
    case 'idle':
      return 'timed-out';
    case 'interrupted':
    case 'cancelled':
    case 'max-fail':
      return 'cancelled';
    case 'dependency':
    case 'needs-conflict':
      return 'skipped';
    case 'budget':
      return 'over-budget';
    default:
      return 'failed';
  }
}

/** Reasons that say nothing about the task: it was not given its chance, and `orch resume` gives it one. */
export function isResumable(reason: FailureReason | null): boolean {
  return reason === 'interrupted' || reason === 'max-fail' || isLimit(reason);
}

/** Reasons that a limit gave: a provider's, or the budget's. */
export function isLimit(reason: FailureReason | null): boolean {
  return reason === 'budget' || reason === 'rate-limited' || reason === 'usage-limit' || reason === 'overloaded';
}

/** The key of `Counts` for an outcome. */
export function countKey(outcome: TaskOutcome): keyof Counts {
  switch (outcome) {
    case 'timed-out':
      return 'timedOut';
    case 'over-budget':
      return 'overBudget';
    case 'completed':
    case 'failed':
    case 'cancelled':
    case 'skipped':
      return outcome;
    default:
      return unreachable(outcome);
  }
}

function cancelExit(reason: CancelReason): number {
  switch (reason) {
    case 'interrupted':
    case 'cancelled':
      return EXIT.interrupted;
    case 'terminated':
      return EXIT.terminated;
    case 'hangup':
      return 129;
    case 'journal-failed':
      return EXIT.stateNotWritable;
    case 'provider-limit':
      return EXIT.limit;
    default:
      return unreachable(reason);
  }
}

/** The exit code of a run whose tasks have all settled (spec §5). */
export function exitCodeOf(plan: Plan, state: RunState): number {
  if (state.cancelling !== null && state.cancelling !== 'provider-limit') return cancelExit(state.cancelling);
  const missing = plan.tasks.flatMap((task, i) => {
    const now = state.tasks[i]?.now;
    if (now?.at !== 'settled' || now.outcome === 'completed') return [];
    // What the attempts at one task came to is said by the one that chooses.
    if (isCandidate(plan, i)) return [];
    // `continue-on-error` forgives a failure, not that the task was never given its chance.
    return task.continueOnError && !isResumable(now.reason) && now.outcome !== 'skipped' && now.outcome !== 'cancelled' ? [] : [now];
  });
  // A forgiven failure may have left tasks unmade that nobody counts.
  if (missing.length === 0 && openFanOuts(plan, state).length > 0) return EXIT.incomplete;
  if (missing.length === 0) return outstandingMerges(plan, state).length > 0 ? EXIT.mergeOutstanding : EXIT.ok;
  // A dependent of a task that hit the limit is missing for the limit, too.
  const own = missing.filter((now) => now.reason !== 'dependency');
  return own.length > 0 && own.every((now) => isLimit(now.reason)) ? EXIT.limit : EXIT.incomplete;
}

/** Why a settled task's worktree stays, or null when it can be removed (what is in it is on a ref either way). */
export function keptBecause(plan: Plan, task: TaskState): string | null {
  if (task.now.at !== 'settled') return 'not settled';
  switch (plan.worktrees.keep) {
    case 'always':
      return 'keep: always';
    case 'never':
      return null;
    case 'failed':
      return task.now.outcome === 'completed' ? null : 'keep: failed';
    default:
      return unreachable(plan.worktrees.keep);
  }
}

/** Tasks that were tried and did not complete. */
export function failuresOf(counts: Counts): number {
  return counts.failed + counts.timedOut + counts.overBudget;
}

/** True when so many tasks have failed since the start or the last resume that nothing new starts. */
export function isMaxFailReached(plan: Plan, state: RunState): boolean {
  const { maxFail } = plan;
  const failedAtMost = failuresOf(state.counts) - state.forgiven.failed;
  if (maxFail === null || failedAtMost <= 0) return false;
  const finished = state.counts.completed - state.forgiven.completed + failedAtMost;
  const isReached = (failed: number): boolean =>
    maxFail.kind === 'count' ? failed >= maxFail.count : finished >= 10 && failed * 100 >= maxFail.percent * finished;
  // The counts include `continue-on-error` tasks, so they bound what the exact scan would find.
  return isReached(failedAtMost) && isReached(failedAtMost - toleratedFailures(plan, state));
}

function toleratedFailures(plan: Plan, state: RunState): number {
  let tolerated = 0;
  for (const [i, task] of plan.tasks.entries()) {
    const now = state.tasks[i]?.now;
    const isFailure = now?.at === 'settled' && (now.outcome === 'failed' || now.outcome === 'timed-out' || now.outcome === 'over-budget');
    // Want of money is no failure, unless it was the task that took too much.
    const isUnpaid = now?.at === 'settled' && now.reason === 'budget' && state.tasks[i]?.lastFailure?.reason !== 'budget';
    if (isFailure && (task.continueOnError || isUnpaid || isCandidate(plan, i))) tolerated += 1;
  }
  return tolerated;
}
