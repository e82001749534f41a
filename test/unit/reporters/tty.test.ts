// The terminal, replayed: what a person sees of small and large runs, in any window, whatever agents print.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTtyReporter } from '../../../src/reporters/tty.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { plan, task } from '../../support/plan.ts';
import { Screen } from '../../support/screen.ts';
import { Story } from '../../support/story.ts';
import { tries } from '../../support/tries.ts';

const many = (count: number, over: Partial<Plan> = {}): Plan =>
  plan(Array.from({ length: count }, (_, i) => task(`task-${String(i).padStart(4, '0')}`, { name: `migrate src/module_${i}.ts` })), { maxParallel: 16, ...over });

function open(of: Plan, screen = new Screen({ columns: 80, rows: 24 })) {
  const reporter = createTtyReporter(of, screen);
  const story = new Story(of, [reporter]);
  const tick = (ms = 200): void => {
    story.wait(ms);
    reporter.onTick?.(story.now);
  };
  return { screen, reporter, story, tick };
}

test('three tasks: each running one is shown with its time and last line, each that ends leaves a line', async () => {
  const { screen, reporter, story, tick } = open(many(3));
  story.begin();
  for (const { id } of story.plan.tasks) story.start(id);
  reporter.onOutput?.({ task: 'task-0001', attempt: 1, text: 'Edit src/a.ts' });
  tick(61_000);
  expect(screen.lines().slice(0, 5)).toEqual([
    '░░░░░░░░░░ 0/3 3 running 1m01s',
    expect.stringMatching(/^\S task-0000 migrate src\/module_0\.ts +1m01s {2}working$/),
    expect.stringMatching(/^\S task-0001 migrate src\/module_1\.ts +1m01s {2}Edit src\/a\.ts$/),
    expect.stringMatching(/^\S task-0002 migrate src\/module_2\.ts +1m01s {2}working$/),
    '',
  ]);
  expect(screen.cursorVisible).toBe(false);
  story.complete('task-0001');
  story.fail('task-0000');
  tick();
  expect(screen.lines().slice(0, 4)).toEqual([
    '✓ task-0001 migrate src/module_1.ts  1m01s  3 files +40 −2',
    '✖ task-0000  1m01s  the agent exited with 1   → orch logs task-0000',
    '██████░░░░ 2/3 1 ok 1 failed 1 running 1m01s',
    expect.stringMatching(/task-0002/),
  ]);
  story.complete('task-0002');
  await reporter.close();
  expect(screen.everything()).toHaveLength(3);
  expect(screen.cursorVisible).toBe(true);
  expect(screen.autowrap).toBe(true);
  expect(screen.synchronized).toBe(false);
});

test('three hundred tasks: the longest running are visible, the rest are counted, completed ones do not scroll', async () => {
  const { screen, reporter, story, tick } = open(many(300));
  story.begin();
  for (let i = 0; i < 40; i += 1) {
    story.start(`task-${String(i).padStart(4, '0')}`);
    if (i >= 16) story.complete(`task-${String(i).padStart(4, '0')}`);
    tick(1000);
  }
  const lines = screen.lines();
  expect(lines[0]).toMatch(/^░{10} 24\/300 24 ok 16 running 260 queued 40s eta \d+s$/);
  expect(lines.slice(1, 13).map((line) => /task-\d+/.exec(line)?.[0])).toEqual(Array.from({ length: 12 }, (_, i) => `task-${String(i).padStart(4, '0')}`));
  expect(lines[13]).toBe('  … and 4 more running');
  expect(screen.scrollback).toEqual([]);
  story.fail('task-0003', { reason: 'verify-failed', message: '`npm test` exited with 1' });
  tick();
  expect(screen.lines()[0]).toMatch(/^✖ task-0003 .*`npm test` exited with 1 {3}→ orch logs task-0003$/);
  await reporter.close();
  expect(screen.everything()).toHaveLength(1);
});

test('Ctrl-C is answered at once, and a closed window is clean', async () => {
  const { screen, reporter, story, tick } = open(many(20));
  story.begin();
  story.start('task-0000');
  tick();
  story.tell({ type: 'run-cancelling', reason: 'interrupted', message: null });
  expect(screen.lines()[1]).toBe('stopping: Ctrl-C again to kill (1 still running, their work is saved)');
  screen.write('^C');
  await reporter.close();
  expect(screen.everything()).toEqual([]);
  expect(screen.cursor).toEqual({ row: 0, column: 0 });
  expect(screen.cursorVisible).toBe(true);
});

