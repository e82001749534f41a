// Ten thousand tasks must not cost a quadratic fold: counted in reductions, not in seconds.
import { expect, test } from 'vitest';
import { decide } from '../../../src/run/decide.ts';
import type { Fact, RunEvent } from '../../../src/run/events.ts';
import { reduce } from '../../../src/run/reduce.ts';
import { initialState, type RunState } from '../../../src/run/state.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { plan as planOf, task } from '../../support/plan.ts';

/** Runs a plan whose every phase succeeds at once; returns the number of facts. */
function runAll(plan: Plan): { facts: number; state: RunState } {
  let state = initialState(plan);
  const take = (fact: Fact): void => {
    const event: RunEvent = { v: 1, seq: state.seq + 1, at: state.seq, run: plan.run, ...fact };
    state = reduce(plan, state, event);
  };
  take({ type: 'run-started', format: 1, name: 'x', base: '0', target: null, tasks: plan.tasks.length, plan: '' });
  for (;;) {
    const decision = decide(plan, state, state.seq);
    if (decision === undefined) return { facts: state.seq, state };
    if ('wakeAt' in decision) throw new Error('nothing should wait');
    if ('record' in decision) take(decision.record);
    else {
      take({ type: 'phase-started', ...decision.launch });
      take({ type: 'phase-finished', ...decision.launch, result: { ok: true, detail: {} } });
    }
  }
}

test.each([
  ['independent', (i: number) => task(`t${i}`)],
  ['in one chain', (i: number) => task(`t${i}`, { needs: i === 0 ? [] : [`t${i - 1}`] })],
])('10,000 tasks %s come to their end', (_, make) => {
  const { facts, state } = runAll(planOf(Array.from({ length: 10_000 }, (__, i) => make(i)), { maxParallel: 16 }));
  expect(state.counts.completed).toBe(10_000);
  expect(state.exitCode).toBe(0);
  expect(facts).toBe(10_000 * 5 + 2);
});
