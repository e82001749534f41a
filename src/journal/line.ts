// One line of a journal: `crc32hex SP json LF`. Knows bytes and checksums, nothing of what the JSON means.
import { crc32 } from 'node:zlib';

/** Longest line that is written or believed, in bytes with its LF: a longer one is a fault of the program or of the disk. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const PREFIX_BYTES = 9;
const SPACE = 0x20;

/** A journal line, LF included, for one JSON text without line feeds. */
export function encodeLine(json: string): string {
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

/** The JSON text of a line (without its LF), or null when the checksum does not say that these are the bytes that were written. */
export function decodeLine(line: Buffer): string | null {
  if (line.length <= PREFIX_BYTES || line[PREFIX_BYTES - 1] !== SPACE) return null;
  const wanted = lowercaseHex(line);
  if (wanted === null || crc32(line.subarray(PREFIX_BYTES)) !== wanted) return null;
  return line.toString('utf8', PREFIX_BYTES);
}

/** Strict on purpose: a parser that also takes `A` or `+` would not see every flipped bit. */
function lowercaseHex(line: Buffer): number | null {
  let value = 0;
  for (let index = 0; index < PREFIX_BYTES - 1; index += 1) {
    const byte = line[index] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + (byte - 0x30);
    else if (byte >= 0x61 && byte <= 0x66) value = value * 16 + (byte - 0x57);
    else return null;
  }
  return value;
}