test('a provider that is waited for is named, a second attempt is shown', () => {
  const { screen, story, tick } = open(plan([task('a', { retries: 1 }), task('b')]));
  story.begin();
  story.start('a');
  story.fail('a', { retry: 'agent' });
  story.start('a', 2);
  tick();
  expect(screen.lines()[1]).toMatch(/a 0s {2}try 2 {2}working/);
  story.state = { ...story.state, gates: { claude: { closedUntil: story.now + 90_500, reason: '429', failures: 1, since: story.now, announced: true } } };
  story.tell({ type: 'gate-changed', provider: 'claude', closedUntil: story.now + 90_500, reason: '429' });
  tick(500);
  expect(screen.lines()[1]).toBe('waiting for claude: 1m30s  429');
});

test('a burst of failures is cut short and says where the rest is', () => {
  const { screen, story, tick } = open(many(100, { maxParallel: 100 }), new Screen({ columns: 80, rows: 50 }));
  story.begin();
  for (const { id } of story.plan.tasks) story.start(id);
  for (const { id } of story.plan.tasks) story.fail(id);
  tick();
  expect(screen.everything().filter((line) => line.startsWith('✖'))).toHaveLength(20);
  expect(screen.everything()).toContain('… and 80 more   → orch status test');
});

test('a few frames a second, however much happens, and one write for each', () => {
  const { screen, story, tick } = open(many(3));
  story.begin();
  story.start('task-0000');
  tick();
  const before = screen.writes;
  for (const id of ['task-0001', 'task-0002']) {
    story.start(id);
    tick(50);
  }
  expect(screen.writes).toBe(before);
  tick(100);
  expect(screen.writes).toBe(before + 1);
});

test('a write that fails leaves close harmless', async () => {
  const screen = new Screen({ columns: 80, rows: 24 });
  let isBroken = false;
  const reporter = createTtyReporter(many(3), { isTTY: true, columns: 80, rows: 24, color: false, write: (text) => {
    if (isBroken) throw new Error('EPIPE');
    screen.write(text);
  } });
  const story = new Story(many(3), [reporter]);
  story.begin();
  isBroken = true;
  expect(() => reporter.onTick?.(story.now + 5000)).toThrow('EPIPE');
  isBroken = false;
  await reporter.close();
  expect(screen.cursorVisible).toBe(true);
});

test('a reporter that never heard an event writes nothing', async () => {
  const { screen, reporter, tick } = open(many(3));
  tick();
  await reporter.close();
  expect(screen.writes).toBe(0);
});

test('ten thousand tasks begin, settle and end in little time', async () => {
  const big = many(10_000);
  const screen = new Screen({ columns: 80, rows: 24 });
  const reporter = createTtyReporter(big, screen);
  const story = new Story(big);
  story.begin();
  const [first] = story.events;
  if (first === undefined) throw new Error('no event');
  const done = { ...story.state, tasks: story.state.tasks.map((each) => ({ ...each, now: { at: 'settled' as const, outcome: 'failed' as const, reason: 'timeout' as const, message: 'm' } })) };
  reporter.onEvent(first, story.state);
  for (const { id } of big.tasks) reporter.onEvent({ ...first, type: 'task-settled', task: id, outcome: 'failed', reason: 'timeout', message: 'm' }, done);
  await reporter.close();
  // With work quadratic in the tasks this takes minutes, which is more than a test may.
  expect(screen.everything().at(-1)).toContain('… and 9980 more');
});

const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('\u001B[2J\u001B[H', '\u001B]0;t\u0007', '\r\r\rok', '\u009B5A', '漢'.repeat(100), '👩‍👩‍👧'.repeat(40), 'a\u0301'.repeat(300), '\u001B[?1049h', '\t\t\t', 'x'.repeat(5000), '\u202Egnp.exe'),
);
type Step =
  | { readonly do: 'start' | 'complete' | 'fail' | 'retry' | 'verify'; readonly at: number; readonly text: string }
  | { readonly do: 'output'; readonly at: number; readonly text: string }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly do: 'cancel' };
