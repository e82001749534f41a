// A terminal small enough to be right about: what is on the screen, what scrolled away, where the cursor is. Knows the
// sequences that orch may write and records every other one, so that a test sees what got through.
import stringWidth from 'string-width';
import type { Output } from '../../src/reporters/reporter.ts';

const segmenter = new Intl.Segmenter();
// oxlint-disable-next-line no-control-regex -- terminals are made of them
const TOKEN = /\u001B\[([?0-9;]*)([A-Za-z])|[\u0000-\u001F\u007F-\u009F]|[^\u0000-\u001F\u007F-\u009F]+/g;

export class Screen implements Output {
  readonly isTTY = true;
  readonly color: boolean;
  columns: number;
  rows: number;
  cursorVisible = true;
  /** The second screen is shown. */
  isAlternate = false;
  autowrap = true;
  /** Characters that fell off the right edge, wrapped or not. */
  overflowed = 0;
  writes = 0;
  bytes = 0;
  /** Controls and sequences that are not known here: none of them should ever arrive. */
  readonly unknown: string[] = [];
  readonly scrollback: string[] = [];
  #grid: string[][];
  #row = 0;
  #column = 0;
  #sync = false;
  #saved: { grid: string[][]; row: number; column: number } | null = null;

  constructor(size: { columns: number; rows: number; color?: boolean }) {
    this.columns = size.columns;
    this.rows = size.rows;
    this.color = size.color ?? false;
    this.#grid = this.#blank();
  }

  get cursor(): { row: number; column: number } {
    return { row: this.#row, column: this.#column };
  }
  get synchronized(): boolean {
    return this.#sync;
  }

  /** What is visible, without trailing blanks. */
  lines(): string[] {
    return this.#grid.map((row) => row.join('').trimEnd());
  }
  /** Everything since the beginning, scrolled away or visible, without empty lines at the end. */
  everything(): string[] {
    const all = [...this.scrollback, ...this.lines()];
    while (all.at(-1) === '') all.pop();
    return all;
  }

  write(text: string): void {
    this.writes += 1;
    this.bytes += text.length;
    for (const [token, parameters, final] of text.matchAll(TOKEN)) {
      if (final !== undefined) this.#control(token, parameters ?? '', final);
      else if (token === '\r') this.#column = 0;
      else if (token === '\n') this.#lineFeed();
      else if (token.length === 1 && /\p{Cc}/u.test(token)) this.unknown.push(token);
      else this.#print(token);
    }
  }

  /** As terminals do: a narrower window wraps what is on it. */
  resize(columns: number, rows: number): void {
    const wrapped = this.#grid.slice(0, this.#row).flatMap((cells) => wrap(cells, columns));
    this.columns = columns;
    this.rows = rows;
    const overflow = Math.max(0, wrapped.length - (rows - 1));
    this.scrollback.push(...wrapped.slice(0, overflow).map((cells) => cells.join('').trimEnd()));
    this.#grid = [...wrapped.slice(overflow), ...this.#blank()].slice(0, rows);
    this.#row = wrapped.length - overflow;
    this.#column = Math.min(this.#column, columns - 1);
  }

  #blank(): string[][] {
    return Array.from({ length: this.rows }, () => Array.from({ length: this.columns }, () => ' '));
  }

  #control(token: string, parameters: string, final: string): void {
    const count = Number(parameters) || 1;
    const mode = `${parameters}${final}`;
    if (final === 'm') return;
    if (final === 'A') this.#row = Math.max(0, this.#row - count);
    else if (final === 'B') this.#row = Math.min(this.rows - 1, this.#row + count);
    else if (mode === 'K') this.#grid[this.#row]?.fill(' ', this.#column);
    else if (mode === 'J') {
      this.#grid[this.#row]?.fill(' ', this.#column);
      for (const row of this.#grid.slice(this.#row + 1)) row.fill(' ');
    } else if (mode === '?25l' || mode === '?25h') this.cursorVisible = final === 'h';
    else if (mode === '?7l' || mode === '?7h') this.autowrap = final === 'h';
    else if (final === 'H') {
      const [row = 1, column = 1] = parameters.split(';').map((part) => Number(part) || 1);
      this.#row = Math.min(this.rows, row) - 1;
      this.#column = Math.min(this.columns, column) - 1;
    } else if (mode === '?1049h' || mode === '?1049l') this.#alternate(final === 'h');
    else if (mode === '?2026l' || mode === '?2026h') this.#sync = final === 'h';
    else this.unknown.push(token);
  }

  #alternate(isOn: boolean): void {
    if (isOn === this.isAlternate) return;
    this.isAlternate = isOn;
    if (isOn) {
      this.#saved = { grid: this.#grid, row: this.#row, column: this.#column };
      this.#grid = this.#blank();
    } else if (this.#saved !== null) {
      this.#grid = this.#saved.grid;
      this.#row = this.#saved.row;
      this.#column = this.#saved.column;
    }
  }

  #lineFeed(): void {
    if (this.#row < this.rows - 1) this.#row += 1;
    else {
      this.scrollback.push((this.#grid.shift() ?? []).join('').trimEnd());
      this.#grid.push(Array.from({ length: this.columns }, () => ' '));
    }
  }

  #print(text: string): void {
    for (const { segment } of segmenter.segment(text)) {
      const width = stringWidth(segment);
      if (this.#column + width > this.columns) {
        this.overflowed += 1;
        if (!this.autowrap) continue;
        this.#lineFeed();
        this.#column = 0;
      }
      const row = this.#grid[this.#row];
      if (row === undefined) continue;
      if (width === 0) row[Math.max(0, this.#column - 1)] += segment;
      else row[this.#column] = segment;
      for (let extra = 1; extra < width; extra += 1) row[this.#column + extra] = '';
      this.#column += width;
    }
  }
}

/** A row's cells in rows of another width; what is blank at the end takes none of its own. */
function wrap(cells: readonly string[], columns: number): string[][] {
  const used = cells.findLastIndex((cell) => cell !== ' ') + 1;
  return Array.from({ length: Math.max(1, Math.ceil(used / columns)) }, (_, index) => {
    const part = cells.slice(index * columns, Math.min(used, (index + 1) * columns));
    return [...part, ...Array.from({ length: columns - part.length }, () => ' ')];
  });
}
