// The files of a repository that decide what git runs and where it looks: what they are, what became of them, and putting
// them back. A changed file is moved aside, never deleted: it may have been its owner who changed it.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** One file as it was; content null = too large to be kept, so that it cannot be put back. */
export interface FileState {
  readonly stamp: string;
  readonly kind: 'file' | 'link' | 'folder' | 'other';
  readonly mode: number;
  /** Of a link, where it points. */
  readonly content: Buffer | null;
  /** When it was last written or renamed; milliseconds since the Unix epoch. */
  readonly changedAt: number;
}
/** By path relative to the common folder. */
export type FileStates = ReadonlyMap<string, FileState>;

export interface FileChange {
  readonly file: string;
  readonly before: FileState | null;
  readonly after: FileState | null;
}

// Not all of `info`: collections rewrite what lies there for servers.
const FILES = ['config', 'config.worktree', ...['attributes', 'exclude', 'grafts', 'sparse-checkout'].map((name) => path.join('info', name)), path.join('objects', 'info', 'alternates')];
const FOLDERS = ['hooks'];
const MAX_BYTES = 1024 * 1024;
const MAX_FILES = 2000;

/** Looks at them all; what has the stamp of an earlier look is not read again. At once, because agents begin and end by the hundred. */
export function lookAtFiles(commonDir: string, earlier: FileStates = new Map()): FileStates {
  const found = new Map<string, FileState>();
  const queue = [...FILES, ...FOLDERS];
  for (let file = queue.shift(); file !== undefined && found.size < MAX_FILES; file = queue.shift()) {
    const state = stateOf(path.join(commonDir, file), earlier.get(file));
    if (state === null) continue;
    found.set(file, state);
    if (state.kind !== 'folder') continue;
    const inside = file;
    queue.push(...(orNull(() => readdirSync(path.join(commonDir, inside))) ?? []).map((name) => path.join(inside, name)));
  }
  return found;
}

function stateOf(file: string, earlier: FileState | undefined): FileState | null {
  const info = orNull(() => lstatSync(file, { bigint: true }));
  if (info === null) return null;
  const kind = info.isFile() ? 'file' : info.isSymbolicLink() ? 'link' : info.isDirectory() ? 'folder' : 'other';
  const stamp = kind === 'folder' ? 'folder' : `${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}:${info.mode}`;
  if (earlier?.stamp === stamp) return earlier;
  const content = kind === 'link' ? Buffer.from(orNull(() => readlinkSync(file)) ?? '') : kind === 'file' && info.size <= MAX_BYTES ? orNull(() => readFileSync(file)) : null;
  return { stamp, kind, mode: Number(info.mode & 0o7777n), content, changedAt: Number(info.ctimeNs / 1_000_000n) };
}

function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

/** What differs between two looks in what it means: rewriting a file with the same content is no change. */
export function fileChanges(before: FileStates, after: FileStates): FileChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((file) => {
    const [old, now] = [before.get(file) ?? null, after.get(file) ?? null];
    return isSame(old, now) ? [] : [{ file, before: old, after: now }];
  });
}

function isSame(a: FileState | null, b: FileState | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.stamp === b.stamp) return true;
  if (a.kind !== b.kind || a.content === null || b.content === null) return false;
  return a.content.equals(b.content) && (a.mode & 0o111) === (b.mode & 0o111);
}

/** Puts files back as they were; what stood in their place is in `aside` then. Returns those that could not be put back. */
export async function restoreFiles(commonDir: string, changes: readonly FileChange[], aside: string): Promise<string[]> {
  const failed: string[] = [];
  for (const change of changes) {
    try {
      await restore(commonDir, change, aside);
    } catch {
      failed.push(change.file);
    }
  }
  return failed;
}

async function restore(commonDir: string, { file, before, after }: FileChange, aside: string): Promise<void> {
  const at = path.join(commonDir, file);
  if (before !== null && before.content === null && before.kind !== 'folder') throw new Error('its content was not kept');
  if (after !== null && before?.kind !== 'folder') await moveAside(at, path.join(aside, file));
  if (before === null) return;
  await mkdir(path.dirname(at), { recursive: true });
  if (before.kind === 'folder') await mkdir(at, { recursive: true });
  else if (before.kind === 'link') await symlink(before.content?.toString() ?? '', at);
  else {
    await writeFile(`${at}.orch`, before.content ?? '', { mode: before.mode });
    await rename(`${at}.orch`, at);
  }
}

async function moveAside(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  await rm(to, { recursive: true, force: true });
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    // Its folder was moved aside before it.
    if (error.code !== 'ENOENT') throw error;
  });
}
