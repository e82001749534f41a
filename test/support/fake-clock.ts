// A clock that stands still until a test moves it.
import type { Clock } from '../../src/effects/effects.ts';

export interface FakeClock extends Clock {
  /** Moves wall and awake time together, and wakes whoever waits for an instant that was reached. */
  advance(ms: number): void;
  /** Moves wall time alone: the machine slept. */
  sleep(ms: number): void;
}

export function createFakeClock(now = Date.UTC(2030, 0, 1)): FakeClock {
  let wall = now;
  let awake = 0;
  let waiting: { readonly at: number; readonly wake: () => void }[] = [];
  const move = (ms: number): void => {
    wall += ms;
    const due = waiting.filter(({ at }) => at <= wall).sort((a, b) => a.at - b.at);
    waiting = waiting.filter(({ at }) => at > wall);
    for (const { wake } of due) wake();
  };
  return {
    now: () => wall,
    awake: () => awake,
    until: (at, signal) =>
      new Promise((resolve) => {
        if (at <= wall || signal?.aborted === true) {
          resolve();
          return;
        }
        const entry = { at, wake: resolve };
        waiting.push(entry);
        signal?.addEventListener('abort', () => {
          waiting = waiting.filter((other) => other !== entry);
          resolve();
        }, { once: true });
      }),
    advance(ms) {
      awake += ms;
      move(ms);
    },
    sleep: move,
  };
}
