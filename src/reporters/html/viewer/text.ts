// Text of agents and files as a reader should see it: what is invisible or would reorder it is spelled out, very long
// lines are cut. Pure.

/** A stretch of a line; `isHidden`: stands for a character that cannot be seen. */
export interface Stretch {
  readonly text: string;
  readonly isHidden: boolean;
}

export const MOST_OF_LINE = 4000;
// A joiner within a pictograph and the selector that colours one belong to what is seen.
const HIDDEN = /(?!\uFE0F|\u200D\p{Extended_Pictographic}|\t)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** A line in stretches; the name of what is hidden is `^[` for controls and `U+202E` for others. */
export function stretches(line: string): Stretch[] {
  const found: Stretch[] = [];
  let from = 0;
  const add = (text: string, isHidden: boolean): void => {
    if (text !== '') found.push({ text, isHidden });
  };
  for (const match of line.matchAll(HIDDEN)) {
    add(line.slice(from, match.index), false);
    add(nameOf(match[0]), true);
    from = match.index + match[0].length;
  }
  add(line.slice(from), false);
  return found;
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `^${String.fromCharCode(code ^ 0x40)}`;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The lines of a text; a line end at its end does not make one more. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** 1234567 → `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
