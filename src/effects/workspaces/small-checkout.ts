// Writes the files of a small commit without a git process, from what git itself once checked out (so that filters and
// line endings are git's own). For many small worktrees, starting git costs more than the files do.
import { closeSync, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, readlinkSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type FileStat, indexEntries, withStats } from '../../lib/git-index.ts';

const MOST_FILES = 256;
const MOST_BYTES = 1024 * 1024;

interface SmallFile {
  readonly name: Buffer;
  readonly offset: number;
  readonly kind: 'file' | 'link' | 'folder';
  readonly mode: number;
  readonly content: Buffer;
}

/** All that it takes to write a commit's files; immutable, at most about a megabyte. */
export interface SmallCheckout {
  readonly objectFormat: 'sha1' | 'sha256';
  readonly index: Buffer;
  readonly folders: readonly Buffer[];
  readonly files: readonly SmallFile[];
}

/** Reads what git checked out into `tree` with `index`, and deletes `tree`; null when it is not small. */
export async function readSmall(tree: string, index: string, objectFormat: 'sha1' | 'sha256'): Promise<SmallCheckout | null> {
  try {
    const bytes = readFileSync(index);
    const entries = indexEntries(bytes, objectFormat);
    if (entries === null) return null;
    const folders = new Set<string>();
    const files = entries.map((entry): SmallFile => {
      const parts = entry.path.split('/');
      parts.slice(1).forEach((_, depth) => folders.add(parts.slice(0, depth + 1).join('/')));
      const name = Buffer.from(entry.path, 'latin1');
      const file = below(tree, name);
      const info = lstatSync(file);
      const kind = info.isSymbolicLink() ? 'link' : info.isDirectory() ? 'folder' : 'file';
      const content = kind === 'link' ? readlinkSync(file, { encoding: 'buffer' }) : kind === 'file' ? readFileSync(file) : Buffer.alloc(0);
      return { name, offset: entry.offset, kind, mode: (info.mode & 0o100) === 0 ? 0o666 : 0o777, content };
    });
    return { objectFormat, index: bytes, files, folders: [...folders].map((folder) => Buffer.from(folder, 'latin1')) };
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** Whether a commit of so many files and bytes is worth keeping in memory. */
export function isSmall(size: { files: number; bytes: number }): boolean {
  return size.files <= MOST_FILES && size.bytes <= MOST_BYTES;
}

/** Writes the files into an empty folder, then the index of them. Throws when anything is in the way. */
export function writeSmall(checkout: SmallCheckout, to: { tree: string; index: string }): void {
  for (const folder of checkout.folders) mkdirSync(below(to.tree, folder));
  const stats = new Map<number, FileStat>();
  for (const file of checkout.files) {
    const at = below(to.tree, file.name);
    if (file.kind === 'folder') mkdirSync(at);
    else stats.set(file.offset, file.kind === 'link' ? writeLink(at, file) : writeFile(at, file));
  }
  // After the files: what is edited later in the same second is still looked at.
  writeFileSync(to.index, withStats(checkout.index, checkout.objectFormat, stats));
}

function writeLink(at: Buffer, file: SmallFile): FileStat {
  symlinkSync(file.content, at);
  return lstatSync(at, { bigint: true });
}

function writeFile(at: Buffer, file: SmallFile): FileStat {
  const open = openSync(at, 'wx', file.mode);
  try {
    for (let done = 0; done < file.content.length; ) done += writeSync(open, file.content, done);
    return fstatSync(open, { bigint: true });
  } finally {
    closeSync(open);
  }
}

function below(tree: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(tree + path.sep), name]);
}
