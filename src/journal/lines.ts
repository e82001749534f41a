// Streams a file line by line through one reused buffer, so that a journal of any size costs no more memory than its
// longest line. Knows nothing of what lines mean.
import { open } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './line.ts';

/**
 * Told of each line: its bytes without LF (valid only during the call; null when longer than any believable line), its
 * number from 1 and its offset. Returning false ends the reading.
 */
export type LineVisitor = (bytes: Buffer | null, line: number, byte: number) => boolean;

/** How far the reading came: all bytes of the file and its lines, those after an early end not counted. */
export interface LinesEnd {
  readonly bytes: number;
  readonly lines: number;
}

const CHUNK_BYTES = 1024 * 1024;
const LF = 0x0a;

/** Visits each line of a file that ends with LF; a last one without it is only counted in `bytes`. */
export async function forEachLine(file: string, visit: LineVisitor): Promise<LinesEnd> {
  const handle = await open(file, 'r');
  try {
    let buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, (await handle.stat()).size + 1));
    let held = 0;
    let offset = 0;
    let lines = 0;
    let overlong = false;
    for (;;) {
      if (held === buffer.length) {
        if (buffer.length >= MAX_LINE_BYTES) {
          overlong = true;
          offset += held;
          held = 0;
        } else {
          const larger = Buffer.allocUnsafe(Math.min(buffer.length * 2, MAX_LINE_BYTES));
          buffer.copy(larger, 0, 0, held);
          buffer = larger;
        }
      }
      const { bytesRead } = await handle.read(buffer, held, buffer.length - held, offset + held);
      if (bytesRead === 0) return { bytes: offset + held, lines };
      const filled = buffer.subarray(0, held + bytesRead);
      let start = 0;
      for (let at = filled.indexOf(LF, held); at >= 0; at = filled.indexOf(LF, start)) {
        lines += 1;
        const wanted = visit(overlong ? null : filled.subarray(start, at), lines, offset + start);
        overlong = false;
        start = at + 1;
        if (!wanted) return { bytes: offset + start, lines };
      }
      buffer.copyWithin(0, start, filled.length);
      held = filled.length - start;
      offset += start;
    }
  } finally {
    await handle.close();
  }
}
