// A budget: what is reserved before a start, over random costs, and what happens when it is used up.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowanceOf, purseOf } from '../../../src/run/budget.ts';
import { decide } from '../../../src/run/decide.ts';
import type { AgentReport } from '../../../src/run/events.ts';
import { exitCodeOf } from '../../../src/run/outcome.ts';
import type { Budget, Plan } from '../../../src/plan/plan.ts';
import { agentTask, plan, task } from '../../support/plan.ts';
import { Story } from '../../support/story.ts';
import { tries } from '../../support/tries.ts';

const report = (costUsd: number | null): AgentReport => ({ sessionId: 's', model: 'm', costUsd, tokens: null, turns: 1, result: null });
const budget = (over: Partial<Budget>): Budget => ({ usd: null, usdPerTask: null, expected: {}, ...over });
const many = (count: number) => Array.from({ length: count }, (_, i) => agentTask(`t${i}`));

interface Spent {
  readonly story: Story;
  /** The most that was spent and, as far as it was known, still being spent at any start. */
  readonly mostAtOnce: number;
  readonly mostRunning: number;
}

/** Runs a plan whose attempts cost what `costOf` says, but no more than their allowance if the program obeys one. */
function run(frozen: Plan, costOf: (id: string, attempt: number) => number | null, { obeys = true, story = new Story(frozen) }: { obeys?: boolean; story?: Story } = {}): Spent {
  if (story.events.length === 0) story.begin();
  // Warming up is another test's matter.
  story.state = { ...story.state, warm: ['claude '] };
  const running: { id: string; attempt: number; costs: number | null; allowance: number | null }[] = [];
  let [mostAtOnce, mostRunning] = [0, 0];
  for (let steps = 0; steps < 5000; steps += 1) {
    const decision = decide(frozen, story.state, story.now);
    if (decision !== undefined && 'record' in decision) {
      story.tell(decision.record);
      if (decision.record.type === 'run-finished') return { story, mostAtOnce, mostRunning };
    } else if (decision !== undefined && 'launch' in decision) {
      const { phase, task: id, attempt } = decision.launch;
      story.tell({ type: 'phase-started', ...decision.launch });
      if (phase === 'prepare') story.finish(id, { ok: true, detail: { start: 'b'.repeat(40) } }, attempt);
      else if (phase === 'verify') story.finish(id, { ok: true, detail: {} }, attempt);
      else {
        const isAgent = frozen.tasks.find((one) => one.id === id)?.work.kind === 'agent';
        const allowance = isAgent ? allowanceOf(frozen, story.state, frozen.tasks.findIndex((one) => one.id === id)) : null;
        running.push({ id, attempt, costs: isAgent ? costOf(id, attempt) : null, allowance });
        mostRunning = Math.max(mostRunning, running.filter(({ costs }) => costs !== null).length);
        mostAtOnce = Math.max(mostAtOnce, story.state.costUsd + running.reduce((sum, { costs }) => sum + (costs ?? 0), 0));
      }
    } else {
      const done = running.shift();
      story.now += 8000;
      if (done === undefined) { if (decision === undefined) throw new Error('the run hangs'); continue; }
      const { id, attempt, costs, allowance } = done;
      const isCut = obeys && costs !== null && allowance !== null && costs > allowance;
      const detail = { report: report(isCut ? allowance : costs) };
      story.finish(id, isCut ? { ok: false, reason: 'budget', retry: 'never', message: 'Reached maximum budget', detail } : { ok: true, detail }, attempt);
      if (!story.plan.tasks.some(({ verify }) => verify.length > 0)) story.tell(decideSettle(story));
    }
  }
  throw new Error('does not end');
}

function decideSettle(story: Story) {
  const decision = decide(story.plan, story.state, story.now);
  if (decision === undefined || !('record' in decision)) throw new Error('nothing to settle');
  return decision.record;
}

