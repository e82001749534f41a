// The bottom lines of a terminal, redrawn in place: one write per frame, only what changed, the cursor hidden while it
// is open and shown again whatever happens. Never takes the alternate screen; knows nothing of tasks.
import { RESTORE_TERMINAL, textWidth } from '../lib/terminal.ts';
import type { Output } from './reporter.ts';

const ESC = '\u001B';
const HIDE_CURSOR = `${ESC}[?25l`;
// Line wrap is off within a frame: a character that this terminal draws wider than we think must not shift the rest.
const BEGIN = `${ESC}[?2026h${ESC}[?7l`;
const END = `${ESC}[?7h${ESC}[?2026l`;
const ERASE_LINE_END = `${ESC}[K`;
const ERASE_BELOW = `${ESC}[J`;
const up = (lines: number): string => (lines > 0 ? `\r${ESC}[${lines}A` : '\r');

/** Columns and rows of a terminal; 80 × 24 for a stream that does not know them. */
export function sizeOf({ columns, rows }: Pick<Output, 'columns' | 'rows'>): { readonly columns: number; readonly rows: number } {
  return { columns: columns > 0 ? Math.floor(columns) : 80, rows: rows > 0 ? Math.floor(rows) : 24 };
}

/** Lines are ready to print: safe, coloured, at most columns − 1 wide. Between frames the cursor rests below the last line. */
export class Window {
  readonly #output: Output;
  #lines: readonly string[] = [];
  #columns = 0;
  #rows = 0;
  #isOpen = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Size of the window now; what a stream that does not know it says is replaced by 80 × 24. */
  size(): { readonly columns: number; readonly rows: number } {
    return sizeOf(this.#output);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#output.write(HIDE_CURSOR);
  }

  /** Puts `permanent` lines above for good and shows `live` in place of the lines before. Writes nothing if nothing changed. */
  paint(permanent: readonly string[], live: readonly string[]): void {
    if (!this.#isOpen) return;
    const { columns, rows } = this.size();
    const shown = live.slice(0, rows - 1);
    const isResized = columns !== this.#columns || rows !== this.#rows;
    const frame = isResized || permanent.length > 0 ? this.#redraw(permanent, shown, columns) : this.#difference(shown);
    this.#lines = shown;
    this.#columns = columns;
    this.#rows = rows;
    if (frame !== '') this.#output.write(BEGIN + frame + END);
  }

  /** Removes the live lines, leaves `permanent` ones and shows the cursor. Safe to call twice, and after an error. */
  close(permanent: readonly string[] = []): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { columns } = this.size();
    const frame = this.#redraw(permanent, [], columns);
    this.#lines = [];
    this.#output.write(BEGIN + frame + END + RESTORE_TERMINAL);
  }

  #redraw(permanent: readonly string[], live: readonly string[], columns: number): string {
    const drawn = [...permanent, ...live].map((line) => `${line}${ERASE_LINE_END}\r\n`).join('');
    return up(this.#occupied(columns)) + drawn + ERASE_BELOW;
  }

  #difference(live: readonly string[]): string {
    const before = this.#lines;
    let first = 0;
    while (first < before.length && first < live.length && before[first] === live[first]) first += 1;
    if (first === before.length && first === live.length) return '';
    const drawn = live
      .slice(first)
      .map((line, index) => (before[first + index] === line ? '\n' : `${line}${ERASE_LINE_END}\r\n`))
      .join('');
    return up(before.length - first) + drawn + ERASE_BELOW;
  }

  /** Rows that the lines take now: a window that became narrower has wrapped them. */
  #occupied(columns: number): number {
    if (columns >= this.#columns) return this.#lines.length;
    return this.#lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(line) / columns)), 0);
  }
}
