// The document that programs read (spec §8), and its table.
import { expect, test } from 'vitest';
import { createPalette } from '../../../src/lib/color.ts';
import { textWidth } from '../../../src/lib/terminal.ts';
import { statusDocument } from '../../../src/reporters/status.ts';
import { statusText } from '../../../src/reporters/status-text.ts';
import { agentTask, plan, task } from '../../support/plan.ts';
import { DELIVERY, Story } from '../../support/story.ts';

function told(): Story {
  const story = new Story(plan([
    agentTask('docs.api-en', { name: 'Docs' }), task('b', { needs: ['docs.api-en'] }), task('c', { needs: ['b'] }), task('d'), task('e', { verify: ['x'] }), task('f'),
  ], { run: 'strict-types-20261120-073100', target: 'main' }));
  story.begin();
  story.start('docs.api-en');
  story.wait(61_200).complete('docs.api-en', {
    delivery: DELIVERY, log: '/log',
    report: { sessionId: 's', model: 'haiku', costUsd: 0.12, tokens: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 }, turns: 3, result: 'done' },
  });
  story.tell({ type: 'worktree-released', task: 'docs.api-en', kept: null });
  story.tell({ type: 'phase-started', phase: 'prepare', task: 'd', attempt: 1 });
  story.start('e');
  story.finish('e', { ok: true, detail: {} });
  story.tell({ type: 'phase-started', phase: 'verify', task: 'e', attempt: 1 });
  story.start('f');
  return story;
}
const document = (story: Story, live: boolean) => statusDocument(story.plan, story.state, { run: story.plan.run, now: story.now, live });

test('a run under way, key by key', () => {
  const story = told();
  const shown = document(story, true);
  expect({ ...shown, tasks: [] }).toEqual({
    v: 1, run: 'strict-types-20261120-073100', state: 'running', exitCode: null, base: '0'.repeat(40), target: 'main',
    startedAt: '2026-11-20T07:31:00.000Z', finishedAt: null, costUsd: 0.12, budgetUsd: null,
    counts: { queued: 2, running: 3, completed: 1, failed: 0, timedOut: 0, cancelled: 0, skipped: 0, overBudget: 0 }, gates: [], tasks: [],
  });
  expect(shown.tasks[0]).toEqual({
    outputs: {},
    id: 'docs.api-en', name: 'Docs', state: 'settled', outcome: 'completed', reason: null, message: null, attempts: 1, branch: 'orch/test/docs.api-en',
    base: 'b'.repeat(40), head: 'a'.repeat(40), ref: 'refs/heads/orch/test/x', worktree: null, commits: 1, filesChanged: 3, insertions: 40, deletions: 2,
    verified: false, merge: 'unmerged', mergeMessage: null, mergeCommit: null, pullRequest: null, agent: 'claude', model: 'haiku', sessionId: 's', costUsd: 0.12,
    tokens: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 }, startedAt: '2026-11-20T07:31:00.000Z', durationMs: 61_200, log: '/log', needs: [], candidateOf: null,
  });
  expect(shown.tasks.map(({ state }) => state)).toEqual(['settled', 'queued', 'blocked', 'preparing', 'verifying', 'running']);
  expect(shown.tasks[1]).toMatchObject({ base: null, head: null, startedAt: null, durationMs: null, agent: null, model: null, costUsd: null, tokens: null, needs: ['docs.api-en'] });
  expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
});

test('state: planned, running, interrupted, finished', () => {
  const story = new Story(plan([task('a')]));
  expect(document(story, false).state).toBe('planned');
  story.begin();
  expect([document(story, true).state, document(story, false).state]).toEqual(['running', 'interrupted']);
  const ended = (exitCode: number): string => document(Object.assign(told(), { state: { ...story.state, finishedAt: 1, exitCode } }), false).state;
  expect([0, 1, 5, 74, 75, 130, 143].map(ended)).toEqual(['finished', 'finished', 'finished', 'interrupted', 'interrupted', 'interrupted', 'interrupted']);
});

test('the table has a line for each task and one for the run, within the columns', () => {
  const story = told();
  story.fail('f', { message: 'out\u001B[2J of luck' });
  const lines = statusText(document(story, true), { palette: createPalette(false), columns: null });
  expect(lines).toEqual([
    '✓ docs.api-en  completed    1m01s  3 files +40 −2  orch/test/docs.api-en',
    '· b            queued',
    '· c            blocked',
    '▶ d            preparing       0s',
    '▶ e            verifying       0s',
    '✖ f            failed          0s  out of luck',
    'strict-types-20261120-073100 running: 1 completed, 1 failed, 2 running, 2 queued, $0.12',
  ]);
  const narrow = statusText(document(story, true), { palette: createPalette(false), columns: 30 });
  expect(Math.max(...narrow.slice(0, -1).map(textWidth))).toBeLessThanOrEqual(30);
});
