// The interactive list: what each key does to the state, and what a screen of any size shows of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPalette } from '../../../src/lib/color.ts';
import { textWidth } from '../../../src/lib/terminal.ts';
import { AlternateScreen } from '../../../src/reporters/alternate-screen.ts';
import { statusDocument, type StatusDocument } from '../../../src/reporters/status.ts';
import { tasksFrame } from '../../../src/reporters/tasks-frame.ts';
import { press, shownTasks, tasksState, withNews, type TasksState } from '../../../src/reporters/tasks-view.ts';
import { agentTask, plan } from '../../support/plan.ts';
import { Screen } from '../../support/screen.ts';
import { DELIVERY, Story } from '../../support/story.ts';
import { tries } from '../../support/tries.ts';

const SIZE = { columns: 80, rows: 24 };
const KEYS = ['up', 'down', 'page-up', 'page-down', 'home', 'end', 'enter', 'escape', 'backspace', 'erase', 'left', 'right', 'refresh', 'y', 'n', 'j', 'k', 'g', 'G', 'l', 'd', 't', 'x', 'R', 'm', 'r', '/', 'q', ' ', 'é'];

function document(count: number, name: (index: number) => string = (index) => `task-${index}`): StatusDocument {
  const story = new Story(plan(Array.from({ length: count }, (_, index) => agentTask(name(index)))));
  story.begin();
  if (count > 0) story.start(name(0));
  if (count > 1) {
    story.start(name(1));
    story.complete(name(1), { delivery: DELIVERY });
  }
  return statusDocument(story.plan, story.state, { run: 'test', now: story.now + 65_000, live: true });
}
const after = (state: TasksState, ...keys: string[]): TasksState => keys.reduce((before, key) => press(before, key).state, state);
const frame = (state: TasksState): string[] => tasksFrame(state, createPalette(false)).map((line) => line.trimEnd());
const hundred = document(100);

describe('keys', () => {
  const list = tasksState(hundred, SIZE);
  test.each<[string, string[], string, number]>([
    ['down', ['down', 'j'], 'task-2', 0], ['up stops at the top', ['down', 'k', 'up'], 'task-0', 0], ['a page', ['page-down'], 'task-20', 1],
    ['two pages and back', [' ', ' ', 'page-up'], 'task-20', 20], ['end', ['G'], 'task-99', 80], ['end and home', ['end', 'home'], 'task-0', 0],
    ['down stops at the end', ['G', 'j'], 'task-99', 80], ['up within the window does not scroll', ['G', 'k', 'k'], 'task-97', 80],
  ])('%s', (_, keys, selected, top) => {
    expect(after(list, ...keys)).toMatchObject({ selected, top });
  });

  test.each<[string, unknown]>([
    ['enter', { type: 'open', kind: 'details', task: 'task-1' }], ['l', { type: 'open', kind: 'log', task: 'task-1' }], ['d', { type: 'open', kind: 'diff', task: 'task-1' }],
    ['t', { type: 'do', action: 'teleport', task: 'task-1' }], ['R', { type: 'do', action: 'retry', task: 'task-1' }], ['r', { type: 'refresh' }], ['q', { type: 'quit' }],
    ['interrupt', { type: 'quit' }], ['escape', null], ['x', null], ['m', null], ['z', null],
  ])('%s asks for %j', (key, action) => {
    expect(press(after(list, 'j'), key).action).toEqual(action);
  });

  test.each(['x', 'm'])('%s is asked first: y does it, everything else does nothing', (key) => {
    const asking = after(list, 'j', key);
    expect(frame(asking).at(-2)).toBe(`${key === 'x' ? 'cancel' : 'merge'} task-1? y / n`);
    expect(press(asking, 'y')).toMatchObject({ action: { type: 'do', action: key === 'x' ? 'cancel' : 'merge', task: 'task-1' }, state: { asking: null } });
    for (const other of KEYS.filter((one) => one !== 'y')) expect(press(asking, other)).toMatchObject({ action: null, state: { asking: null, selected: 'task-1' } });
  });

  test('the filter takes letters that are commands elsewhere, narrows as it is typed, and goes with Escape', () => {
    const typing = after(list, '/', 't', 'a', 's', 'k', '-', '9');
    expect([typing.isTyping, shownTasks(typing).length, typing.selected]).toEqual([true, 11, 'task-9']);
    expect(frame(typing).at(-2)).toBe('/task-9');
    const narrowed = after(typing, 'q', 'backspace', 'enter', 'G');
    expect(narrowed).toMatchObject({ isTyping: false, filter: 'task-9', selected: 'task-99' });
    expect(frame(narrowed).at(-2)).toContain('/task-9: 11 of 100');
    expect(after(narrowed, 'escape')).toMatchObject({ filter: '', selected: 'task-99', top: 80 });
    expect(shownTasks(after(list, '/', ...'running'.split('')))).toHaveLength(1);
    expect(frame(after(list, '/', ...'nothing'.split(''))).join('\n')).toContain('no task matches');
    expect(press(after(list, '/', ...'nothing'.split(''), 'enter'), 'l').action).toBeNull();
  });

  test('a page scrolls within its lines, offers the actions on its task, and is left with q', () => {
    const page = { kind: 'diff', task: 'task-1', lines: Array.from({ length: 50 }, (_, index) => `+ ${index}`), top: 0 } as const;
    const open = withNews(list, { page });
    expect(after(open, 'G').page?.top).toBe(29);
    expect(after(open, 'j', 'j', 'k').page?.top).toBe(1);
    expect(press(open, 't').action).toMatchObject({ task: 'task-1' });
    expect(press(open, 'l').action).toMatchObject({ kind: 'log', task: 'task-1' });
    expect(press(open, 'q')).toMatchObject({ state: { page: null, selected: 'task-0' }, action: null });
    expect(frame(after(open, 'j'))[1]).toBe('+ 1');
    expect(frame(open).at(-2)).toBe('lines 1–21 of 50');
  });

  test('the selection stays with its task when the list changes', () => {
    const at = after(list, 'G');
    expect(withNews(at, { document: document(120) })).toMatchObject({ selected: 'task-99' });
    expect(withNews(at, { document: document(10) })).toMatchObject({ selected: 'task-0', top: 0 });
    expect(withNews(at, { document: document(0) })).toMatchObject({ selected: null, top: 0 });
  });
});

