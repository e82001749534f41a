import { describe, expect, test } from 'vitest';
import type { FailureReason, TaskOutcome } from '../../../src/run/events.ts';
import { exitCodeOf, failuresOf, isMaxFailReached, keptBecause, outcomeOf } from '../../../src/run/outcome.ts';
import { initialState, type RunState, type TaskState } from '../../../src/run/state.ts';
import { plan as planOf, task } from '../../support/plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';

type End = readonly [TaskOutcome, FailureReason | null];
const OK: End = ['completed', null];

function settled(plan: Plan, ends: readonly End[], over: Partial<RunState> = {}): RunState {
  const state = initialState(plan);
  const tasks = state.tasks.map((t, i): TaskState => ({ ...t, now: { at: 'settled', outcome: ends[i]?.[0] ?? 'completed', reason: ends[i]?.[1] ?? null, message: null } }));
  const count = (outcome: TaskOutcome): number => ends.filter(([o]) => o === outcome).length;
  return { ...state, tasks, counts: { ...state.counts, waiting: 0, completed: count('completed'), failed: count('failed'), timedOut: count('timed-out'), skipped: count('skipped'), cancelled: count('cancelled') }, ...over };
}
const two = planOf([task('a'), task('b')]);

describe('exit codes', () => {
  test.each<[string, readonly End[], number]>([
    ['all completed', [OK, OK], 0],
    ['one failed', [OK, ['failed', 'agent-error']], 1],
    ['one timed out', [OK, ['timed-out', 'timeout']], 1],
    ['only the limit', [OK, ['failed', 'rate-limited']], 75],
    ['the limit and what hangs on it', [['cancelled', 'usage-limit'], ['skipped', 'dependency']], 75],
    ['the limit and a real failure', [['cancelled', 'rate-limited'], ['failed', 'no-changes']], 1],
    ['max-fail', [['failed', 'agent-error'], ['cancelled', 'max-fail']], 1],
  ])('%s', (_, ends, code) => {
    expect(exitCodeOf(two, settled(two, ends))).toBe(code);
  });

  test.each([['interrupted', 130], ['terminated', 143], ['hangup', 129], ['journal-failed', 74]] as const)('%s wins over everything', (cancelling, code) => {
    expect(exitCodeOf(two, settled(two, [OK, ['failed', 'agent-error']], { cancelling }))).toBe(code);
  });

  test('continue-on-error forgives a failure, but not what was never tried', () => {
    const plan = planOf([task('a', { continueOnError: true }), task('b', { needs: ['a'] })]);
    expect(exitCodeOf(plan, settled(plan, [['failed', 'verify-failed'], OK]))).toBe(0);
    expect(exitCodeOf(plan, settled(plan, [['failed', 'verify-failed'], ['skipped', 'dependency']]))).toBe(1);
    expect(exitCodeOf(plan, settled(plan, [['cancelled', 'rate-limited'], OK]))).toBe(75);
  });
});

test.each<[FailureReason, TaskOutcome]>([
  ['timeout', 'timed-out'], ['idle', 'timed-out'], ['interrupted', 'cancelled'], ['max-fail', 'cancelled'], ['dependency', 'skipped'],
  ['needs-conflict', 'skipped'], ['budget', 'over-budget'], ['no-changes', 'failed'], ['auth', 'failed'], ['tampered', 'failed'],
])('%s ends as %s', (reason, outcome) => {
  expect(outcomeOf(reason)).toBe(outcome);
});

describe('max-fail', () => {
  const plan = (maxFail: Plan['maxFail'], n = 20) => planOf(Array.from({ length: n }, (_, i) => task(`t${i}`)), { maxFail });
  const failing = (n: number, of: number): End[] => Array.from({ length: of }, (_, i) => (i < n ? ['failed', 'agent-error'] : OK));
  test('a count is reached by that many failures', () => {
    const p = plan({ kind: 'count', count: 2 });
    expect(isMaxFailReached(p, settled(p, failing(1, 20)))).toBe(false);
    expect(isMaxFailReached(p, settled(p, failing(2, 20)))).toBe(true);
  });
  test('a percentage counts only after ten have finished', () => {
    const small = plan({ kind: 'percent', percent: 10 }, 9);
    expect(isMaxFailReached(small, settled(small, failing(9, 9)))).toBe(false);
    const p = plan({ kind: 'percent', percent: 10 });
    expect(isMaxFailReached(p, settled(p, failing(1, 20)))).toBe(false);
    expect(isMaxFailReached(p, settled(p, failing(2, 20)))).toBe(true);
  });
  test('tolerated tasks and failures before a resume do not count', () => {
    const p = planOf([task('a', { continueOnError: true }), task('b')], { maxFail: { kind: 'count', count: 1 } });
    expect(isMaxFailReached(p, settled(p, [['failed', 'agent-error'], OK]))).toBe(false);
    const state = settled(two, [['failed', 'agent-error'], OK]);
    const strict = { ...two, maxFail: { kind: 'count', count: 1 } as const };
    expect(isMaxFailReached(strict, { ...state, forgiven: { failed: failuresOf(state.counts), completed: 1 } })).toBe(false);
  });
});

test.each([['failed', 'completed', null], ['failed', 'failed', 'keep: failed'], ['never', 'failed', null], ['always', 'completed', 'keep: always']] as const)(
  'keep: %s and %s → %s',
  (keep, outcome, kept) => {
    const p = planOf([task('a')], { worktrees: { root: '/x', copy: [], link: [], keep } });
    expect(keptBecause(p, settled(p, [[outcome, null]]).tasks[0] as TaskState)).toBe(kept);
  },
);
