// The terminal's second screen, taken by `open` and given back by `close`: what was on the terminal is there again. One
// write per frame, only the lines that changed. Knows nothing of tasks.
import { RESTORE_TERMINAL } from '../lib/terminal.ts';
import type { Output } from './reporter.ts';
import { sizeOf } from './tty-window.ts';

const ESC = '\u001B';
const ENTER = `${ESC}[?1049h${ESC}[?25l${ESC}[H${ESC}[J`;
const LEAVE = `${RESTORE_TERMINAL}${ESC}[?1049l`;
const BEGIN = `${ESC}[?2026h${ESC}[?7l`;
const END = `${ESC}[?7h${ESC}[?2026l`;

/** Lines are ready to print: safe, coloured, no wider than the screen. */
export class AlternateScreen {
  readonly #output: Output;
  #lines: readonly string[] | null = null;
  #isOpen = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Of the screen now; 80 × 24 where it is not known. */
  size(): { readonly columns: number; readonly rows: number } {
    return sizeOf(this.#output);
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#lines = null;
    this.#output.write(ENTER);
  }

  /** The next frame is drawn whole: somebody else may have written, or the size has changed. */
  invalidate(): void {
    this.#lines = null;
  }

  /** Shows these lines from the top; writes nothing when nothing changed. */
  paint(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const before = this.#lines;
    let frame = before === null ? `${ESC}[H${ESC}[J` : '';
    for (const [index, line] of lines.entries()) if (before?.[index] !== line) frame += `${ESC}[${index + 1};1H${ESC}[K${line}`;
    if (before !== null && before.length > lines.length) frame += `${ESC}[${lines.length + 1};1H${ESC}[J`;
    this.#lines = lines;
    if (frame !== '') this.#output.write(BEGIN + frame + END);
  }

  /** Safe to call twice, and after an error. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(LEAVE);
  }
}
