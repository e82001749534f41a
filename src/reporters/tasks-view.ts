// The interactive list of a run's tasks as a state that keys change: (state, key) → state and what is to be done. Pure:
// draws nothing and does nothing.
import type { Key } from '../lib/keys.ts';
import type { TaskId } from '../plan/plan.ts';
import type { StatusDocument, TaskDocument } from './status.ts';
import { OUTCOME_WORDS } from './task-lines.ts';

export type PageKind = 'details' | 'log' | 'diff';
export type TaskAction = 'teleport' | 'cancel' | 'retry' | 'merge';

/** A text about one task, shown in place of the list. */
export interface Page {
  readonly kind: PageKind;
  readonly task: TaskId;
  /** As they were read: not safe to print. */
  readonly lines: readonly string[];
  /** The first line that is shown. */
  readonly top: number;
}

export interface TasksState {
  readonly document: StatusDocument;
  /** Of the terminal. */
  readonly size: { readonly columns: number; readonly rows: number };
  /** Stays with the task when others come and go. */
  readonly selected: TaskId | null;
  /** The first task that is shown, counted among those that pass the filter. */
  readonly top: number;
  readonly filter: string;
  /** Keys go to the filter. */
  readonly isTyping: boolean;
  /** Waits for y. */
  readonly asking: { readonly action: TaskAction; readonly task: TaskId } | null;
  /** What became of the last action; the next key removes it. */
  readonly message: string | null;
  readonly page: Page | null;
}

/** What a key asks for beyond the state. */
export type TasksAction =
  | { readonly type: 'quit' | 'refresh' }
  | { readonly type: 'open'; readonly kind: PageKind; readonly task: TaskId }
  | { readonly type: 'do'; readonly action: TaskAction; readonly task: TaskId };

export interface Pressed {
  readonly state: TasksState;
  readonly action: TasksAction | null;
}

/** Lines of a frame that are not tasks: run, column titles, message, keys. */
const LIST_FRAME = 4;
/** Lines around a page: title, message, keys. */
const PAGE_FRAME = 3;

/** The list as it is first shown, the first task selected. */
export function tasksState(document: StatusDocument, size: TasksState['size']): TasksState {
  return settle({ document, size, selected: null, top: 0, filter: '', isTyping: false, asking: null, message: null, page: null });
}

/** The state with another document, size, page or message. */
export function withNews(state: TasksState, news: Partial<Pick<TasksState, 'document' | 'size' | 'page' | 'message'>>): TasksState {
  return settle({ ...state, ...news });
}

/** How many tasks, or lines of the page, there is room for. */
export function roomOf({ size, page }: Pick<TasksState, 'size' | 'page'>): number {
  return Math.max(1, size.rows - (page === null ? LIST_FRAME : PAGE_FRAME));
}

/** One word, or two, for where a task is. */
export function stateWord(task: TaskDocument): string {
  return task.outcome === null ? task.state : task.merge === 'merged' ? 'merged' : OUTCOME_WORDS[task.outcome];
}

