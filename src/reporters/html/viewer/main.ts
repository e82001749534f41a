// The report's page: puts head, list and pane together, and owns what is current. Everything comes from the page itself.
import type { RowPayload, RunPayload } from '../payload.ts';
import { el, page } from './dom.ts';
import type { Ev } from './dom.ts';
import { rowFilter } from './filter.ts';
import { createHead } from './head.ts';
import { createList } from './list.ts';
import { createPane } from './pane.ts';
import { openReviewed } from './reviewed.ts';
import { TABS } from './tab-view.ts';

const run = JSON.parse(page.document.getElementById('run')?.textContent ?? '') as RunPayload;
const indexes = new Map(run.rows.map((row, index) => [row.id, index]));
const reviewed = openReviewed(run.run);
const { body } = page.document;
let current: number | null = null;
let shownCount = run.rows.length;
let reviewedCount = run.rows.filter((row) => reviewed.has(row)).length;

const isWide = (): boolean => page.matchMedia('(min-width: 800px)').matches;
const rowAt = (index: number | null): RowPayload | undefined => (index === null ? undefined : run.rows[index]);

const head = createHead(run, () => applyFilter());
const list = createList(run.rows, { pick, review, isReviewed: (row) => reviewed.has(row) });
const pane = createPane({
  back: () => close(),
  review: (isReviewed) => {
    if (current !== null) review(current, isReviewed);
  },
  isReviewed: (row) => reviewed.has(row),
});
const nothing = el('p', { class: 'notice none', hidden: true }, 'No task passes the filter.');

function applyFilter(): void {
  shownCount = list.filter(rowFilter(head.filter(), (row) => reviewed.has(row)));
  nothing.hidden = shownCount > 0;
  head.count(shownCount, reviewedCount);
}

/** So that an address leads to what is shown; a step is one that the browser's way back undoes. */
function setHash(id: string, isStep: boolean): void {
  const hash = id === '' ? '' : `#${id}`;
  if (page.location.hash === hash) return;
  if (isStep) page.location.hash = hash;
  else page.location.replace(`#${id}`);
}

/** Makes a task the current one; `isOpened` also where there is room for either the list or the task. */
function select(index: number, isOpened: boolean): void {
  const row = rowAt(index);
  if (row === undefined) return;
  // Where a task takes the list's place, the way back leads to the list.
  if (isOpened || isWide()) setHash(row.id, !isWide() && !body.classList.contains('opened'));
  if (isOpened) body.classList.toggle('opened', true);
  if (index === current) return;
  current = index;
  list.select(index);
  pane.show(index, row);
}

/** The first time shows a task, the second goes to read it. */
function pick(index: number): void {
  const isAgain = index === current;
  select(index, true);
  if (isAgain) pane.focus();
}

function close(): void {
  body.classList.toggle('opened', false);
  if (!isWide()) setHash('', false);
  if (current === null) return;
  list.select(current);
  list.focus();
}

function review(index: number, isReviewed: boolean): void {
  const row = rowAt(index);
  if (row === undefined || reviewed.has(row) === isReviewed) return;
  reviewed.set(row, isReviewed);
  reviewedCount += isReviewed ? 1 : -1;
  list.tick(index, isReviewed);
  if (index === current) pane.tick(isReviewed);
  if (!reviewed.isKept()) head.warn('This browser keeps nothing for this page: what is ticked as reviewed is forgotten when it closes.');
  // A tick does not take its task out of the list under the reader's hand; the next filter does.
  head.count(shownCount, reviewedCount);
}

function step(by: 1 | -1): void {
  const next = list.neighbour(current, by);
  if (next !== null) select(next, false);
}

const KEYS: Readonly<Record<string, () => void>> = {
  'j': () => step(1), 'k': () => step(-1),
  'Enter': () => {
    const index = current !== null && list.isShown(current) ? current : list.neighbour(null, 1);
    if (index === null) return;
    select(index, true);
    pane.focus();
  },
  'x': () => {
    const row = rowAt(current);
    if (current !== null && row !== undefined) review(current, !reviewed.has(row));
  },
  '/': () => head.box.focus(),
  'Escape': close,
  ...Object.fromEntries(TABS.map(([tab], index) => [String(index + 1), () => pane.open(tab)])),
};

function onKey(event: Ev): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const isTyping = event.target?.closest('input[type=search]') !== null && event.target !== null;
  // A button that has the focus is pressed by Enter, and by nothing else.
  const isOnControl = event.target?.closest('button, input') !== null && event.target !== null;
  if (isTyping && event.key !== 'Escape' && event.key !== 'Enter') return;
  if (isTyping) head.box.blur();
  else if (event.key === 'Enter' && isOnControl) return;
  const act = KEYS[event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
}

function selectFromHash(): void {
  const { hash } = page.location;
  const index = indexes.get(hash.slice(1));
  if (index !== undefined) select(index, true);
  else if (hash === '') close();
}

body.append(head.element, el('main', {}, el('nav', { class: 'side', 'aria-label': 'Tasks' }, list.element, nothing), pane.element),
  el('footer', {}, `j k next, previous · Enter read · 1–4 tabs · x reviewed · / filter · Esc back${run.writtenAt === null ? '' : ` · written ${run.writtenAt.slice(0, 16).replace('T', ' ')} UTC`}`));
applyFilter();
selectFromHash();
if (current === null && isWide()) step(1);
page.document.addEventListener('keydown', onKey);
page.addEventListener('hashchange', selectFromHash);
