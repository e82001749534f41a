// A diff on the page: one section per file, opened as long as the page stays light, rows in chunks.
import type { CutText } from '../payload.ts';
import { parseDiff } from './diff.ts';
import type { DiffFile, DiffRow } from './diff.ts';
import { lineMarks } from './diff-marks.ts';
import type { Mark } from './diff-marks.ts';
import { appendInChunks, el } from './dom.ts';
import type { El } from './dom.ts';
import { ink, notice } from './ink.ts';
import { formatCount } from './text.ts';

const FILES = 200;
const ROWS = 1500;
/** Headers that the section's title says already. */
const TITLED = /^(diff --|index |--- |\+\+\+ |new file|deleted file|rename |copy |similarity |dissimilarity )/;
const MOST_NOTES = 6;
const SIGNS: Readonly<Record<DiffRow['kind'], string>> = { same: ' ', added: '+', removed: '−', note: ' ' };

/** The whole diff; `command` shows what was cut off. */
export function diffView(diff: CutText, command: string): El {
  const view = el('div', { class: 'diff' });
  const files = parseDiff(diff.text);
  if (files.length === 0) view.append(notice('No changes.'));
  let left = ROWS;
  const items = files.map((file) => {
    const rows = rowCount(file);
    const isOpen = left > 0;
    if (isOpen) left -= rows;
    return { file, rows, isOpen };
  });
  if (files.length > 1) view.append(contents(files));
  appendInChunks(view, items, { size: FILES, noun: 'files', make: (item) => fileSection(item) });
  if (diff.dropped > 0) view.append(notice(`The diff is longer than what a report keeps: ${formatCount(diff.dropped)} more characters. All of it: ${command}`));
  return view;
}

function rowCount(file: DiffFile): number {
  return file.hunks.reduce((sum, hunk) => sum + hunk.rows.length, 0);
}

function contents(files: readonly DiffFile[]): El {
  const sum = (of: (file: DiffFile) => number): number => files.reduce((total, file) => total + of(file), 0);
  return el('p', { class: 'sum' }, `${formatCount(files.length)} files `,
    el('span', { class: 'ins' }, `+${formatCount(sum((file) => file.added))}`), ' ', el('span', { class: 'del' }, `−${formatCount(sum((file) => file.removed))}`));
}

function fileSection({ file, rows, isOpen }: { readonly file: DiffFile; readonly rows: number; readonly isOpen: boolean }): El {
  const body = el('div', { class: 'body' });
  const path = el('span', { class: 'path' });
  if (file.oldPath !== null && file.oldPath !== file.path) ink(path, `${file.oldPath} → `);
  ink(path, file.path === '' ? 'text' : file.path);
  const title = el('button', { type: 'button', class: 'title', 'aria-expanded': 'false', click: () => toggle(body.hidden) },
    path, ...badges(file, rows));
  const section = el('section', { class: 'file' }, el('h3', {}, title), body);
  let isFilled = false;
  const toggle = (open: boolean): void => {
    if (open && !isFilled) fillFile(body, file);
    isFilled ||= open;
    body.hidden = !open;
    title.setAttribute('aria-expanded', String(open));
  };
  toggle(isOpen);
  return section;
}

function badges(file: DiffFile, rows: number): El[] {
  const words = [...(file.change === 'modified' ? [] : [file.change]), ...(file.isBinary ? ['binary'] : [])];
  const counts = rows === 0 ? [] : [el('span', { class: 'ins' }, `+${formatCount(file.added)}`), el('span', { class: 'del' }, `−${formatCount(file.removed)}`)];
  return [...words.map((word) => el('span', { class: 'badge' }, word)), ...counts];
}

function fillFile(body: El, file: DiffFile): void {
  if (file.isBinary) body.append(notice('A binary file: its content is not shown.'));
  else {
    const lines = file.head.filter((text) => text !== '' && !TITLED.test(text));
    body.append(...lines.slice(0, MOST_NOTES).map(notice));
    if (lines.length > MOST_NOTES) body.append(notice(`… and ${formatCount(lines.length - MOST_NOTES)} more lines that are not part of a diff`));
  }
  if (file.hunks.length === 0) {
    if (body.textContent === '') body.append(notice('No line changed.'));
    return;
  }
  const isCrlf = file.hunks.every((hunk) => hunk.rows.every((row) => row.kind === 'note' || row.text.endsWith('\r')));
  if (isCrlf) body.append(notice('Every line shown ends with CR LF.'));
  const marks = new Map<DiffRow, Mark>(file.hunks.flatMap((hunk) => [...lineMarks(hunk.rows)]));
  const lines = el('div', { class: 'lines' });
  const items = file.hunks.flatMap((hunk): (DiffRow | string)[] => [hunk.header, ...hunk.rows]);
  appendInChunks(lines, items, { size: ROWS, noun: 'lines', make: (item) => typeof item === 'string' ? hunkLine(item) : rowLine(item, { mark: marks.get(item), isCrlf }) });
  body.append(el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Changed lines' }, lines));
}

function hunkLine(header: string): El {
  const line = el('div', { class: 'hunk' });
  ink(line, header);
  return line;
}

function rowLine(row: DiffRow, look: { readonly mark: Mark | undefined; readonly isCrlf: boolean }): El {
  const text = el('span', { class: 'code' });
  ink(text, look.isCrlf ? row.text.replace(/\r$/, '') : row.text, look.mark);
  // Numbers and signs are drawn by the style sheet, so that copied lines are lines of the file; readers hear the kind.
  return el('div', { class: `row ${row.kind}` },
    el('span', { class: 'n', 'data-n': String(row.before ?? '') }), el('span', { class: 'n', 'data-n': String(row.after ?? '') }),
    el('span', { class: 'sign', 'data-n': SIGNS[row.kind], ...(row.kind === 'added' || row.kind === 'removed' ? { role: 'img', 'aria-label': row.kind } : {}) }), text);
}
