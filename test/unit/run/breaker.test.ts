// What stops a run from repeating one failure: an unknown login, and infrastructure that fails the same way for everybody.
import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/run/decide.ts';
import type { PhaseResult } from '../../../src/run/events.ts';
import { exitCodeOf } from '../../../src/run/outcome.ts';
import { agentTask, plan, task } from '../../support/plan.ts';
import { Story } from '../../support/story.ts';

/** Runs a plan; `result` says how each phase of each task ends. */
function run(tasks: Parameters<typeof plan>[0], result: (task: string, phase: string, attempt: number) => PhaseResult | null, over: Parameters<typeof plan>[1] = {}): Story {
  const story = new Story(plan(tasks, { maxParallel: 2, ...over }));
  story.begin();
  story.state = { ...story.state, warm: over.agents === undefined ? [] : story.state.warm };
  for (let steps = 0; steps < 2000; steps += 1) {
    const decision = decide(story.plan, story.state, story.now);
    if (decision !== undefined && 'wakeAt' in decision) story.now = decision.wakeAt;
    else if (decision !== undefined && 'record' in decision) story.tell(decision.record);
    else if (decision !== undefined) story.tell({ type: 'phase-started', ...decision.launch });
    if (decision !== undefined) continue;
    const running = story.state.active.find((index) => story.state.tasks[index]?.now.at === 'running');
    const now = running === undefined ? undefined : story.state.tasks[running]?.now;
    const id = story.plan.tasks[running ?? -1]?.id;
    if (now?.at !== 'running' || id === undefined) return story;
    const detail = now.phase === 'prepare' ? { worktree: `/w/${id}`, start: 'b'.repeat(40) } : {};
    story.finish(id, result(id, now.phase, now.attempt) ?? { ok: true, detail }, now.attempt);
  }
  throw new Error('does not end');
}

const auth: PhaseResult = { ok: false, reason: 'auth', retry: 'never', message: 'Invalid API key', detail: {} };
const infra = (message: string): PhaseResult => ({ ok: false, reason: 'setup-failed', retry: 'infrastructure', message, detail: {} });
const agents = Array.from({ length: 20 }, (_, i) => agentTask(`t${i}`));
const worked = (story: Story): number => story.events.filter((event) => event.type === 'phase-started' && event.phase === 'work').length;

describe('a login that is refused', () => {
  test('is tried once, said once, and the rest is not started; commands go on', () => {
    const story = run([...agents, task('build')], (id, phase) => (id !== 'build' && phase === 'work' ? auth : null));
    expect(worked(story) - 1).toBeLessThanOrEqual(2);
    expect(story.events.filter(({ type }) => type === 'starts-stopped')).toHaveLength(1);
    expect(story.state.tasks.at(-1)?.now).toMatchObject({ outcome: 'completed' });
    expect(story.state.tasks[19]?.now).toMatchObject({ outcome: 'cancelled', reason: 'auth', message: expect.stringContaining('Invalid API key') as string });
    expect(exitCodeOf(story.plan, story.state)).toBe(1);
    const forgiving = run(agents.map((one) => ({ ...one, continueOnError: true })), (_, phase) => (phase === 'work' ? auth : null));
    expect(exitCodeOf(forgiving.plan, forgiving.state), 'not to be started is not to be forgiven').toBe(1);
    story.tell({ type: 'run-resumed', failed: false });
    expect(story.state.tasks[19]?.now).toMatchObject({ at: 'waiting' });
    expect(story.state.trouble).toEqual({});
  });

  test('once, after others were accepted, does not stop the others', () => {
    const story = run(agents, (id, phase) => (id === 't5' && phase === 'work' ? auth : null));
    expect(story.events.filter(({ type }) => type === 'starts-stopped')).toEqual([]);
    expect(story.state.counts).toMatchObject({ completed: 19, failed: 1 });
  });
});

describe('the same infrastructure failure', () => {
  test('of three tasks, five times in a row, ends the attempts of all', () => {
    const story = run(agents, (id, phase) => (phase === 'prepare' ? infra(`setup \`npm ci\` in /wt/${id}: exit 1`) : null));
    expect(story.events.filter((event) => event.type === 'phase-finished').length).toBeLessThan(12);
    expect(story.events.filter(({ type }) => type === 'starts-stopped')).toHaveLength(1);
    expect(story.state.counts.cancelled).toBeGreaterThan(15);
  });

  test('of one task alone is its own matter, and so are different ones', () => {
    const alone = run(agents, (id, phase) => (id === 't3' && phase === 'prepare' ? infra('no room') : null));
    expect(alone.state.counts).toMatchObject({ completed: 19, failed: 1 });
    const two = run(agents, (id, phase) => ((id === 't3' || id === 't4') && phase === 'prepare' ? infra('no room') : null), { maxParallel: 20 });
    expect(two.state.counts).toMatchObject({ completed: 18, failed: 2 });
    let n = 0;
    const varied = run(agents, (_, phase, attempt) => (phase === 'prepare' && attempt === 1 ? infra(`failure ${(n += 1)}`) : null));
    expect(varied.state.counts.completed).toBe(20);
  });
});
