// Ctrl-C and its kin during a run: the first stops, the second kills, the third leaves at once.
//
// Ctrl-Z stops orch and not its agents, which have sessions of their own: they wait for their providers more than they
// compute, and a connection that is stopped is lost. While orch is stopped nothing starts and no timeout runs, for
// timeouts count awake time; an agent that prints much waits for orch to read it. `fg` goes on as if nothing had been.
import type { Clock } from '../effects/effects.ts';
import { NO_INTERRUPT, onSignal, type InterruptState } from '../run/interrupt.ts';
import type { Driver } from '../run/driver.ts';
import type { CancelReason } from '../run/events.ts';

const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export interface SignalHooks {
  /** Gives the terminal back, before the process stops or leaves. */
  readonly suspend: () => void;
  /** Takes the terminal again. */
  readonly resume: () => void;
  /** Once it is true, SIGHUP means nothing. */
  readonly isDetached?: () => boolean;
  /** Before the process stops for Ctrl-Z, and after it goes on. */
  readonly onStopped?: () => void;
  readonly onContinued?: () => void;
  /** Before the process leaves at once. */
  readonly onLeave?: () => void;
}

/** Signals to one run, also those that come before there is a driver. */
export interface SignalListener {
  /** From now on this driver is stopped; at once if a signal was first. */
  attach(driver: Pick<Driver, 'stop' | 'kill'>): void;
  /** Restores what signals do by default, but for echoes of one that was heeded: npm sends its own, and the run may have just ended. */
  close(): void;
}

/** Listens from now on. */
export function listenForSignals(clock: Clock, hooks: SignalHooks): SignalListener {
  let driver: Pick<Driver, 'stop' | 'kill'> | null = null;
  let state: InterruptState = NO_INTERRUPT;
  let asked: { readonly reason: CancelReason; forced: boolean } | null = null;
  const tell = (): void => {
    if (asked === null || driver === null) return;
    if (asked.forced) driver.kill(asked.reason);
    else driver.stop(asked.reason);
  };
  const listeners = new Map<NodeJS.Signals, () => void>();
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    listeners.set(signal, () => {
      if (signal === 'SIGHUP' && hooks.isDetached?.() === true) return;
      const next = onSignal(state, signal, clock.awake());
      state = next.state;
      if (next.interrupt.kind === 'stop') asked = { reason: next.interrupt.reason, forced: false };
      else if (next.interrupt.kind === 'kill' && asked !== null) asked.forced = true;
      else if (next.interrupt.kind === 'leave') {
        hooks.suspend();
        hooks.onLeave?.();
        process.exit(128 + SIGNALS[signal]);
      }
      tell();
    });
  }
  listeners.set('SIGTSTP', () => {
    hooks.suspend();
    hooks.onStopped?.();
    process.kill(process.pid, 'SIGSTOP');
  });
  listeners.set('SIGCONT', () => {
    hooks.onContinued?.();
    hooks.resume();
  });
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    attach(started) {
      driver = started;
      tell();
    },
    close() {
      for (const [signal, listener] of listeners) process.off(signal, listener);
      if (state.count === 0) return;
      for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
        process.on(signal, () => {
          if (onSignal(state, signal, clock.awake()).interrupt.kind !== 'ignore') process.exit(128 + SIGNALS[signal]);
        });
      }
    },
  };
}
