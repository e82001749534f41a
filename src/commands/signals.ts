// Ctrl-C and its kin during a run: the first stops, the second kills, the third leaves at once.
import type { Clock } from '../effects/effects.ts';
import { NO_INTERRUPT, onSignal, type InterruptState } from '../run/interrupt.ts';
import type { Driver } from '../run/driver.ts';
import type { CancelReason } from '../run/events.ts';

const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** Listens until the returned function is called. `leave` gives the terminal back before the process ends. */
export function listenForSignals(driver: () => Driver | null, clock: Clock, leave: () => void): () => void {
  let state: InterruptState = NO_INTERRUPT;
  let reason: CancelReason = 'interrupted';
  const listeners = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((signal) => {
    const listener = (): void => {
      const next = onSignal(state, signal, clock.awake());
      state = next.state;
      if (next.interrupt.kind === 'stop') {
        reason = next.interrupt.reason;
        driver()?.stop(reason);
      } else if (next.interrupt.kind === 'kill') driver()?.kill(reason);
      else if (next.interrupt.kind === 'leave') {
        leave();
        process.exit(128 + SIGNALS[signal]);
      }
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  };
}
