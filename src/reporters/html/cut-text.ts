// Texts cut to a length at the end of a line, and how much was left out. Pure.
import type { CutText } from './payload.ts';

/** The beginning of a text, at most `most` characters, whole lines if it has any. */
export function keepStart(text: string, most: number): CutText {
  if (text.length <= most) return { text, dropped: 0 };
  const lineEnd = text.lastIndexOf('\n', most - 1);
  const kept = lineEnd > 0 ? text.slice(0, lineEnd + 1) : text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '');
  return { text: kept, dropped: text.length - kept.length };
}

/** The end of a text, likewise. */
export function keepEnd(text: string, most: number): CutText {
  if (text.length <= most) return { text, dropped: 0 };
  const from = text.length - most;
  const lineStart = text.indexOf('\n', from - 1) + 1;
  const kept = lineStart > 0 && lineStart < text.length ? text.slice(lineStart) : text.slice(from).replace(/^[\uDC00-\uDFFF]/, '');
  return { text: kept, dropped: text.length - kept.length };
}