test('a screen of 80 × 24', () => {
  const lines = frame(tasksState(hundred, SIZE));
  expect(lines).toHaveLength(24);
  expect(lines.slice(0, 5)).toEqual([
    'test running: 1 completed, 1 running, 98 queued',
    '  TASK     STATE          TIME     COST  BRANCH',
    '▶ task-0   running       1m05s           orch/test/task-0',
    expect.stringMatching(/^✓ task-1 {3}completed .* orch\/test\/task-1$/) as string,
    '· task-2   queued                        orch/test/task-2',
  ]);
  expect(lines.slice(-2)).toEqual(['1–20 of 100', '↵ open  l log  d diff  t teleport  x cancel  R retry  m merge  / find  q quit']);
});

test('whatever is pressed, in any size, with any names: it fits, the selected task is visible, nothing gets through', () => {
  const hostile = ['a\u001B[31mb', '日本語タスク', 'x\u202Ey', 'long-'.repeat(30), 'tab\there', 'n\nl', '\u0007bell', '👩‍👩‍👧 family'];
  const size = fc.record({ columns: fc.integer({ min: 1, max: 110 }), rows: fc.integer({ min: 1, max: 30 }) });
  const step = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...KEYS) }, { weight: 1, arbitrary: size });
  const many = document(60, (index) => `${hostile[index % hostile.length]}${index}`);
  fc.assert(fc.property(size, fc.array(step, { maxLength: 8 }), fc.boolean(), (first, steps, hasPage) => {
    const screen = new Screen(first);
    const window = new AlternateScreen(screen);
    window.open();
    const page = { kind: 'log', task: many.tasks[0]?.id ?? '', lines: hostile.flatMap((line) => [line, line]), top: 3 } as const;
    let state = tasksState(many, first);
    if (hasPage) state = withNews(state, { page });
    for (const each of steps) {
      if (typeof each === 'string') state = press(state, each).state;
      else {
        state = withNews(state, { size: each });
        screen.resize(each.columns, each.rows);
        window.invalidate();
      }
      const lines = tasksFrame(state, createPalette(true));
      expect(lines.length).toBeLessThanOrEqual(state.size.rows);
      expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(state.size.columns);
      window.paint(lines);
      expect(screen.unknown).toEqual([]);
      const at = shownTasks(state).findIndex(({ id }) => id === state.selected);
      if (at >= 0) expect([at >= state.top, at < state.top + Math.max(1, state.size.rows - 4)]).toEqual([true, true]);
    }
    window.close();
    expect([screen.isAlternate, screen.cursorVisible, screen.autowrap]).toEqual([false, true, true]);
  }), { numRuns: tries(80) });
});

test('the second screen: what was there before is there again, and an unchanged frame writes nothing', () => {
  const screen = new Screen({ columns: 20, rows: 5 });
  screen.write('before\r\n');
  const window = new AlternateScreen(screen);
  window.paint(['not open']);
  window.open();
  window.paint(['one', 'two', 'three']);
  expect(screen.lines()).toEqual(['one', 'two', 'three', '', '']);
  const { bytes } = screen;
  window.paint(['one', 'two', 'three']);
  expect(screen.bytes).toBe(bytes);
  window.paint(['one', '2']);
  expect(screen.lines()).toEqual(['one', '2', '', '', '']);
  screen.write('\u001B[1;1Hdisturbed');
  window.invalidate();
  window.paint(['one', '2']);
  expect([screen.isAlternate, screen.lines()]).toEqual([true, ['one', '2', '', '', '']]);
  window.close();
  window.close();
  expect([screen.isAlternate, screen.lines()[0], screen.everything()]).toEqual([false, 'before', ['before']]);
});

test('1,000 tasks: a key and its frame take well under 16 ms of this process, and draw one screen', () => {
  let state = tasksState(document(1000), SIZE);
  const times: number[] = [];
  for (let index = 0; index < 60; index += 1) {
    const before = process.cpuUsage();
    state = press(state, index % 3 === 0 ? 'page-down' : 'down').state;
    expect(tasksFrame(state, createPalette(true))).toHaveLength(24);
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  expect(times.toSorted((a, b) => a - b)[30]).toBeLessThan(16);
});
