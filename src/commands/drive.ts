// Runs a session under this terminal: signals in, reporters out, and the screen given back whatever happens.
import type { Plan } from '../plan/plan.ts';
import type { Driver } from '../run/driver.ts';
import type { Hub } from '../reporters/hub.ts';
import { RESTORE_TERMINAL } from '../lib/terminal.ts';
import { createClock } from '../effects/clock.ts';
import { listenForSignals, type SignalHooks } from './signals.ts';
import { outliveReaders } from './streams.ts';
import type { Listener, SessionEnd, SessionOptions } from './session.ts';
import { note } from './terminal.ts';

/** Starts a session with what it needs of us, and waits for its end. */
export async function drive<End extends SessionEnd | null>(
  start: (hooks: Pick<SessionOptions, 'listener' | 'onStart' | 'onNotice'>) => Promise<End>,
  reporting: (plan: Plan) => Hub,
  /** Whether a terminal that goes away is none of ours any more. */
  { isDetached }: Pick<SignalHooks, 'isDetached'> = {},
): Promise<End> {
  outliveReaders();
  let hub: Hub | null = null;
  // Before the first agent, so that no signal finds the default handler.
  const signals = listenForSignals(createClock(), {
    suspend: () => {
      hub?.suspend();
      if (process.stderr.isTTY) process.stderr.write(RESTORE_TERMINAL);
    },
    resume: () => hub?.resume(),
    ...(isDetached === undefined ? {} : { isDetached }),
  });
  const bugs = listenForBugs();
  const listener = (plan: Plan): Listener => {
    hub = reporting(plan);
    return hub;
  };
  const onStart = (driver: Driver): void => {
    signals.attach(driver);
    bugs.attach(driver);
  };
  try {
    const end = await start({ listener, onStart, onNotice: note });
    bugs.rethrow();
    return end;
  } finally {
    signals.close();
    bugs.close();
    await (hub as Hub | null)?.close();
  }
}

/** An error that nobody caught is a bug, but agents must not be left running for it: the run is stopped first. */
function listenForBugs(): { attach(driver: Driver): void; rethrow(): void; close(): void } {
  let driver: Driver | null = null;
  let bug: { readonly error: unknown } | null = null;
  const listener = (error: unknown): void => {
    if (driver === null) throw error;
    bug ??= { error };
    driver.stop('interrupted');
  };
  process.on('uncaughtException', listener);
  return {
    attach: (started) => { driver = started; },
    rethrow: () => { if (bug !== null) throw bug.error; },
    close: () => { process.off('uncaughtException', listener); },
  };
}
