// A terminal line put together from pieces, cut to a width before it is coloured, so that colours never count as columns.
import { cutToWidth, textWidth } from '../lib/terminal.ts';

/** A piece of a line; `style` colours what is left of the text after cutting. */
export interface Piece {
  /** Safe text. */
  readonly text: string;
  readonly style?: (text: string) => string;
}

/** The pieces side by side, the last that fits only in part cut with `…`. */
export function fitLine(pieces: readonly Piece[], columns: number): string {
  let line = '';
  let left = columns;
  for (const { text, style } of pieces) {
    if (text === '') continue;
    if (left <= 0) break;
    const width = textWidth(text);
    const shown = width <= left ? text : cutToWidth(text, left);
    line += style === undefined ? shown : style(shown);
    left -= width;
  }
  return line;
}

/** Columns of all pieces together. */
export function piecesWidth(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + textWidth(piece.text), 0);
}
