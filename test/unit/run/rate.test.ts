// How many attempts a provider is given: the throttle by itself, and the real driver against providers that refuse.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lower, raise } from '../../../src/run/throttle.ts';
import type { ThrottleState } from '../../../src/run/state.ts';
import { agentTask, plan, task } from '../../support/plan.ts';
import { runAgainst } from './provider-model.ts';
import { Story } from '../../support/story.ts';
import { decide } from '../../../src/run/decide.ts';

const many = (count: number) => Array.from({ length: count }, (_, i) => agentTask(`t${i}`));

describe('the throttle', () => {
  test('a refusal never raises it, success raises it one at a time, and it never stops everything', () => {
    const events = fc.array(fc.record({ isRefusal: fc.boolean(), index: fc.nat(9), count: fc.integer({ min: 1, max: 10 }), isFirst: fc.boolean() }), { maxLength: 200 });
    fc.assert(fc.property(events, fc.integer({ min: 2, max: 10 }), (list, maxParallel) => {
      let state: ThrottleState | undefined;
      for (const { isRefusal, index, count, isFirst } of list) {
        const before = state?.slots ?? maxParallel;
        const atWork = [...new Set([index, ...Array.from({ length: Math.min(count, maxParallel) - 1 }, (_, i) => i)])];
        if (isRefusal) state = lower(state, { index, atWork, isFirst });
        else if (state !== undefined) state = raise(state, maxParallel);
        const after = state?.slots ?? maxParallel;
        expect(after).toBeGreaterThanOrEqual(1);
        if (isRefusal) expect(after).toBeLessThanOrEqual(Math.max(before, 1));
        else expect(after - before === 0 || after - before === 1 || state === undefined).toBe(true);
      }
    }));
  });

  test('halves at once, keeps those that are answered, and goes back by one from a probe that failed', () => {
    const eight = [0, 1, 2, 3, 4, 5, 6, 7];
    let state = lower(undefined, { index: 0, atWork: eight, isFirst: true });
    expect(state.slots).toBe(4);
    for (const index of [1, 2, 3, 4]) state = lower(state, { index, atWork: eight, isFirst: false });
    expect(state).toMatchObject({ slots: 3, ceiling: 8 });
    expect(lower(state, { index: 4, atWork: [4, 5], isFirst: true }).slots, 'its own echo').toBe(1);
    const probing: ThrottleState = { slots: 4, ceiling: 4, successes: 0, refused: [], announced: true };
    expect(lower(probing, { index: 0, atWork: [0, 1, 2, 3], isFirst: true })).toMatchObject({ slots: 3, ceiling: 4 });
  });
});

describe('forty tasks against a provider that takes three requests at once', () => {
  test.each([[4, 0], [4, 2], [8, 0], [8, 2]])('%i at once, clients that try %i times more', async (maxParallel, clientRetries) => {
    const run = await runAgainst(plan(many(40), { maxParallel }), { capacity: 3, requests: 3, requestMs: 2000, clientRetries, retryDelayMs: 600 });
    expect(run.end.exitCode).toBe(0);
    expect(run.end.state.counts.completed).toBe(40);
    expect(Math.max(...run.end.state.tasks.map(({ counted }) => counted))).toBe(0);
    expect(run.sent).toBeLessThanOrEqual(1.3 * 120);
    const later = run.atWork.slice(run.atWork.length / 3).map(({ count }) => count);
    expect(Math.max(...later)).toBeLessThanOrEqual(4);
    expect(later.filter((count) => count >= 2).length).toBeGreaterThan(0.9 * later.length);
    // Not by waiting: nothing but the first minute is lost over three at a time.
    expect(run.tookMs).toBeLessThan(40 * 3 * 2000 / 3 + 30_000);
  });

  test('one that takes everything is never held back once the first was answered', async () => {
    const run = await runAgainst(plan(many(40), { maxParallel: 8 }), { capacity: 8, requests: 3, requestMs: 2000, clientRetries: 2, retryDelayMs: 600 });
    expect(run.sent).toBe(120);
    expect(run.journal.filter(({ type }) => type === 'gate-changed')).toEqual([]);
    expect(run.journal.filter(({ type }) => type === 'provider-signal')).toHaveLength(1);
    expect(run.tookMs).toBeLessThanOrEqual(40 * 3 * 2000 / 8 + 2 * 2000);
  });
});

