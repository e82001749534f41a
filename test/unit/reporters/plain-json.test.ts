// What a pipe gets: lines with names, bounded; or the events themselves.
import { expect, test } from 'vitest';
import { createJsonReporter } from '../../../src/reporters/json.ts';
import { createPlainReporter } from '../../../src/reporters/plain.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { plan, task } from '../../support/plan.ts';
import { DELIVERY, Story } from '../../support/story.ts';

function open(of: Plan, create = createPlainReporter) {
  const written: string[] = [];
  const reporter = create(of, { isTTY: false, columns: 0, rows: 0, color: false, write: (text) => { written.push(text); } });
  const story = new Story(of, [reporter]);
  const lines = (): string[] => {
    expect(written.every((text) => text.endsWith('\n') && text.indexOf('\n') === text.length - 1)).toBe(true);
    return written.map((text) => text.slice(0, -1));
  };
  return { reporter, story, lines };
}

test('a run, line by line', () => {
  const { story, lines } = open(plan([task('api', { name: 'Write the API', retries: 1, branch: 'orch/test/api' }), task('db'), task('docs', { needs: ['db'] })]));
  story.begin();
  story.start('api');
  story.start('db');
  story.wait(12_000).fail('api', { reason: 'verify-failed', message: '`npm test` exited\r\u001B[2K with 1', retry: 'verify' });
  story.tell({ type: 'phase-started', phase: 'work', task: 'api', attempt: 2 });
  story.fail('db', { message: 'out of luck', detail: { log: '/l', notes: ['a process was left running; it was stopped'] } });
  story.settle('docs', 'skipped', { reason: 'dependency', message: 'needs db, which ended as failed' });
  story.wait(65_000).finish('api', { ok: true, detail: { delivery: DELIVERY } }, 2);
  story.settle('api', 'completed');
  story.tell({ type: 'worktree-released', task: 'db', kept: 'keep: failed' });
  story.tell({ type: 'worktree-released', task: 'api', kept: 'it holds work that could not be saved' });
  story.tell({ type: 'gate-changed', provider: 'claude', closedUntil: story.now + 90_000, reason: '429' });
  story.tell({ type: 'run-cancelling', reason: 'interrupted', message: null });
  story.tell({ type: 'run-finished', exitCode: 130 });
  expect(lines()).toEqual([
    'run test: 3 tasks from 000000000000, at most 4 at once',
    '▶ [api] started: Write the API',
    '▶ [db] started',
    '↻ [api] trying again, attempt 2: verify-failed: `npm test` exited  with 1',
    '! [db] a process was left running; it was stopped',
    '✖ [db] failed 12s (agent-error): out of luck   → orch logs db',
    '○ [docs] skipped (dependency): needs db, which ended as failed',
    '✓ [api] completed 1m17s  3 files +40 −2  orch/test/api',
    '  [api] worktree kept: it holds work that could not be saved',
    'provider claude: no new starts for 1m30s (until 2026-11-20T07:33:47.000Z): 429',
    'stopping (interrupted); work is saved first',
  ]);
});

test('an agent that prints a gigabyte yields a line now and then', () => {
  const { reporter, story, lines } = open(plan([task('a'), task('b')]));
  story.begin();
  story.start('a');
  const before = lines().length;
  const line = 'x'.repeat(1000);
  for (let second = 0; second < 60; second += 1) {
    for (let i = 0; i < 1000; i += 1) reporter.onOutput?.({ task: 'a', attempt: 1, text: `${second} ${line}` });
    reporter.onTick?.(story.wait(1000).now);
  }
  const said = lines().slice(before);
  expect(said).toHaveLength(30);
  expect(said.every((text) => text.startsWith('  [a] ') && text.length < 220)).toBe(true);
});

test('many agents share a limit, a repeated line comes once, a clock set back silences nobody', () => {
  const names = Array.from({ length: 50 }, (_, i) => `t${i}`);
  const { reporter, story, lines } = open(plan(names.map((id) => task(id))));
  story.begin();
  reporter.onTick?.(story.now);
  for (let round = 0; round < 40; round += 1) {
    for (const id of names) reporter.onOutput?.({ task: id, attempt: 1, text: `line ${round}` });
    reporter.onTick?.(story.wait(100).now);
  }
  expect(lines().length).toBeLessThan(20);
  const before = lines().length;
  const repeated = (): number => lines().slice(before).filter((text) => text.startsWith('  [t0] ')).length;
  for (let round = 0; round < 10; round += 1) {
    reporter.onTick?.(story.wait(5000).now);
    reporter.onOutput?.({ task: 't0', attempt: 1, text: 'the same' });
  }
  expect(repeated()).toBe(1);
  reporter.onTick?.(story.wait(-3_600_000).now);
  reporter.onOutput?.({ task: 't0', attempt: 1, text: 'another' });
  expect(repeated()).toBe(2);
});

test('silence of half a minute is broken by naming what runs', () => {
  const { reporter, story, lines } = open(plan(Array.from({ length: 12 }, (_, i) => task(`t${i}`)), { maxParallel: 12 }));
  story.begin();
  for (let i = 0; i < 12; i += 1) story.wait(1000).start(`t${i}`);
  const before = lines().length;
  reporter.onTick?.(story.wait(29_000).now);
  expect(lines().length).toBe(before);
  for (let i = 0; i < 10; i += 1) reporter.onTick?.(story.wait(200).now);
  expect(lines().slice(before)).toEqual(['… 0/12, still running: t0 (41s), t1 (40s), t2 (39s), t3 (38s), t4 (37s), t5 (36s), t6 (35s), t7 (34s) and 4 more']);
});

test('json: every event as it is, one per line, inert even on a terminal', () => {
  const { story, reporter, lines } = open(plan([task('a')]), (_plan, output) => createJsonReporter(output));
  expect(reporter.owns).toBe('stdout');
  story.begin();
  story.start('a');
  story.fail('a', { message: 'evil \u009B31m \u202E \u{E0041} \u001B[2J \u2028 漢' });
  expect(lines().map((line): unknown => JSON.parse(line))).toEqual(story.events);
  expect(lines().join('')).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Default_Ignorable_Code_Point}]/u);
});
