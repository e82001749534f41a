// The last words of a run, for each way in which one can end.
import { expect, test } from 'vitest';
import { createPalette } from '../../../src/lib/color.ts';
import { summaryLines } from '../../../src/reporters/summary.ts';
import { plan, task } from '../../support/plan.ts';
import { DELIVERY, Story } from '../../support/story.ts';

const palette = createPalette(false);
function summary(story: Story, since: number): string[] {
  return summaryLines(story.plan, story.state, { palette, now: story.now, since });
}

test('what was delivered, what was not, why, where it is and what to type', () => {
  const story = new Story(plan([
    task('api', { verify: ['npm test'] }),
    task('db', { branch: 'orch/test/db' }),
    task('docs', { needs: ['db'] }),
    task('slow', { name: 'evil \u001B[2J name' }),
    task('idle'),
  ], { maxParallel: 5 }));
  const since = story.now;
  story.begin();
  for (const id of ['api', 'db', 'slow', 'idle']) story.start(id);
  story.wait(60_000).finish('api', { ok: true, detail: { delivery: DELIVERY, report: { sessionId: null, model: null, costUsd: 1.25, tokens: null, turns: null, result: null } } });
  story.tell({ type: 'phase-started', phase: 'verify', task: 'api', attempt: 1 });
  story.complete('api', {});
  story.complete('idle', { delivery: { ...DELIVERY, commits: 0, filesChanged: 0 } });
  story.fail('db', { reason: 'left-branch', message: 'it ended on \u001B[31mmain', detail: { log: '/runs/db/output.log', delivery: { ...DELIVERY, ref: 'refs/orch/rescue/test/db', filesChanged: 1, insertions: 3, deletions: 0 } } });
  story.settle('docs', 'skipped', { reason: 'dependency', message: 'needs db, which ended as failed' });
  story.finish('slow', { ok: false, reason: 'timeout', retry: 'timeout', message: 'timed out after 1m00s', detail: { log: '/runs/slow/output.log', delivery: { ...DELIVERY, ref: 'refs/heads/orch/test/slow' } } });
  story.settle('slow', 'timed-out', { reason: 'timeout', message: 'timed out after 1m00s' });
  story.tell({ type: 'worktree-released', task: 'slow', kept: null });
  story.wait(12_000).tell({ type: 'run-finished', exitCode: 1 });
  expect(summary(story, since)).toEqual([
    '',
    'Delivered',
    '  ✓ api  orch/test/api  1 commit  3 files +40 −2  verified',
    '',
    'Not completed',
    '  ✖ db  failed (left-branch): it ended on main',
    '      log       /runs/db/output.log',
    '      saved on  refs/orch/rescue/test/db  1 file +3 −0',
    '      worktree  /worktrees/db',
    '      next      orch logs db  ·  orch diff db',
    '  ✖ slow  timed out (timeout): timed out after 1m00s',
    '      log       /runs/slow/output.log',
    '      work on   orch/test/slow  3 files +40 −2',
    '      next      orch logs slow  ·  orch diff slow',
    '  ○ docs  skipped (dependency): needs db, which ended as failed',
    '',
    "Review with orch diff api; each task's work is on its own branch",
    'Try what failed again with orch resume test --failed',
    '✖ test: 5 tasks, 2 completed, 1 failed, 1 timed out, 1 skipped in 1m12s, $1.25',
  ]);
});

test('all well: one line is the last', () => {
  const story = new Story(plan([task('a')]));
  const since = story.now;
  story.begin();
  story.start('a');
  story.wait(440).complete('a');
  story.tell({ type: 'run-finished', exitCode: 0 });
  expect(summary(story, since).at(-1)).toBe('✓ test: 1 task, 1 completed in 0.4s');
});

/** The last line of a run that ended with one task at work and one waiting. */
function ended(exitCode: number | null): string | undefined {
  const story = new Story(plan([task('a'), task('b')]));
  story.begin();
  story.start('a');
  if (exitCode !== null) story.tell({ type: 'run-finished', exitCode });
  story.state = { ...story.state, gates: { claude: { closedUntil: story.now + 4_080_000, reason: '429', failures: 3, since: story.now, announced: true } } };
  const lines = summary(story, story.now);
  expect(lines).toContain('  · a  not finished');
  expect(lines).toContain('1 task not started: b');
  expect(lines).toContain('✖ test: 2 tasks, 2 not finished in 0s');
  return lines.at(-1);
}

test('interrupted, limited or without a record: the last line says how to go on', () => {
  expect(ended(130)).toBe('interrupted; orch resume test goes on');
  expect(ended(143)).toBe('interrupted; orch resume test goes on');
  expect(ended(null)).toBe('interrupted; orch resume test goes on');
  expect(ended(75)).toBe("A provider's limit was reached; go on in 1h08m (2026-11-20T08:39:00.000Z) with: orch resume test");
  expect(ended(74)).toBe("The run's record could not be written; when there is room again: orch resume test");
});

test('what was stopped has a line of its own, and one for what was saved of it', () => {
  const story = new Story(plan([task('a'), task('b')]));
  story.begin();
  for (const [id, delivery] of [['a', { ...DELIVERY, ref: 'refs/orch/rescue/test/a' }], ['b', { ...DELIVERY, filesChanged: 0 }]] as const) {
    story.start(id);
    story.finish(id, { ok: false, reason: 'interrupted', retry: 'never', message: 'stopped', detail: { log: '/log', delivery } });
    story.settle(id, 'cancelled', { reason: 'interrupted', message: 'stopped' });
  }
  story.tell({ type: 'run-finished', exitCode: 130 });
  expect(summary(story, story.now).slice(2, 6)).toEqual([
    '  ○ a  cancelled (interrupted): stopped',
    '      saved on  refs/orch/rescue/test/a  3 files +40 −2',
    '  ○ b  cancelled (interrupted): stopped',
    '',
  ]);
});

test('a thousand of each fit: twenty are listed, failures before what follows from them', () => {
  const story = new Story(plan(Array.from({ length: 3000 }, (_, i) => task(`t${i}`)), { maxParallel: 3000 }));
  story.begin();
  for (let i = 0; i < 3000; i += 1) {
    if (i % 3 === 0) story.settle(`t${i}`, 'skipped', { reason: 'dependency', message: 'needs x' });
    else {
      story.start(`t${i}`);
      if (i % 3 === 1) story.complete(`t${i}`);
      else story.fail(`t${i}`);
    }
  }
  story.tell({ type: 'run-finished', exitCode: 1 });
  const lines = summary(story, story.now);
  expect(lines.length).toBeLessThan(120);
  expect(lines.filter((line) => line.startsWith('  ✓'))).toHaveLength(20);
  expect(lines.filter((line) => line.startsWith('  ✖'))).toHaveLength(20);
  expect(lines.filter((line) => line.startsWith('  ○'))).toHaveLength(0);
  expect(lines).toContain('  … and 980 more: orch status test');
  expect(lines).toContain('  … and 1980 more: orch status test');
});
