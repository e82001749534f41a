// What changed within a line: of lines that were removed and those that were added in their place, in order, the part
// between the common beginning and the common end. Pure.
import type { DiffRow } from './diff.ts';

/** Code units from and to, of the row's text. */
export type Mark = readonly [from: number, to: number];

const LONGEST = 1000;

/** Marks of a hunk's rows; a row that changed as a whole has none. */
export function lineMarks(rows: readonly DiffRow[]): Map<DiffRow, Mark> {
  const marks = new Map<DiffRow, Mark>();
  let at = 0;
  while (at < rows.length) {
    const removed = runOf(rows, at, 'removed');
    const added = runOf(rows, at + removed, 'added');
    for (let i = 0; i < Math.min(removed, added); i++) markPair(marks, rows[at + i], rows[at + removed + i]);
    at += Math.max(1, removed + added);
  }
  return marks;
}

function runOf(rows: readonly DiffRow[], from: number, kind: DiffRow['kind']): number {
  let to = from;
  while (rows[to]?.kind === kind) to += 1;
  return to - from;
}

function markPair(marks: Map<DiffRow, Mark>, removed: DiffRow | undefined, added: DiffRow | undefined): void {
  if (removed === undefined || added === undefined) return;
  const [a, b] = [removed.text, added.text];
  const shorter = Math.min(a.length, b.length);
  if (Math.max(a.length, b.length) > LONGEST) return;
  let start = 0;
  while (start < shorter && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  // Lines with little in common are better read whole.
  if ((start + end) * 2 < shorter) return;
  if (a.length > start + end) marks.set(removed, [start, a.length - end]);
  if (b.length > start + end) marks.set(added, [start, b.length - end]);
}
