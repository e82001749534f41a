// The list of tasks: one item each, made once; filtering hides. Only the current item can be reached with Tab.
import { formatUsd, plural } from '../../../lib/text.ts';
import { formatDuration } from '../../../lib/time.ts';
import type { RowPayload, Tone } from '../payload.ts';
import { el, page } from './dom.ts';
import type { El } from './dom.ts';
import { formatCount, stretches } from './text.ts';

export interface TaskList {
  readonly element: El;
  /** Hides what does not pass; returns how many are left. */
  filter(passes: (row: RowPayload) => boolean): number;
  /** Marks one as the current one and scrolls to it; a focus that is in the list goes with it. */
  select(index: number): void;
  /** Puts the focus on the current one. */
  focus(): void;
  /** The next shown one in a direction; null at the end. From null: the first. */
  neighbour(index: number | null, step: 1 | -1): number | null;
  isShown(index: number): boolean;
  tick(index: number, isReviewed: boolean): void;
}

export interface ListHandlers {
  pick(index: number): void;
  review(index: number, isReviewed: boolean): void;
  isReviewed(row: RowPayload): boolean;
}

export const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', bad: '✕', idle: '○', live: '▶' };

interface Item {
  readonly row: RowPayload;
  readonly item: El;
  readonly button: El;
  readonly box: El;
}

/** The list, with everything shown and nothing current. */
export function createList(rows: readonly RowPayload[], handlers: ListHandlers): TaskList {
  const items = rows.map((row, index) => createItem(row, index, handlers));
  let current: Item | undefined;
  const setReachable = (item: Item | undefined, isReachable: boolean): void => {
    if (item === undefined) return;
    item.item.classList.toggle('current', isReachable);
    item.button.tabIndex = item.box.tabIndex = isReachable ? 0 : -1;
    item.button.setAttribute('aria-current', String(isReachable));
  };
  return {
    element: el('ul', { class: 'tasks', 'aria-label': 'Tasks' }, ...items.map(({ item }) => item)),
    filter: (passes) => {
      let shown = 0;
      for (const { row, item } of items) {
        item.hidden = !passes(row);
        if (!item.hidden) shown += 1;
      }
      return shown;
    },
    select: (index) => {
      const isFocused = (page.document.activeElement?.closest('.tasks') ?? null) !== null;
      setReachable(current, false);
      current = items[index];
      setReachable(current, true);
      if (isFocused) current?.button.focus();
      current?.item.scrollIntoView({ block: 'nearest' });
    },
    focus: () => current?.button.focus(),
    neighbour: (index, step) => {
      let at = index === null ? 0 : index + step;
      while (items[at]?.item.hidden === true) at += step;
      return items[at] === undefined ? null : at;
    },
    isShown: (index) => items[index]?.item.hidden === false,
    tick: (index, isReviewed) => {
      const item = items[index];
      if (item === undefined) return;
      item.box.checked = isReviewed;
      item.item.classList.toggle('reviewed', isReviewed);
    },
  };
}

function createItem(row: RowPayload, index: number, handlers: ListHandlers): Item {
  const box = el('input', { type: 'checkbox', tabindex: '-1', 'aria-label': `Reviewed: ${row.id}`, title: 'Reviewed (x)', change: () => handlers.review(index, box.checked) });
  const facts = el('span', { class: 'facts' }, el('span', { class: `word ${row.tone}` }, row.word));
  for (const [text, look] of factsOf(row)) facts.append(el('span', { class: look }, text));
  const name = row.name === row.id ? [] : [el('span', { class: 'name' }, inert(row.name))];
  const button = el('button', { type: 'button', class: 'pick', tabindex: '-1', click: () => handlers.pick(index) },
    el('span', { class: `mark ${row.tone}`, 'aria-hidden': 'true' }, SIGNS[row.tone]), el('span', { class: 'id' }, row.id), ...name, facts);
  const item = el('li', { class: 'task' }, button, box);
  box.checked = handlers.isReviewed(row);
  item.classList.toggle('reviewed', box.checked);
  return { row, item, button, box };
}

/** What the list and the head of the task say in numbers, each with its look. */
export function factsOf(row: RowPayload): readonly (readonly [text: string, look: string])[] {
  return [
    ...(row.filesChanged === 0 ? [] : [
      [plural(row.filesChanged, 'file'), 'files'] as const,
      [`+${formatCount(row.insertions)}`, 'ins'] as const,
      [`−${formatCount(row.deletions)}`, 'del'] as const,
    ]),
    ...(row.costUsd === null ? [] : [[formatUsd(row.costUsd), 'cost'] as const]),
    ...(row.durationMs === null ? [] : [[formatDuration(row.durationMs), 'time'] as const]),
    ...(row.reason === null ? [] : [[row.reason, 'reason'] as const]),
  ];
}

/** In one line, with what is hidden spelled out. */
export function inert(text: string): string {
  return stretches(text.replaceAll('\n', ' ')).map((stretch) => stretch.text).join('');
}
