// Tasks of one concurrency group: one at a time, from the first phase of an attempt to its last.
import { expect, test } from 'vitest';
import { decide } from '../../../src/run/decide.ts';
import { plan, task } from '../../support/plan.ts';
import { DELIVERY, Story } from '../../support/story.ts';

const inGroup = (id: string) => task(id, { concurrency: 'ui', verify: ['true'] });

/** Does what is decided until nothing is; returns the launches, each of which ends well. */
function carryOn(story: Story): string[] {
  const launched: string[] = [];
  for (let decision = decide(story.plan, story.state, story.now); decision !== undefined && !('wakeAt' in decision); decision = decide(story.plan, story.state, story.now)) {
    if ('record' in decision) {
      story.tell(decision.record);
      if (decision.record.type === 'run-finished') break;
      if (decision.record.type === 'task-settled') story.tell({ type: 'worktree-released', task: decision.record.task, kept: null });
      continue;
    }
    const { phase, task: id, attempt } = decision.launch;
    launched.push(`${phase} ${id} ${attempt}`);
    story.tell({ type: 'phase-started', ...decision.launch });
    const beside = decide(story.plan, story.state, story.now);
    expect(beside === undefined || !('launch' in beside), `beside ${phase} ${id}`).toBe(true);
    story.finish(id, phase === 'prepare' ? { ok: true, detail: { worktree: `/worktrees/${id}`, start: 'b'.repeat(40) } } : { ok: true, detail: phase === 'work' ? { delivery: DELIVERY } : {} }, attempt);
  }
  return launched;
}

test('whoever has begun keeps the group until the end of its attempt', () => {
  const story = new Story(plan([inGroup('a'), inGroup('b')]));
  story.begin();
  expect(carryOn(story)).toEqual(['prepare a 1', 'work a 1', 'verify a 1', 'prepare b 1', 'work b 1', 'verify b 1']);
  expect(story.state.exitCode).toBe(0);
});

test('several that a resume finds in the middle of their attempts go on one after the other', () => {
  const story = new Story(plan([inGroup('a'), inGroup('b'), inGroup('c')]));
  story.begin();
  // Stopped while it was verified.
  story.start('a');
  story.finish('a', { ok: true, detail: { delivery: DELIVERY } });
  story.tell({ type: 'phase-started', phase: 'verify', task: 'a', attempt: 1 });
  story.finish('a', { ok: false, reason: 'interrupted', retry: 'never', message: 'stopped', detail: {} });
  story.settle('a', 'cancelled', { reason: 'interrupted', message: 'stopped' });
  // Then another was asked for by name, and waited for its provider when orch died.
  story.tell({ type: 'run-resumed', failed: false, tasks: ['b'] });
  story.start('b');
  story.finish('b', { ok: false, reason: 'rate-limited', retry: 'provider', message: 'later', detail: {} });
  story.tell({ type: 'run-resumed', failed: false });
  expect(carryOn(story)).toEqual(['verify a 1', 'work b 2', 'verify b 2', 'prepare c 1', 'work c 1', 'verify c 1']);
  expect(story.state.exitCode).toBe(0);
});
