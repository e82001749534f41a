// How many attempts a provider is given at once after it has said that it is too much: halved when trouble begins, never
// more than those that still get answers, and raised one at a time while all goes well. Pure; the gate says when.
import type { ThrottleState } from './state.ts';

/** Rounds without trouble before the number is tried again at which it began. */
const ROUNDS_BEFORE_CEILING = 8;

export interface Refusal {
  /** Index of the task whose request was refused. */
  readonly index: number;
  /** Tasks of the provider that are at work, by index, the refused one among them. */
  readonly atWork: readonly number[];
  /** The gate was open: this is the beginning of trouble, not its echo. */
  readonly isFirst: boolean;
}

/** The throttle after a refusal. */
export function lower(before: ThrottleState | undefined, refusal: Refusal): ThrottleState {
  const { index, atWork } = refusal;
  // A client that repeats a request and is refused again tells nothing new.
  const isFirst = before === undefined || (refusal.isFirst && !before.refused.includes(index));
  const refused = isFirst ? [index] : [...new Set([...before.refused, index])];
  const had = Math.min(before?.slots ?? atWork.length, atWork.length);
  const answered = atWork.filter((one) => !refused.includes(one)).length;
  // One more than what went well was too many: that is known, and no reason to begin anew.
  const isProbe = had === before?.ceiling;
  const slots = Math.max(1, !isFirst ? Math.min(before.slots, answered) : isProbe ? had - 1 : Math.floor(had / 2));
  const isChanged = before === undefined || slots !== before.slots;
  return { slots, ceiling: isFirst ? Math.max(had, 2) : before.ceiling, successes: 0, refused, announced: isChanged ? false : before.announced };
}

/** The throttle after a task has ended well; undefined once it is as wide as the run. */
export function raise(before: ThrottleState, maxParallel: number): ThrottleState | undefined {
  const successes = before.successes + 1;
  const rounds = before.slots + 1 === before.ceiling ? ROUNDS_BEFORE_CEILING : 1;
  if (successes < before.slots * rounds) return { ...before, successes };
  return before.slots + 1 >= maxParallel ? undefined : { ...before, slots: before.slots + 1, successes: 0, announced: false };
}

/** A request of this task was answered, or it is not at work any more. */
export function forgive(before: ThrottleState, index: number): ThrottleState {
  return before.refused.includes(index) ? { ...before, refused: before.refused.filter((one) => one !== index) } : before;
}
