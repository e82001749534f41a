// Text that is about to reach a terminal: made inert, measured in columns, cut. Every string that came from an agent, a
// branch, a file or a manifest passes `safeText` first. Knows no stream and writes nothing.
import stringWidth from 'string-width';

const ESC = '\u001B';
/** What puts a terminal back in order, whatever a frame was doing when it was cut short. Harmless when nothing is wrong. */
export const RESTORE_TERMINAL = `${ESC}[?2026l${ESC}[?7h${ESC}[?25h`;

// A string sequence (OSC, DCS, SOS, PM, APC) may hold anything but controls, so that a body ends at the next introducer:
// that keeps the search linear in text made of introducers only.
const STRING_SEQUENCE = `(?:${ESC}[\\]PX^_]|[\\u0090\\u0098\\u009D\\u009E\\u009F])[^\\p{Cc}]*(?:\\u0007|${ESC}\\\\|\\u009C)`;
const CSI = `(?:${ESC}\\[|\\u009B)[0-?]*[ -/]*[@-~]`;
const OTHER_ESCAPE = `${ESC}[ -/]*[0-~]`;
const SEQUENCES = new RegExp(`${STRING_SEQUENCE}|${CSI}|${OTHER_ESCAPE}`, 'gu');
// Controls; lone surrogates; line separators; everything that takes no column (bidi, zero-width, tags, variation selectors).
const HIDDEN_CLASS = '\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\uFFF9-\\uFFFB';
const HAS_HIDDEN = new RegExp(`[${HIDDEN_CLASS}]`, 'u');
const HIDDEN = new RegExp(`[${HIDDEN_CLASS}]+`, 'gu');
const BLANK = /[\t\n\v\f\r\u0085\u2028\u2029]/g;
const LONE_SURROGATE = /\p{Cs}/u;
// One column and one code unit each, without asking: ASCII, Latin, dashes and quotes, arrows, lines and shapes, ticks and
// crosses, Braille (spinners). Asking for the first time compiles what knows every emoji: 20 ms.
const NARROW = /^[ -~\u00A1-\u00AC\u00AE-\u02FF\u2010-\u2027\u2190-\u21FF\u2500-\u25FC\u2713-\u2718\u2800-\u28FF]*$/;

/** With U+FFFD for each half of a pair that is alone. */
function wellFormed(text: string): string {
  return LONE_SURROGATE.test(text) ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text)) : text;
}

/**
 * One line that can only be read: no escape sequence, control character, bidi control, invisible character or lone
 * surrogate is left. Tabs and line ends become spaces. Idempotent; time linear in the length.
 */
export function safeText(text: string): string {
  if (!HAS_HIDDEN.test(text)) return text;
  return wellFormed(text)
    .replace(SEQUENCES, '')
    .replace(BLANK, ' ')
    .replace(HIDDEN, '');
}

/** Columns that a safe text takes on a terminal; colours take none. */
export function textWidth(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text);
}

// Made when it is first needed: most starts never do, and it takes as long as reading a manifest.
let segmenter: Intl.Segmenter | undefined;

/**
 * The text if it fits into so many columns, else its beginning and `…`. Never splits a character or a cluster. Looks at
 * no more than a few code units per column, so that a line of a megabyte costs what a short one does.
 */
export function cutToWidth(text: string, columns: number): string {
  if (!(columns > 0)) return '';
  const limit = columns * 8 + 32;
  const head = text.length > limit ? text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, '') : text;
  if (head === text && textWidth(head) <= columns) return text;
  if (NARROW.test(head)) return `${head.slice(0, columns - 1)}…`;
  let kept = '';
  let width = 0;
  segmenter ??= new Intl.Segmenter();
  for (const { segment } of segmenter.segment(head)) {
    const next = width + stringWidth(segment);
    if (next > columns - 1) break;
    kept += segment;
    width = next;
  }
  return `${kept}…`;
}

/** Cut or filled with spaces to exactly so many columns. */
export function padToWidth(text: string, columns: number): string {
  const cut = cutToWidth(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - textWidth(cut)));
}

/** A safe text as lines of at most so many columns, broken at spaces where there are any; the last of `most` lines is cut. */
export function wrapToWidth(text: string, columns: number, most: number): string[] {
  const width = Math.max(2, columns);
  const lines: string[] = [];
  let rest = text.slice(0, width * most * 2).replace(/[\uD800-\uDBFF]$/, '');
  while (textWidth(rest) > width && lines.length < most - 1) {
    const cut = cutToWidth(rest, width + 1).slice(0, -1);
    const space = rest[cut.length] === ' ' ? cut.length : cut.lastIndexOf(' ');
    const line = space > width / 2 ? cut.slice(0, space) : cut === '' ? String.fromCodePoint(rest.codePointAt(0) ?? 0) : cut;
    lines.push(line);
    rest = rest.slice(line.length).trimStart();
  }
  return [...lines, cutToWidth(rest, width)];
}
