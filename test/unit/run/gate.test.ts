import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/run/decide.ts';
import { closeGate, isBeyond, openGate, seedOf } from '../../../src/run/gate.ts';
import { FRESH, initialState, type TaskState } from '../../../src/run/state.ts';
import { agentTask, plan } from '../../support/plan.ts';

const at = (ms: number, notBefore: number | null = null, seed = 0) => ({ at: ms, notBefore, reason: '429', seed });

describe('the gate', () => {
  test('backs off exponentially over separate episodes, and forgets after a success', () => {
    const first = closeGate(undefined, at(1000));
    expect(first).toMatchObject({ closedUntil: 6000, failures: 1, since: 1000, announced: false });
    const second = closeGate(first, at(6000));
    expect(second).toMatchObject({ closedUntil: 16_000, failures: 2, since: 1000 });
    expect(openGate(second)).toMatchObject({ closedUntil: 0, failures: 0 });
    expect(closeGate(openGate(second), at(20_000))).toMatchObject({ closedUntil: 25_000, failures: 1, since: 20_000 });
  });

  test('siblings that report the same trouble do not lengthen the back-off', () => {
    const first = closeGate(undefined, at(1000));
    expect(closeGate(first, at(1500)).failures).toBe(1);
    expect(closeGate(first, at(1500)).closedUntil).toBe(6500);
  });

  test('never opens before what the provider asked for, and never earlier than it already said', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1e9 }), fc.nat(1e9), fc.nat(1000), fc.nat(1e6), (now, ask, seed, later) => {
      const first = closeGate(undefined, { at: now, notBefore: ask, reason: 'r', seed: seedOf(seed) });
      expect(first.closedUntil).toBeGreaterThanOrEqual(ask);
      expect(first.closedUntil).toBeGreaterThanOrEqual(now + 5000);
      expect(closeGate(first, at(now + later)).closedUntil).toBeGreaterThanOrEqual(first.closedUntil);
    }));
  });

  test('is beyond max-wait by how long it has been closed, not by the last wait', () => {
    expect(isBeyond(closeGate(undefined, at(0)), 5000)).toBe(false);
    expect(isBeyond(closeGate(undefined, at(0)), 4999)).toBe(true);
    expect(isBeyond(closeGate(undefined, at(0, 10_800_000)), 1_800_000)).toBe(true);
  });

  test('seeds are in [0, 1) and differ', () => {
    const seeds = Array.from({ length: 100 }, (_, i) => seedOf(i));
    expect(Math.min(...seeds)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...seeds)).toBeLessThan(1);
    expect(new Set(seeds).size).toBeGreaterThan(80);
  });
});

test('a task that is cancelled at a limit has the reason that its own provider gave', () => {
  const two = plan([agentTask('a'), agentTask('b'), agentTask('c')]);
  const settled = (lastFailure: TaskState['lastFailure']): object | undefined => {
    const tasks = [{ ...FRESH, lastFailure }, FRESH, FRESH];
    const decision = decide(two, { ...initialState(two), tasks, cancelling: 'provider-limit' }, 0);
    return decision !== undefined && 'record' in decision ? decision.record : undefined;
  };
  expect(settled({ reason: 'usage-limit', message: 'until Monday' })).toMatchObject({ outcome: 'cancelled', reason: 'usage-limit', message: 'the provider’s limit lasts longer than max-wait: until Monday' });
  expect(settled({ reason: 'overloaded', message: '503' })).toMatchObject({ outcome: 'cancelled', reason: 'overloaded' });
  expect(settled({ reason: 'verify-failed', message: 'npm test' })).toMatchObject({ outcome: 'cancelled', reason: 'rate-limited', message: 'the provider’s limit lasts longer than max-wait' });
  expect(settled(null)).toMatchObject({ outcome: 'cancelled', reason: 'rate-limited' });
});
