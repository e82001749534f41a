// Which tasks the list shows. Pure.
import type { RowPayload } from '../payload.ts';

export interface Filter {
  /** Words that must all occur in what the list says of a task. */
  readonly text: string;
  /** Outcomes or states; empty = any. */
  readonly words: ReadonlySet<string>;
  readonly isUnreviewedOnly: boolean;
}

/** A predicate for rows; whether a row is reviewed is asked only where it matters. */
export function rowFilter(filter: Filter, isReviewed: (row: RowPayload) => boolean): (row: RowPayload) => boolean {
  const needles = filter.text.toLowerCase().split(/\s+/).filter((needle) => needle !== '');
  return (row) => {
    if (filter.words.size > 0 && !filter.words.has(row.word)) return false;
    const said = `${row.id} ${row.name} ${row.word} ${row.reason ?? ''} ${row.agent ?? ''}`.toLowerCase();
    return needles.every((needle) => said.includes(needle)) && !(filter.isUnreviewedOnly && isReviewed(row));
  };
}

/** The outcomes and states that occur, with how many tasks have each: what needs a look first. */
export function wordCounts(rows: readonly RowPayload[]): { readonly word: string; readonly tone: RowPayload['tone']; readonly count: number }[] {
  const order: readonly RowPayload['tone'][] = ['bad', 'live', 'good', 'idle'];
  const found = new Map<string, { word: string; tone: RowPayload['tone']; count: number }>();
  for (const { word, tone } of rows) {
    const entry = found.get(word) ?? { word, tone, count: 0 };
    entry.count += 1;
    found.set(word, entry);
  }
  return [...found.values()].sort((a, b) => order.indexOf(a.tone) - order.indexOf(b.tone) || b.count - a.count);
}