/** What can be started at this moment. */
function launches(story: Story): string[] {
  const started: string[] = [];
  for (;;) {
    const decision = decide(story.plan, story.state, story.now);
    if (decision === undefined || 'wakeAt' in decision) return started;
    if ('record' in decision) story.tell(decision.record);
    else {
      story.tell({ type: 'phase-started', ...decision.launch });
      started.push(`${decision.launch.phase} ${decision.launch.task}`);
      if (decision.launch.phase === 'prepare') story.finish(decision.launch.task, { ok: true, detail: { worktree: '/w', start: 'b'.repeat(40) } });
    }
  }
}

describe('the first of a model goes ahead', () => {
  const begin = (tasks: Parameters<typeof plan>[0], over: Parameters<typeof plan>[1] = {}): Story => {
    const story = new Story(plan(tasks, over));
    story.begin();
    return story;
  };

  test('until it is answered; the others are prepared meanwhile', () => {
    const story = begin(many(3));
    expect(launches(story)).toEqual(['prepare t0', 'work t0', 'prepare t1', 'prepare t2']);
    expect(decide(story.plan, story.state, story.now)).toEqual({ wakeAt: story.now + 8000 });
    story.tell({ type: 'provider-signal', task: 't0', attempt: 1, signal: { kind: 'answered' } });
    expect(launches(story)).toEqual(['work t1', 'work t2']);
  });

  test('for so long and no longer', () => {
    const story = begin(many(2));
    expect(launches(story)).not.toContain('work t1');
    story.wait(8000);
    expect(launches(story)).toEqual(['work t1']);
  });

  test('never of commands, of programs without a known provider, or of another model', () => {
    const agents = { ...plan([]).agents, mine: { name: 'mine', adapter: 'command', command: ['mine'], prompt: 'stdin', output: 'text', args: [], env: {} } } as const;
    const [first, second] = many(2);
    const other = { ...agentTask('other'), work: { ...agentTask('other').work, model: 'opus' } as ReturnType<typeof agentTask>['work'] };
    const story = begin([first, second, other, agentTask('m1', { agent: 'mine' }), agentTask('m2', { agent: 'mine' }), task('r1'), task('r2')].filter((one) => one !== undefined), { agents, maxParallel: 7 });
    expect(launches(story)).toEqual(expect.arrayContaining(['work t0', 'work other', 'work m1', 'work m2', 'work r1', 'work r2']));
    expect(story.state.active.filter((index) => story.state.tasks[index]?.now.at === 'running')).toHaveLength(6);
  });

  test('those that wait hold no slot that a command could have', () => {
    const story = begin([...many(3), task('r1'), task('r2')], { maxParallel: 3 });
    expect(launches(story)).toEqual(expect.arrayContaining(['work t0', 'work r1', 'work r2']));
  });
});

describe('a refusal while an attempt is under way', () => {
  test('lowers the number before the attempt has ended, and pauses new starts for a moment', () => {
    const story = new Story(plan(many(10), { maxParallel: 4 }));
    story.begin();
    story.state = { ...story.state, warm: ['claude '] };
    launches(story);
    story.tell({ type: 'provider-signal', task: 't1', attempt: 1, signal: { kind: 'refused', message: 'rate_limit (429)', delayMs: 500 } });
    expect(story.state.throttles['claude']).toMatchObject({ slots: 2 });
    story.complete('t0');
    story.wait(2000);
    launches(story);
    expect(story.events.findLast(({ type }) => type === 'gate-changed')).toMatchObject({ slots: 2, reason: 'rate_limit (429)' });
    expect(story.state.active.filter((index) => story.state.tasks[index]?.now.at === 'running')).toHaveLength(3);
    story.complete('t1');
    // Two have ended well at two at once: three from now on, and two are at work.
    expect(launches(story).filter((one) => one.startsWith('work'))).toHaveLength(1);
  });

  test('of an attempt that has ended says nothing', () => {
    const story = new Story(plan(many(2)));
    story.begin();
    story.start('t0');
    story.complete('t0');
    const before = story.state;
    story.tell({ type: 'provider-signal', task: 't0', attempt: 1, signal: { kind: 'used-up', message: 'limit', resetsAt: story.now + 1e9 } });
    expect({ ...story.state, seq: 0 }).toEqual({ ...before, seq: 0 });
    story.start('t1');
    const running = story.state;
    story.tell({ type: 'provider-signal', task: 't1', attempt: 2, signal: { kind: 'refused', message: '429', delayMs: null } });
    expect(story.state.gates).toEqual(running.gates);
    story.tell({ type: 'provider-signal', task: 't1', attempt: 1, signal: { kind: 'refused', message: '429', delayMs: null } });
    expect(story.state.gates).not.toEqual(running.gates);
  });
});
