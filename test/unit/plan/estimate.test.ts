// Estimates: what is known of each kind of task, what that means for the whole, and that nothing is made up.
import { expect, test } from 'vitest';
import { estimate, spread } from '../../../src/plan/estimate.ts';
import type { Sample } from '../../../src/plan/estimate.ts';
import { agentTask, plan, task } from '../../support/plan.ts';

const samples = (agent: string | null, ms: readonly number[], costUsd: number | null = null): Sample[] => ms.map((tookMs) => ({ agent, model: null, tookMs, costUsd }));

test('half and nine of ten by nearest rank, and nothing of fewer than three', () => {
  expect(spread([5, 1, 3])).toEqual({ p50: 3, p90: 5 });
  expect(spread(Array.from({ length: 100 }, (_, i) => i + 1))).toEqual({ p50: 50, p90: 90 });
  expect([spread([]), spread([1, 2])]).toEqual([null, null]);
});

test('what never ran here is unknown, and so is the whole', () => {
  const { groups, ms, usd } = estimate(plan([agentTask('a'), agentTask('b', { agent: 'mine' })]), samples('claude', [10, 20, 30], 0.5));
  expect(groups).toEqual([
    { agent: 'claude', model: null, tasks: 1, samples: 3, ms: { p50: 20, p90: 30 }, usd: { p50: 0.5, p90: 0.5 } },
    { agent: 'mine', model: null, tasks: 1, samples: 0, ms: null, usd: null },
  ]);
  expect([ms, usd]).toEqual([null, null]);
});

test('models are told apart', () => {
  const work = { ...agentTask('a').work, model: 'haiku' } as never;
  expect(estimate(plan([agentTask('a', { work })]), samples('claude', [10, 20, 30])).ms).toBeNull();
});

test('the whole takes as long as its slots and its longest chain make it', () => {
  const took = samples(null, [10, 10, 10]);
  const wide = Array.from({ length: 10 }, (_, i) => task(`t${i}`));
  const chain = Array.from({ length: 10 }, (_, i) => task(`t${i}`, { needs: i === 0 ? [] : [`t${i - 1}`] }));
  expect(estimate(plan(wide, { maxParallel: 4 }), took).ms).toEqual({ p50: 30, p90: 30 });
  expect(estimate(plan(wide, { maxParallel: 100 }), took).ms).toEqual({ p50: 10, p90: 10 });
  expect(estimate(plan(chain), took).ms).toEqual({ p50: 100, p90: 100 });
  expect(estimate(plan(wide), took).usd).toEqual({ p50: 0, p90: 0 });
  expect(estimate(plan(Array.from({ length: 8 }, (_, i) => agentTask(`t${i}`))), samples('claude', [1, 1, 1], 0.25)).usd).toEqual({ p50: 2, p90: 2 });
});
