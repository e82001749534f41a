// Whether a failed phase gets another attempt, and of which kind (spec §6, "Retries by class"). Pure.
import { unreachable } from '../errors.ts';
import type { PlannedTask, RetryOn } from '../plan/plan.ts';
import type { Instant, Phase, PhaseResult } from './events.ts';
import { outcomeOf } from './outcome.ts';
import { canClimb } from './routing.ts';
import type { TaskAt, TaskState } from './state.ts';

/** Infrastructure failures in a row that a task survives. */
export const MAX_INFRASTRUCTURE_RETRIES = 3;

export type Failure = Extract<PhaseResult, { ok: false }>;

export interface Retry {
  readonly now: TaskAt;
  /** Uses up one of the task's `retries`. */
  readonly counts: boolean;
  readonly resumeSession: boolean;
  /** The next attempt has the next model of the task's ladder. */
  readonly climbs?: true;
}

/** What follows a failure at `at`: another attempt, or the task's end. */
export function afterFailure(task: PlannedTask, state: TaskState, failure: Failure & { readonly at: Instant; readonly attempt: number; readonly phase: Phase }): Retry {
  const again = (next: Phase, notBefore: Instant): TaskAt => ({ at: 'waiting', next, attempt: failure.attempt + 1, notBefore });
  const backOff = failure.at + 1000 * 4 ** state.infra;
  const end: Retry = {
    now: { at: 'ending', outcome: outcomeOf(failure.reason), reason: failure.reason, message: failure.message },
    counts: false,
    resumeSession: false,
  };
  const counted = (on: RetryOn, retry: Retry): Retry => (task.retryOn.includes(on) && state.counted < task.retries ? retry : end);
  switch (failure.retry) {
    case 'never':
      return end;
    case 'infrastructure':
      if (state.infra >= MAX_INFRASTRUCTURE_RETRIES) return end;
      // An agent that has ended well is not run again because its verification could not be started.
      if (failure.phase === 'verify') return { now: { at: 'waiting', next: 'verify', attempt: failure.attempt, notBefore: backOff }, counts: false, resumeSession: false };
      return { now: again('prepare', backOff), counts: false, resumeSession: false };
    case 'provider':
      return { now: again('work', failure.at), counts: false, resumeSession: true };
    case 'timeout':
      return counted('timeout', { now: again('prepare', failure.at), counts: true, resumeSession: false });
    case 'verify':
      // Another model does not know the session; what was done and what was wrong with it is in its prompt and its worktree.
      if (canClimb(task, state) && task.retryOn.includes('verify')) return { now: again('work', failure.at), counts: false, resumeSession: false, climbs: true };
      return counted('verify', { now: again('work', failure.at), counts: true, resumeSession: true });
    case 'agent':
      return counted('agent', { now: again('prepare', failure.at), counts: true, resumeSession: false });
    default:
      return unreachable(failure.retry);
  }
}
