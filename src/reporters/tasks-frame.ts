// The interactive list of tasks as lines for a screen: at most as many as it has rows, none wider than it is. Draws
// only what is visible. Pure.
import type { Palette } from '../lib/color.ts';
import { padToWidth, safeText, textWidth } from '../lib/terminal.ts';
import { formatUsd } from '../lib/text.ts';
import { formatClock, formatDuration } from '../lib/time.ts';
import { fitLine } from './line.ts';
import type { Piece } from './line.ts';
import { runRow } from './status-text.ts';
import type { TaskDocument } from './status.ts';
import { isFailure, outcomeSign } from './task-lines.ts';
import { isAtEnd, roomOf, shownTasks, stateWord, type Page, type TasksState } from './tasks-view.ts';

const LIST_KEYS = '↵ open  l log  d diff  t teleport  x cancel  R retry  m merge  / find  q quit';
const PAGE_KEYS = '↑↓ scroll  l log  d diff  t teleport  x cancel  R retry  m merge  q back';
const STATE_WIDTH = 11;
const TIME_WIDTH = 7;
const COST_WIDTH = 8;
/** Narrower than this, a branch says nothing. */
const LEAST_DETAIL = 12;

/** The whole screen. */
export function tasksFrame(state: TasksState, palette: Palette): string[] {
  const { columns, rows } = state.size;
  const body = state.page === null ? listLines(state, palette) : pageLines(state, state.page, palette);
  const room = Math.max(0, rows - 2);
  const filled = [...body, ...Array.from({ length: Math.max(0, room - body.length) }, () => '')].slice(0, room);
  const keys = fitLine([{ text: state.page === null ? LIST_KEYS : PAGE_KEYS, style: palette.dim }], columns);
  return [...filled, footLine(state, palette), keys].slice(-rows);
}

function footLine(state: TasksState, palette: Palette): string {
  const { columns } = state.size;
  const { asking, isTyping, filter, message } = state;
  if (asking !== null) return fitLine([{ text: `${asking.action} ${safeText(asking.task)}? y / n`, style: palette.yellow }], columns);
  if (isTyping) return fitLine([{ text: '/' }, { text: safeText(filter) }, { text: ' ', style: palette.inverse }], columns);
  if (message !== null) return fitLine([{ text: safeText(message), style: palette.yellow }], columns);
  const { page } = state;
  if (page !== null) {
    const last = Math.min(page.lines.length, page.top + roomOf(state));
    const where = page.lines.length <= roomOf(state) ? '' : `lines ${page.top + 1}–${last} of ${page.lines.length}${isAtEnd(state) ? ' (end)' : ''}`;
    return fitLine([{ text: where, style: palette.dim }], columns);
  }
  const shown = shownTasks(state).length;
  const place = shown > roomOf(state) ? `${state.top + 1}–${Math.min(shown, state.top + roomOf(state))} of ${shown}` : '';
  const text = filter === '' ? place : `/${safeText(filter)}: ${shown} of ${state.document.tasks.length}  (Esc shows all)  ${place}`;
  return fitLine([{ text, style: palette.dim }], columns);
}

interface Widths {
  readonly id: number;
  readonly hasTime: boolean;
  readonly hasCost: boolean;
  readonly detail: number;
}

/** Columns from the left as long as there is room: id and state, time, cost, branch. */
function widthsOf(tasks: readonly TaskDocument[], columns: number): Widths {
  const longest = tasks.reduce((most, { id }) => Math.max(most, textWidth(safeText(id))), 4);
  const id = Math.min(longest, 32, Math.max(8, columns - 2 - STATE_WIDTH - 1));
  const afterState = columns - 2 - id - 2 - STATE_WIDTH;
  const hasTime = afterState >= TIME_WIDTH + 1;
  const hasCost = afterState >= TIME_WIDTH + COST_WIDTH + 2;
  const detail = afterState - (TIME_WIDTH + COST_WIDTH + 4);
  return { id, hasTime, hasCost, detail: detail >= LEAST_DETAIL ? detail : 0 };
}

