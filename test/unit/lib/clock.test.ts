// Awake time stands still while nobody runs; waiting ends when it should.
import { describe, expect, it } from 'vitest';
import { createClock } from '../../../src/effects/clock.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

describe('the clock', () => {
  it('does not count a gap that it did not live through', () => {
    let now = 1000;
    const clock = createClock(() => now);
    const began = clock.awake();
    now += 400;
    expect(clock.awake() - began).toBe(400);
    now += 8 * 3_600_000;
    expect(clock.awake() - began).toBeLessThanOrEqual(1400);
    now -= 5000;
    const back = clock.awake();
    now += 10;
    expect(clock.awake() - back).toBe(10);
  });

  it('waits until an instant or an abort, and never rejects', async () => {
    const clock = createClock();
    const began = Date.now();
    await clock.until(began + 60);
    expect(Date.now() - began).toBeGreaterThanOrEqual(60);
    const stop = new AbortController();
    const waiting = clock.until(Date.now() + 90 * 86_400_000, stop.signal);
    stop.abort();
    await waiting;
    await clock.until(Date.now() + 1000, AbortSignal.abort());
    await clock.until(0);
  });
});

describe('the fake clock', () => {
  it('moves only when told', async () => {
    const clock = createFakeClock();
    const order: string[] = [];
    const late = clock.until(clock.now() + 2000).then(() => order.push('late'));
    const early = clock.until(clock.now() + 1000).then(() => order.push('early'));
    clock.advance(2000);
    await Promise.all([late, early]);
    expect([order, clock.awake()]).toEqual([['early', 'late'], 2000]);
    clock.sleep(5000);
    expect(clock.awake()).toBe(2000);
  });
});
