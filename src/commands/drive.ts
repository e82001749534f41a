// Runs a session under this terminal: signals in, reporters out, and the screen given back whatever happens.
import type { Plan } from '../plan/plan.ts';
import type { Driver } from '../run/driver.ts';
import type { Hub } from '../reporters/hub.ts';
import { RESTORE_TERMINAL } from '../lib/terminal.ts';
import { createClock } from '../effects/clock.ts';
import { listenForSignals } from './signals.ts';
import type { Listener, SessionEnd, SessionOptions } from './session.ts';

/** Starts a session with what it needs of us, and waits for its end. */
export async function drive(
  start: (hooks: Pick<SessionOptions, 'listener' | 'onStart'>) => Promise<SessionEnd>,
  reporting: (plan: Plan) => Hub,
): Promise<SessionEnd> {
  let driver: Driver | null = null;
  let hub: Hub | null = null;
  // Before the first agent, so that no signal finds the default handler.
  const stopListening = listenForSignals(() => driver, createClock(), () => {
    if (process.stderr.isTTY) process.stderr.write(RESTORE_TERMINAL);
  });
  const listener = (plan: Plan): Listener => {
    hub = reporting(plan);
    return hub;
  };
  try {
    return await start({ listener, onStart: (started) => { driver = started; } });
  } finally {
    stopListening();
    await (hub as Hub | null)?.close();
  }
}