const size = { columns: fc.integer({ min: 1, max: 120 }), rows: fc.integer({ min: 1, max: 30 }) };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('start' as const, 'complete' as const, 'fail' as const, 'retry' as const, 'verify' as const), at: fc.nat(), text: hostileText }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('output' as const), at: fc.nat(), text: hostileText }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.integer({ min: -1000, max: 4_000_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), ...size }) },
  { weight: 1, arbitrary: fc.constant({ do: 'cancel' as const }) },
);

function take(story: Story, action: Extract<Step, { at: number; do: 'start' | 'complete' | 'fail' | 'retry' | 'verify' }>): void {
  const wanted = action.do === 'start' ? 'waiting' : 'running';
  const fitting = story.plan.tasks.filter((_, i) => story.state.tasks[i]?.now.at === wanted);
  const chosen = fitting[action.at % Math.max(1, fitting.length)];
  const now = story.state.tasks[story.plan.tasks.findIndex(({ id }) => id === chosen?.id)]?.now;
  if (chosen === undefined || now === undefined) return;
  if (now.at === 'waiting') {
    if (now.next === 'prepare') story.start(chosen.id, now.attempt);
    else story.tell({ type: 'phase-started', phase: now.next, task: chosen.id, attempt: now.attempt });
  } else if (now.at === 'running') {
    const { attempt } = now;
    if (action.do === 'verify') {
      story.finish(chosen.id, { ok: true, detail: { notes: [action.text] } }, attempt);
    } else {
      story.finish(chosen.id, { ok: false, reason: 'agent-error', retry: action.do === 'retry' ? 'infrastructure' : 'never', message: action.text, detail: { log: action.text } }, attempt);
    }
    const after = story.state.tasks[story.plan.tasks.indexOf(chosen)]?.now;
    if (after?.at === 'ending') story.settle(chosen.id, after.outcome, after);
  }
}

test('in any window and any order of events: no line too many, no column too wide, nothing hostile, the cursor given back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record(size), fc.integer({ min: 1, max: 40 }), hostileText, fc.boolean(), fc.array(step, { maxLength: 60 }), async (window, count, name, color, steps) => {
      const screen = new Screen({ ...window, color });
      const odd = plan(Array.from({ length: count }, (_, i) => task(`t${i}`, { name: i % 3 === 0 ? name : `t${i}`, verify: i % 2 === 0 ? ['true'] : [], retries: 5 })));
      const { reporter, story } = open(odd, screen);
      story.begin();
      for (const action of steps) {
        const before = screen.writes;
        if (action.do === 'output') reporter.onOutput?.({ task: `t${action.at % count}`, attempt: 1, text: action.text });
        else if (action.do === 'tick') reporter.onTick?.(story.wait(action.ms).now);
        else if (action.do === 'resize') screen.resize(action.columns, action.rows);
        else if (action.do === 'cancel') story.tell({ type: 'run-cancelling', reason: 'interrupted', message: name });
        else take(story, action);
        expect(screen.writes - before).toBeLessThanOrEqual(1);
        expect(screen.synchronized).toBe(false);
        expect(screen.cursor.column).toBe(0);
      }
      // A frame painted now is the only live one: at most rows − 1 lines below what is permanent.
      reporter.onTick?.(story.wait(4_100_000).now);
      expect(screen.overflowed).toBe(0);
      expect(screen.unknown).toEqual([]);
      const bars = screen.lines().filter((line) => new RegExp(`(^|[█░] )\\d+/${count}( |$)`).test(line));
      if (screen.columns > 12 && screen.rows > 1 && !steps.some(({ do: what }) => what === 'resize')) expect(bars).toHaveLength(1);
      await reporter.close();
      expect(screen.cursorVisible).toBe(true);
      expect(screen.autowrap).toBe(true);
      expect(screen.unknown).toEqual([]);
    }),
    { numRuns: tries(400) },
  );
});

test('suspended, the screen is the user’s: no live line, cursor shown; then it is taken again below what stands there', async () => {
  const { screen, reporter, story, tick } = open(many(2));
  story.begin();
  story.start('task-0000');
  tick();
  reporter.suspend?.();
  expect(screen.cursorVisible).toBe(true);
  expect(screen.everything().filter((line) => line !== '')).toEqual([]);
  screen.write('[1]+  Stopped\r\n');
  tick();
  expect(screen.cursorVisible).toBe(true);
  reporter.resume?.();
  expect(screen.cursorVisible).toBe(false);
  expect(screen.lines()[0]).toBe('[1]+  Stopped');
  expect(screen.lines()[1]).toMatch(/0\/2 1 running/);
  await reporter.close();
});