/** The tasks that pass the filter: every word of it is somewhere in the id, name, state, agent or branch. */
export function shownTasks({ document, filter }: Pick<TasksState, 'document' | 'filter'>): readonly TaskDocument[] {
  const words = filter.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return document.tasks;
  return document.tasks.filter((task) => {
    const text = `${task.id}\n${task.name}\n${stateWord(task)}\n${task.state}\n${task.agent ?? ''}\n${task.branch}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The state after a key, and what else is to be done. */
export function press(before: TasksState, key: Key): Pressed {
  const state = { ...before, message: null };
  if (key === 'interrupt') return { state, action: { type: 'quit' } };
  const pressed = state.asking !== null ? answer(state, state.asking, key) : state.isTyping ? type(state, key) : command(state, key);
  return { ...pressed, state: settle(pressed.state) };
}

function answer(state: TasksState, asking: NonNullable<TasksState['asking']>, key: Key): Pressed {
  const after = { ...state, asking: null };
  return key === 'y' || key === 'Y' ? { state: after, action: { type: 'do', ...asking } } : { state: { ...after, message: 'nothing was done' }, action: null };
}

function type(state: TasksState, key: Key): Pressed {
  const nothing = (after: Partial<TasksState>): Pressed => ({ state: { ...state, ...after }, action: null });
  switch (key) {
    case 'enter': return nothing({ isTyping: false });
    case 'escape': return nothing({ isTyping: false, filter: '' });
    case 'backspace': return nothing(state.filter === '' ? { isTyping: false } : { filter: Array.from(state.filter).slice(0, -1).join('') });
    case 'erase': return nothing({ filter: '' });
    default: return Array.from(key).length === 1 ? nothing({ filter: state.filter + key }) : (moved(state, key) ?? nothing({}));
  }
}

const PAGES: Readonly<Record<string, PageKind>> = { enter: 'details', l: 'log', d: 'diff' };
const ACTIONS: Readonly<Record<string, TaskAction>> = { t: 'teleport', x: 'cancel', R: 'retry', m: 'merge' };

function command(state: TasksState, key: Key): Pressed {
  if (key === 'q' || key === 'escape' || (key === 'left' && state.page !== null)) return back(state, key);
  if (key === 'r' || key === 'refresh') return { state, action: { type: 'refresh' } };
  if (key === '/' && state.page === null) return { state: { ...state, isTyping: true, filter: '' }, action: null };
  const task = state.page?.task ?? state.selected;
  const kind = PAGES[key];
  if (kind !== undefined && task !== null && !(key === 'enter' && state.page !== null)) return { state, action: { type: 'open', kind, task } };
  const action = ACTIONS[key];
  if (action !== undefined && task !== null) return begin(state, action, task);
  return moved(state, key) ?? { state, action: null };
}

/** `q` leaves what is in front; Escape never leaves the list. */
function back(state: TasksState, key: Key): Pressed {
  if (state.page !== null) return { state: { ...state, page: null }, action: null };
  if (key === 'q') return { state, action: { type: 'quit' } };
  return { state: { ...state, filter: '' }, action: null };
}

/** What changes a task or a branch for good is asked first. */
function begin(state: TasksState, action: TaskAction, task: TaskId): Pressed {
  if (action === 'cancel' || action === 'merge') return { state: { ...state, asking: { action, task } }, action: null };
  return { state, action: { type: 'do', action, task } };
}

function moved(state: TasksState, key: Key): Pressed | null {
  const step = stepOf(key, roomOf(state));
  if (step === null) return null;
  const { page } = state;
  if (page !== null) return { state: { ...state, page: { ...page, top: page.top + step } }, action: null };
  const tasks = shownTasks(state);
  const at = tasks.findIndex(({ id }) => id === state.selected);
  const to = Math.min(Math.max(0, at + step), tasks.length - 1);
  return { state: { ...state, selected: tasks[to]?.id ?? null }, action: null };
}

function stepOf(key: Key, room: number): number | null {
  switch (key) {
    case 'up': case 'k': return -1;
    case 'down': case 'j': return 1;
    case 'page-up': return -room;
    case 'page-down': case ' ': return room;
    case 'home': case 'g': return -Number.MAX_SAFE_INTEGER;
    case 'end': case 'G': return Number.MAX_SAFE_INTEGER;
    default: return null;
  }
}

/** Whatever changed: a task that is there is selected and visible, and a page shows as much as it can. */
function settle(state: TasksState): TasksState {
  const tasks = shownTasks(state);
  const room = roomOf({ ...state, page: null });
  const found = tasks.findIndex(({ id }) => id === state.selected);
  const at = Math.max(0, found);
  const top = Math.max(0, Math.min(Math.max(state.top, at - room + 1), at, tasks.length - room));
  const { page } = state;
  return {
    ...state, selected: tasks[at]?.id ?? null, top,
    page: page === null ? null : { ...page, top: Math.max(0, Math.min(page.top, page.lines.length - roomOf(state))) },
  };
}

/** Whether the end of the page is on the screen: what grows then stays at its end. */
export function isAtEnd(state: TasksState): boolean {
  return state.page !== null && state.page.top + roomOf(state) >= state.page.lines.length;
}
