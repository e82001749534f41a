// The real clock. Awake time is what timeouts are counted in: it stands still while the machine sleeps and while orch is
// stopped (Ctrl-Z, SIGSTOP), so that waking up never looks like a timeout of everything.
import { performance } from 'node:perf_hooks';
import type { Clock } from './effects.ts';

const TICK_MS = 250;
// A gap between two ticks that is longer than this was not lived through: the loop was not running.
const LONGEST_GAP_MS = 4 * TICK_MS;
// setTimeout fires at once beyond 2^31-1.
const LONGEST_TIMER_MS = 60_000;

/** The clock of this machine; keeps no process alive. */
export function createClock(monotonic: () => number = () => performance.now()): Clock {
  let last = monotonic();
  let total = 0;
  const awake = (): number => {
    const now = monotonic();
    total += Math.min(Math.max(0, now - last), LONGEST_GAP_MS);
    last = now;
    return total;
  };
  setInterval(awake, TICK_MS).unref();
  return { now: () => Date.now(), awake, until: waitUntil };
}

/** In slices, because a timer that sleeps with the machine would fire late by the time that it slept. */
async function waitUntil(at: number, signal?: AbortSignal): Promise<void> {
  for (let left = at - Date.now(); left > 0; left = signal?.aborted === true ? 0 : at - Date.now()) {
    await pause(Math.min(left, LONGEST_TIMER_MS), signal);
  }
}

/** Resolves after this many milliseconds, or when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Whether a promise is fulfilled before so many milliseconds have passed; waits no longer than that. */
export async function isSettledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const enough = new AbortController();
  const first = await Promise.race([promise.then(() => true), pause(ms, enough.signal).then(() => false)]);
  // With a reason: making the default one is dear.
  enough.abort('done');
  return first;
}