function listLines(state: TasksState, palette: Palette): string[] {
  const { columns } = state.size;
  const all = shownTasks(state);
  const tasks = all.slice(state.top, state.top + roomOf(state));
  const widths = widthsOf(all, columns);
  const titles = [
    `  ${padToWidth('TASK', widths.id)}  ${padToWidth('STATE', STATE_WIDTH)}`,
    widths.hasTime ? 'TIME'.padStart(TIME_WIDTH + 1) : '', widths.hasCost ? 'COST'.padStart(COST_WIDTH + 1) : '', widths.detail > 0 ? '  BRANCH' : '',
  ].join('');
  const rows = tasks.map((task) => taskRow(task, { widths, palette, columns, isSelected: task.id === state.selected }));
  if (all.length === 0) rows.push(fitLine([{ text: state.document.tasks.length === 0 ? '  no tasks' : '  no task matches', style: palette.dim }], columns));
  return [fitLine([{ text: runRow(state.document), style: palette.bold }], columns), fitLine([{ text: titles, style: palette.dim }], columns), ...rows];
}

function taskRow(task: TaskDocument, look: { readonly widths: Widths; readonly palette: Palette; readonly columns: number; readonly isSelected: boolean }): string {
  const { widths, palette, columns, isSelected } = look;
  const { outcome } = task;
  const isWaiting = task.state === 'queued' || task.state === 'blocked';
  const sign: Piece = outcome === null ? (isWaiting ? { text: '·', style: palette.dim } : { text: '▶', style: palette.cyan }) : outcomeSign(outcome, palette);
  const took = task.durationMs === null ? '' : outcome === null ? formatClock(task.durationMs) : formatDuration(task.durationMs);
  const cost = task.costUsd === null ? '' : formatUsd(task.costUsd);
  const why = outcome !== null && isFailure(outcome) ? (task.message ?? task.reason) : null;
  const pieces: Piece[] = [
    sign, { text: ` ${padToWidth(safeText(task.id), widths.id)}  ` }, { text: padToWidth(stateWord(task), STATE_WIDTH) },
    { text: widths.hasTime ? took.padStart(TIME_WIDTH + 1) : '', style: palette.dim },
    { text: widths.hasCost ? cost.padStart(COST_WIDTH + 1) : '', style: palette.dim },
    { text: widths.detail === 0 ? '' : `  ${why === null ? cutLeft(safeText(task.branch), widths.detail) : safeText(why)}`, style: palette.dim },
  ];
  if (!isSelected) return fitLine(pieces, columns);
  return palette.inverse(padToWidth(fitLine(pieces.map(({ text }) => ({ text })), columns), columns));
}

/** The end of a text, which is what tells branches apart. */
function cutLeft(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  const letters = Array.from(text).slice(-(columns - 1));
  while (textWidth(letters.join('')) > columns - 1) letters.shift();
  return `…${letters.join('')}`;
}

function pageLines(state: TasksState, page: Page, palette: Palette): string[] {
  const { columns } = state.size;
  const shown = page.lines.slice(page.top, page.top + roomOf(state));
  const task = state.document.tasks.find(({ id }) => id === page.task);
  const title = `${safeText(page.task)}  ${page.kind}${task === undefined ? '' : `  ${stateWord(task)}`}`;
  return [fitLine([{ text: title, style: palette.bold }], columns), ...shown.map((line) => pageLine(line, page, { columns, palette }))];
}

function pageLine(line: string, { kind }: Page, { columns, palette }: { readonly columns: number; readonly palette: Palette }): string {
  // Beyond this nothing of it is visible, whatever it holds.
  const text = safeText(line.slice(0, columns * 8 + 64).replaceAll('\t', '  '));
  const style = kind !== 'diff' ? undefined : text.startsWith('+') ? palette.green : text.startsWith('-') ? palette.red : text.startsWith('@@') ? palette.cyan : undefined;
  return fitLine([style === undefined ? { text } : { text, style }], columns);
}
