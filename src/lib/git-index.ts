// Reads the entries of a git index file (versions 2 and 3, which is what this program has git write), and fills in what
// their files look like on a disk. Pure.
import { createHash } from 'node:crypto';

export interface IndexEntry {
  /** Bytes as `latin1`, so that no path is changed by decoding. */
  readonly path: string;
  /** Where the entry begins in the file. */
  readonly offset: number;
  /** As git stores it, e.g. 0o100644, 0o120000 (symbolic link), 0o160000 (submodule). */
  readonly mode: number;
  /** Object name in hexadecimal. */
  readonly object: string;
  /** What the file looked like when git wrote or read it; times as nanoseconds since the epoch, inode and size modulo 2^32. */
  readonly stat: { readonly ctimeNs: bigint; readonly mtimeNs: bigint; readonly inode: number; readonly size: number };
}

const FIXED_BYTES = 40;

/** The entries of an index file in its order; null when it is not an index of a version that is read here. */
export function indexEntries(bytes: Buffer, objectFormat: 'sha1' | 'sha256'): IndexEntry[] | null {
  if (bytes.length < 12 || bytes.toString('latin1', 0, 4) !== 'DIRC') return null;
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) return null;
  const hashBytes = objectFormat === 'sha256' ? 32 : 20;
  const entries: IndexEntry[] = [];
  let at = 12;
  for (let count = bytes.readUInt32BE(8); count > 0; count--) {
    if (at + FIXED_BYTES + hashBytes + 2 > bytes.length) return null;
    const flags = bytes.readUInt16BE(at + FIXED_BYTES + hashBytes);
    const name = at + FIXED_BYTES + hashBytes + ((flags & 0x4000) === 0 ? 2 : 4);
    const end = bytes.indexOf(0, name);
    if (end < 0) return null;
    entries.push({
      path: bytes.toString('latin1', name, end),
      offset: at,
      mode: bytes.readUInt32BE(at + 24),
      object: bytes.toString('hex', at + FIXED_BYTES, at + FIXED_BYTES + hashBytes),
      stat: {
        ctimeNs: nanoseconds(bytes, at), mtimeNs: nanoseconds(bytes, at + 8),
        inode: bytes.readUInt32BE(at + 20), size: bytes.readUInt32BE(at + 36),
      },
    });
    // Entries are padded with 1 to 8 NULs to a multiple of eight.
    at += (end - at + 8) & ~7;
  }
  return entries;
}

/** What an index says of a file on a disk; numbers are cut to 32 bits, as git does. */
export interface FileStat {
  readonly ctimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
}

/** A copy of an index in which the entry at each offset describes the given file. */
export function withStats(bytes: Buffer, objectFormat: 'sha1' | 'sha256', stats: ReadonlyMap<number, FileStat>): Buffer {
  const copy = Buffer.from(bytes);
  for (const [offset, stat] of stats) {
    const words = [
      stat.ctimeNs / BILLION, stat.ctimeNs % BILLION, stat.mtimeNs / BILLION, stat.mtimeNs % BILLION, stat.dev, stat.ino, null, stat.uid, stat.gid, stat.size,
    ];
    // The seventh is the mode, which is what was checked out.
    words.forEach((word, index) => word !== null && copy.writeUInt32BE(Number(word & 0xffffffffn), offset + index * 4));
  }
  const end = copy.length - (objectFormat === 'sha256' ? 32 : 20);
  createHash(objectFormat).update(copy.subarray(0, end)).digest().copy(copy, end);
  return copy;
}

const BILLION = 1_000_000_000n;

function nanoseconds(bytes: Buffer, at: number): bigint {
  return BigInt(bytes.readUInt32BE(at)) * BILLION + BigInt(bytes.readUInt32BE(at + 4));
}
