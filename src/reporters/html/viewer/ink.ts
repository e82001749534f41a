// Lines on the page: as text nodes only, hidden characters spelled out, very long lines cut with a notice.
import type { Mark } from './diff-marks.ts';
import { el } from './dom.ts';
import type { El } from './dom.ts';
import { formatCount, MOST_OF_LINE, stretches } from './text.ts';

/** Appends a line to an element, with a part of it marked. */
export function ink(parent: El, line: string, mark?: Mark): void {
  const shown = line.length > MOST_OF_LINE ? line.slice(0, MOST_OF_LINE) : line;
  if (mark === undefined) inkPlain(parent, shown);
  else {
    const marked = el('mark');
    inkPlain(parent, shown.slice(0, mark[0]));
    inkPlain(marked, shown.slice(mark[0], mark[1]));
    parent.append(marked);
    inkPlain(parent, shown.slice(mark[1]));
  }
  if (shown.length < line.length) parent.append(el('span', { class: 'cut' }, ` … ${formatCount(line.length - shown.length)} more characters`));
}

function inkPlain(parent: El, text: string): void {
  for (const stretch of stretches(text)) {
    parent.append(stretch.isHidden ? el('span', { class: 'hid', title: 'a character that cannot be seen' }, stretch.text) : stretch.text);
  }
}

/** A line that says something about what is shown. */
export function notice(text: string): El {
  const line = el('p', { class: 'notice' });
  ink(line, text);
  return line;
}