describe('a budget of 1.00 with tasks of 0.30', () => {
  test('starts three of them, is never exceeded, and exits 75', () => {
    const frozen = plan(many(10), { maxParallel: 4, budget: budget({ usd: 1 }) });
    const { story, mostAtOnce } = run(frozen, () => 0.3, { obeys: false });
    expect(mostAtOnce).toBeLessThanOrEqual(1.0001);
    expect(story.state.costUsd).toBeCloseTo(0.9);
    expect(story.state.counts).toMatchObject({ completed: 3, overBudget: 7 });
    expect(exitCodeOf(frozen, story.state)).toBe(75);
    const strict = plan(many(10), { maxParallel: 4, budget: budget({ usd: 1 }), maxFail: { kind: 'count', count: 1 } });
    expect(exitCodeOf(strict, run(strict, () => 0.3).story.state), 'want of money is no failure').toBe(75);
    expect(story.state.tasks[9]?.now).toMatchObject({ outcome: 'over-budget', reason: 'budget', message: 'not started: $0.90 of $1.00 are spent, and it may take $0.30' });
  });

  test('goes on after a resume with a larger one, and does nothing after one without', () => {
    const frozen = plan(many(10), { maxParallel: 4, budget: budget({ usd: 1 }) });
    const { story } = run(frozen, () => 0.3);
    story.tell({ type: 'run-resumed', failed: false });
    expect(run(frozen, () => 0.3, { story }).story.state.counts).toMatchObject({ completed: 3, overBudget: 7 });
    story.tell({ type: 'run-resumed', failed: false, budgetUsd: 10 });
    expect(run(frozen, () => 0.3, { story }).story.state.counts).toMatchObject({ completed: 10 });
    expect(story.state.costUsd).toBeCloseTo(3);
  });

  test('starts side by side what is known to fit, from runs before', () => {
    const known = budget({ usd: 1, expected: { 'claude ': 0.3 } });
    expect(run(plan(many(10), { maxParallel: 8, budget: known }), () => 0.3).mostRunning).toBe(3);
    expect(run(plan(many(10), { maxParallel: 8, budget: budget({ usd: 1 }) }), () => 0.3).mostRunning, 'the first one alone').toBe(2);
  });

  test('and a larger limit for each task: one after the other, as long as there is enough for one like those before', () => {
    const { story, mostRunning } = run(plan(many(10), { maxParallel: 4, budget: budget({ usd: 1, usdPerTask: 1 }) }), () => 0.3);
    expect(story.state.counts).toMatchObject({ completed: 3, overBudget: 7 });
    expect(mostRunning).toBe(1);
  });

  test('does not hold back commands, nor agents that nobody learns the costs of', () => {
    const agents = { ...plan([]).agents, mine: { name: 'mine', adapter: 'command', command: ['mine'], prompt: 'stdin', output: 'text', args: [], env: {} } } as const;
    const frozen = plan([agentTask('a'), agentTask('b'), task('c'), agentTask('d', { agent: 'mine' })], { agents, budget: budget({ usd: 0.3 }) });
    const { story } = run(frozen, (id) => (id === 'd' ? null : 0.3));
    expect(story.state.tasks.map(({ now }) => (now.at === 'settled' ? now.outcome : ''))).toEqual(['completed', 'over-budget', 'completed', 'completed']);
  });
});

test('over random costs the limit holds as far as programs obey it, and every task has an end', () => {
  fc.assert(fc.property(
    fc.record({
      costs: fc.array(fc.double({ min: 0.01, max: 2, noNaN: true }), { minLength: 1, maxLength: 15 }), usd: fc.option(fc.double({ min: 0.05, max: 5, noNaN: true })),
      usdPerTask: fc.option(fc.double({ min: 0.05, max: 2, noNaN: true })), maxParallel: fc.integer({ min: 1, max: 6 }), known: fc.boolean(),
    }),
    ({ costs, usd, usdPerTask, maxParallel, known }) => {
      const frozen = plan(many(costs.length), { maxParallel, budget: budget({ usd, usdPerTask, expected: known ? { 'claude ': 0.5 } : {} }) });
      const { story } = run(frozen, (id) => costs[Number(id.slice(1))] ?? 0);
      expect(story.state.counts.waiting + story.state.counts.running).toBe(0);
      // Side by side, and without limits of their own, the others may take more than any before them.
      const overshoot = maxParallel === 1 || usdPerTask !== null ? 0 : (maxParallel - 1) * Math.max(...costs);
      if (usd !== null) expect(story.state.costUsd).toBeLessThanOrEqual(usd + overshoot + 1e-4);
      if (usdPerTask !== null) for (const one of story.state.tasks) expect(one.report?.costUsd ?? 0).toBeLessThanOrEqual(usdPerTask + 1e-4);
      if (usd === null && usdPerTask === null) expect(story.state.counts.completed).toBe(costs.length);
    },
  ), { numRuns: tries(400) });
});

test('a program is told what nobody else has reserved', () => {
  const frozen = plan(many(2), { budget: budget({ usd: 1, expected: { 'claude ': 0.3 } }) });
  const story = new Story(frozen);
  story.begin();
  story.start('t0');
  expect(allowanceOf(frozen, story.state, 0)).toBe(1);
  story.start('t1');
  expect([0, 1].map((index) => allowanceOf(frozen, story.state, index))).toEqual([0.7, 0.7]);
});

test('a limit of each task counts all its attempts, and ends it before another one', () => {
  const frozen = plan([agentTask('a', { retries: 5 })], { budget: budget({ usdPerTask: 0.5 }) });
  const story = new Story(frozen);
  story.begin();
  for (const attempt of [1, 2]) {
    for (let decision = decide(frozen, story.state, story.now); decision !== undefined && 'launch' in decision; decision = decide(frozen, story.state, story.now)) {
      story.tell({ type: 'phase-started', ...decision.launch });
      if (decision.launch.phase === 'prepare') story.finish('a', { ok: true, detail: { worktree: '/w', start: 'b'.repeat(40) } }, attempt);
    }
    expect(allowanceOf(frozen, story.state, 0)).toBe(attempt === 1 ? 0.5 : 0.25);
    expect(purseOf(frozen, story.state).usd).toBeNull();
    story.finish('a', { ok: false, reason: 'agent-error', retry: 'agent', message: 'no', detail: { report: report(0.25) } }, attempt);
  }
  expect(decide(frozen, story.state, story.now)).toMatchObject({ record: { outcome: 'over-budget', message: 'its limit of $0.50 is spent' } });
});
