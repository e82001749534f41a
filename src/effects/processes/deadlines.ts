// When a process has had enough time. Counts awake time in short steps, so that neither a sleeping machine nor a stopped
// orch fires it, and no duration is too long for a timer.
import type { Clock } from '../effects.ts';

const STEP_MS = 250;

export interface Deadlines {
  readonly clock: Clock;
  /** Awake milliseconds from now; null = none. */
  readonly timeoutMs: number | null;
  /** Awake milliseconds since `lastOutput`; null = none. */
  readonly idleTimeoutMs: number | null;
  /** `clock.awake()` when output was last seen. */
  readonly lastOutput: () => number;
  readonly onExpired: (expired: { readonly idle: boolean; readonly afterMs: number }) => void;
}

/** Watches both deadlines until one expires or the returned function is called. */
export function watchDeadlines(deadlines: Deadlines): () => void {
  const { clock, timeoutMs, idleTimeoutMs } = deadlines;
  if (timeoutMs === null && idleTimeoutMs === null) return () => undefined;
  const began = clock.awake();
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const now = clock.awake();
    const left = timeoutMs === null ? Infinity : began + timeoutMs - now;
    const idleLeft = idleTimeoutMs === null ? Infinity : Math.max(began, deadlines.lastOutput()) + idleTimeoutMs - now;
    if (left <= 0 || idleLeft <= 0) deadlines.onExpired({ idle: left > 0, afterMs: (left > 0 ? idleTimeoutMs : timeoutMs) ?? 0 });
    else timer = setTimeout(look, Math.ceil(Math.min(left, idleLeft, STEP_MS)));
  };
  look();
  return () => {
    clearTimeout(timer);
  };
}
