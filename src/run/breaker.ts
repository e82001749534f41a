// When going on would only repeat a failure: a provider that does not know us, or the same infrastructure failure again
// and again. Says so once, and why. Pure.
import type { FailureReason, PhaseResult } from './events.ts';
import type { RunState, TroubleState } from './state.ts';

/** Identical infrastructure failures in a row, of at least so many tasks. */
const SAME_FAILURES = 5;
const OF_TASKS = 3;
/** Of a provider that has answered before; of one that has not, the first is enough. */
const REFUSED_LOGINS = 2;
const MOST_TEXT = 300;

/** What a failure is counted under: a provider, or `null` for everything that has none. */
export type Scope = string | null;

/** The key of a scope in `RunState.trouble`. */
export function scopeKey(scope: Scope): string {
  return scope === null ? 'run' : `provider ${scope}`;
}

/** Trouble after a phase of `task` has ended. `isKnown`: the provider has answered in this session. */
export function afterPhase(trouble: RunState['trouble'], ended: { readonly task: string; readonly scope: Scope; readonly isKnown: boolean; readonly result: PhaseResult }): RunState['trouble'] {
  const { task, scope, isKnown, result } = ended;
  const key = scopeKey(scope);
  const before = trouble[key];
  if (before?.isOpen === true) return trouble;
  const isLogin = !result.ok && scope !== null && (result.reason === 'auth' || result.reason === 'billing');
  if (!result.ok && (isLogin || result.retry === 'infrastructure')) {
    const { reason } = result;
    // A message that names the task is still the same message.
    const message = result.message.replaceAll(task, '…').slice(0, MOST_TEXT);
    const isSame = before?.reason === reason && (isLogin || before.message === message);
    const count = isSame ? before.count + 1 : 1;
    const tasks = isSame && before.tasks.includes(task) ? before.tasks : [...(isSame ? before.tasks : []), task].slice(-OF_TASKS);
    const isOpen = isLogin ? count >= (isKnown ? REFUSED_LOGINS : 1) : count >= SAME_FAILURES && tasks.length >= OF_TASKS;
    return { ...trouble, [key]: { scope, reason, message, count, tasks, isOpen, announced: false } };
  }
  if (!result.ok || before === undefined) return trouble;
  const { [key]: _, ...rest } = trouble;
  return rest;
}

/** Why nothing of this provider is started any more, or null. */
export function brokenBy(trouble: RunState['trouble'], provider: string | null): TroubleState | null {
  const found = [trouble[scopeKey(null)], provider === null ? undefined : trouble[scopeKey(provider)]].find((one) => one?.isOpen === true);
  return found ?? null;
}

/** What a task that was not started for it is told. */
export function notStartedText({ count, message, reason }: { readonly count: number; readonly message: string; readonly reason: FailureReason }): string {
  return `not started: ${count > 1 ? `${count} failures in a row (${reason})` : `a failure that others would repeat (${reason})`}: ${message}`;
}
