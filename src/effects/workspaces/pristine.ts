// Tells without a git process that nothing in a small worktree changed: cheaper than starting one. Only a "yes" means
// anything; whatever is not exactly as git wrote it, ignored files included, is for git to judge.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync, utimesSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { indexEntries, type IndexEntry } from '../../lib/git-index.ts';

/** Files; above this, asking git is as fast and does not block this process. */
export const MOST_ENTRIES = 256;
const MOST_BYTES = 4 * 1024 * 1024;
/** A file system's clock may stand still for so long: within it, equal times prove nothing. */
const CLOCK_STEP_NS = 50_000_000n;
/** A usual step; a slower clock is waited for so many times. */
const CLOCK_TICK_MS = 4;
const SEAL_ROUNDS = 3;

export interface PristineQuery {
  readonly tree: string;
  readonly index: string;
  readonly objectFormat: 'sha1' | 'sha256';
  /** Untracked paths (latin1) that may be there. */
  readonly carried: ReadonlySet<string>;
  /** What `seal` returned after the files were written, before anybody could change them; 0 = unknown. */
  readonly sealNs: bigint;
}

/** True only if every file is the one that the index describes and there is no other; false = ask git. */
export function isPristine(query: PristineQuery): boolean {
  try {
    const writtenNs = statSync(query.index, { bigint: true }).mtimeNs;
    const entries = indexEntries(readFileSync(query.index), query.objectFormat);
    if (entries === null || entries.length > MOST_ENTRIES) return false;
    if (entries.reduce((sum, entry) => sum + entry.stat.size, 0) > MOST_BYTES) return false;
    return hasOnly(query, entries) && entries.every((entry) => isAsWritten(query, entry, writtenNs));
  } catch {
    return false;
  }
}

/**
 * Waits until the clock of the file system has moved on since `index` was written, so that every later change of a file
 * shows in its time, and none needs to be read to see that it is the same. Returns the time by that clock; `mark` is a
 * file of ours beside the others.
 */
export async function seal(mark: string, index: string): Promise<bigint> {
  for (let round = 0; ; round++) {
    const { ctimeNs } = statSync(mark, { bigint: true });
    if (round === SEAL_ROUNDS || ctimeNs > statSync(index, { bigint: true }).ctimeNs) return ctimeNs;
    await delay(CLOCK_TICK_MS);
    const now = Date.now() / 1000;
    utimesSync(mark, now, now);
  }
}

/** The folders hold the entries, what was carried in, and nothing else. */
function hasOnly(query: PristineQuery, entries: readonly IndexEntry[]): boolean {
  const folders = new Map<string, Set<string>>([['', new Set(['.git'])]]);
  const expect = (file: string): void => {
    let at = '';
    for (const part of file.split('/')) {
      const names = folders.get(at) ?? new Set();
      folders.set(at, names.add(part));
      at = at === '' ? part : `${at}/${part}`;
    }
  };
  for (const entry of entries) {
    expect(entry.path);
    if (entry.mode === 0o160000) folders.set(entry.path, new Set());
  }
  for (const file of query.carried) expect(file);
  return [...folders].every(([folder, names]) => readdirSync(at(query.tree, folder), { encoding: 'latin1' }).every((name) => names.has(name)));
}

function isAsWritten(query: PristineQuery, entry: IndexEntry, writtenNs: bigint): boolean {
  const file = at(query.tree, entry.path);
  const info = lstatSync(file, { bigint: true });
  if (entry.mode === 0o160000) return info.isDirectory();
  const { stat } = entry;
  const isSame =
    modeOf(info) === entry.mode && info.mtimeNs === stat.mtimeNs && info.ctimeNs === stat.ctimeNs &&
    Number(info.size & 0xffffffffn) === stat.size && Number(info.ino & 0xffffffffn) === stat.inode;
  // A time of whole seconds comes from a file system that keeps no others.
  const isFine = info.ctimeNs % 1_000_000_000n !== 0n;
  if (!isSame || info.ctimeNs < query.sealNs || (isFine && info.ctimeNs + CLOCK_STEP_NS < writtenNs)) return isSame;
  const content = info.isSymbolicLink() ? readlinkSync(file, { encoding: 'buffer' }) : readFileSync(file);
  // A filter or line endings make these differ: then git knows better.
  return createHash(query.objectFormat).update(`blob ${content.length}\0`).update(content).digest('hex') === entry.object;
}

function modeOf(info: BigIntStats): number {
  if (info.isSymbolicLink()) return 0o120000;
  return info.isFile() ? ((info.mode & 0o100n) === 0n ? 0o100644 : 0o100755) : 0;
}

function at(tree: string, file: string): Buffer {
  return Buffer.concat([Buffer.from(tree + path.sep), Buffer.from(file, 'latin1')]);
}
