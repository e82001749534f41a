// The view behind every surface.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPalette } from '../../../src/lib/color.ts';
import { textWidth } from '../../../src/lib/terminal.ts';
import { progressView } from '../../../src/reporters/progress.ts';
import type { ProgressView } from '../../../src/reporters/progress.ts';
import { frameLines } from '../../../src/reporters/tty-frame.ts';
import { plan, task } from '../../support/plan.ts';
import { Story } from '../../support/story.ts';
import { tries } from '../../support/tries.ts';

const ids = Array.from({ length: 10 }, (_, i) => `t${i}`);
function story() {
  const told = new Story(plan(ids.map((id) => task(id)), { maxParallel: 2 }));
  told.begin();
  return told;
}
const at = (told: Story, since: number, outputs = new Map<string, string>()): ProgressView => progressView(told.plan, told.state, { outputs, now: told.now, since });

test('running tasks come longest first, with what they said last', () => {
  const told = story();
  const since = told.now;
  told.wait(1000).start('t5');
  told.wait(1000).start('t2');
  told.wait(3000);
  const view = at(told, since, new Map([['t2', ' \u001B[31mhello\u001B[0m ']]));
  expect(view.running).toEqual([
    { id: 't5', name: 't5', phase: 'work', attempt: 1, forMs: 4000, text: null },
    { id: 't2', name: 't2', phase: 'work', attempt: 1, forMs: 3000, text: 'hello' },
  ]);
  expect([view.total, view.settled, view.failed, view.elapsedMs]).toEqual([10, 0, 0, 5000]);
});

test('time left comes from what was finished and from the slots; nothing is said too early or about the night before', () => {
  const told = story();
  const since = told.now;
  for (const id of ['t0', 't1', 't2']) {
    expect(at(told, since).etaMs).toBeNull();
    told.start(id);
    told.wait(10_000).complete(id);
  }
  // Seven left, ten seconds each, two at a time.
  expect(at(told, since).etaMs).toBe(35_000);
  told.start('t3');
  told.wait(4000);
  expect(at(told, since).etaMs).toBe((6 * 10_000 + 6000) / 2);
  expect(at(told, told.now).etaMs).toBeNull();
  expect(at(told, told.now).running[0]?.forMs).toBe(0);
  told.tell({ type: 'run-cancelling', reason: 'interrupted', message: null });
  expect(at(told, since).etaMs).toBeNull();
});

test('a frame fits any window, and the most important parts stay', () => {
  const palette = createPalette(false);
  const view: ProgressView = {
    total: 1000, settled: 76, failed: 2, costUsd: 12.4, elapsedMs: 300_000, etaMs: 4_080_000, cancelling: null,
    counts: { waiting: 905, running: 16, completed: 74, failed: 2, timedOut: 0, cancelled: 0, skipped: 0, overBudget: 0 },
    gates: [{ provider: 'p', reason: 'r', opensInMs: 1000 }, { provider: 'q', reason: 'r', opensInMs: 1000 }, { provider: 's', reason: 'r', opensInMs: 1000 }],
    running: Array.from({ length: 16 }, (_, i) => ({ id: `task-${i}`, name: '漢字'.repeat(i), phase: 'work', attempt: 1, forMs: 181_000, text: 'Edit src/a.ts' })),
  };
  expect(frameLines({ ...view, gates: [] }, { columns: 100, rows: 24, palette, frame: 5 })[0]).toBe('░░░░░░░░░░ 76/1000 74 ok 2 failed 16 running 905 queued $12.40 5m00s eta 1h08m');
  expect(frameLines({ ...view, gates: [] }, { columns: 20, rows: 5, palette, frame: 5 })).toEqual(['76/1000 2 failed', '⠴ task-0  3m01s  E…', '  … and 15 more ru…']);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 16 }), fc.boolean(), (columns, rows, running, stopping) => {
      const shown: ProgressView = { ...view, running: view.running.slice(0, running), cancelling: stopping ? 'interrupted' : null };
      const lines = frameLines(shown, { columns, rows, palette, frame: 1 });
      expect(lines.length).toBeLessThanOrEqual(rows - 1);
      expect(Math.max(0, ...lines.map(textWidth))).toBeLessThan(columns);
      const seen = lines.filter((line) => /task-\d/.test(line)).length;
      const rest = lines.map((line) => /and (\d+) more running/.exec(line)?.[1]).find((more) => more !== undefined);
      if (columns >= 60 && rows >= 7) {
        expect(seen).toBeGreaterThanOrEqual(Math.min(running, 1));
        expect(seen + Number(rest ?? 0)).toBe(running);
      }
    }),
    { numRuns: tries(1000) },
  );
});
