// What the n-th signal means: stop, kill, leave. Pure; the numbers are spec §6, "Stopping".
import type { CancelReason } from './events.ts';

/** `stop`: start nothing more, agents end gently · `kill`: agents are killed · `leave`: orch exits at once. */
export type Interrupt = { readonly kind: 'stop'; readonly reason: CancelReason } | { readonly kind: 'kill' } | { readonly kind: 'leave' } | { readonly kind: 'ignore' };

export interface InterruptState {
  readonly count: number;
  /** Awake milliseconds of the first signal. */
  readonly firstAt: number;
}
export const NO_INTERRUPT: InterruptState = { count: 0, firstAt: 0 };

/** npm sends its own SIGINT beside the terminal's: a repeat this soon after the first is not the user's. */
const ECHO_MS = 1000;

/** The meaning of a signal at `at` (awake milliseconds), and the state to remember. */
export function onSignal(state: InterruptState, signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', at: number): { state: InterruptState; interrupt: Interrupt } {
  if (state.count === 0) {
    const reason = signal === 'SIGINT' ? 'interrupted' : signal === 'SIGTERM' ? 'terminated' : 'hangup';
    return { state: { count: 1, firstAt: at }, interrupt: { kind: 'stop', reason } };
  }
  // A terminal that goes away sends SIGHUP once per process group; it never means "harder".
  if (signal === 'SIGHUP' || (state.count === 1 && at - state.firstAt < ECHO_MS)) return { state, interrupt: { kind: 'ignore' } };
  return { state: { ...state, count: state.count + 1 }, interrupt: { kind: state.count === 1 ? 'kill' : 'leave' } };
}
