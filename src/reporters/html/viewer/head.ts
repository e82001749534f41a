// The top of the page: the run in a line, what to filter by, and how far the review is.
import { formatUsd, plural } from '../../../lib/text.ts';
import { formatDuration } from '../../../lib/time.ts';
import type { RunPayload } from '../payload.ts';
import { el } from './dom.ts';
import type { El } from './dom.ts';
import { wordCounts } from './filter.ts';
import type { Filter } from './filter.ts';
import { inert } from './list.ts';

export interface Head {
  readonly element: El;
  readonly box: El;
  /** What was typed and pressed. */
  filter(): Filter;
  /** How many tasks are shown, and reviewed. */
  count(shown: number, reviewed: number): void;
  warn(text: string): void;
}

/** The head; `changed` is called when another filter is set. */
export function createHead(run: RunPayload, changed: () => void): Head {
  const words = new Set<string>();
  let isUnreviewedOnly = false;
  const box = el('input', { type: 'search', class: 'filter', placeholder: 'Filter  ( / )', 'aria-label': 'Filter tasks', autocomplete: 'off', spellcheck: 'false', input: () => changed() });
  const chips = wordCounts(run.rows).map(({ word, tone, count }) => chip(`${count} ${word}`, tone, (isPressed) => {
    if (isPressed) words.add(word);
    else words.delete(word);
    changed();
  }));
  const unreviewed = chip('not reviewed', 'plain', (isPressed) => {
    isUnreviewedOnly = isPressed;
    changed();
  });
  const status = el('span', { class: 'count', role: 'status' });
  const warning = el('p', { class: 'warning', hidden: true });
  return {
    element: el('header', {},
      el('div', { class: 'run' }, el('h1', {}, inert(run.run)), el('p', { class: 'facts' }, ...runFacts(run).map((fact) => el('span', {}, fact)))),
      el('div', { class: 'filters', role: 'group', 'aria-label': 'Filter' }, box, ...chips, unreviewed, status),
      warning),
    box,
    filter: () => ({ text: box.value, words, isUnreviewedOnly }),
    count: (shown, reviewed) => {
      status.textContent = `${shown === run.rows.length ? '' : `${shown} shown · `}${reviewed}/${run.rows.length} reviewed`;
    },
    warn: (text) => {
      warning.textContent = text;
      warning.hidden = false;
    },
  };
}

function chip(label: string, look: string, press: (isPressed: boolean) => void): El {
  let isPressed = false;
  const button = el('button', { type: 'button', class: `chip ${look}`, 'aria-pressed': 'false', click: () => {
    isPressed = !isPressed;
    button.setAttribute('aria-pressed', String(isPressed));
    press(isPressed);
  } }, label);
  return button;
}

function runFacts(run: RunPayload): string[] {
  const took = run.startedAt === null || run.finishedAt === null ? null : Date.parse(run.finishedAt) - Date.parse(run.startedAt);
  return [
    `${run.state}${run.exitCode === null ? '' : ` (exit ${run.exitCode})`}`,
    plural(run.rows.length, 'task'),
    ...(took === null ? [] : [formatDuration(took)]),
    ...(run.costUsd > 0 ? [formatUsd(run.costUsd)] : []),
    `base ${run.base.slice(0, 12)}`,
    ...(run.target === null ? [] : [`target ${inert(run.target)}`]),
    ...(run.startedAt === null ? [] : [`started ${run.startedAt.slice(0, 16).replace('T', ' ')} UTC`]),
  ];
}
