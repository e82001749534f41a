// Makes the files of a commit appear in a folder, with an index that is right about them. At most one git process for
// each workspace; reading the commit is shared by all that start from it.
import { constants, copyFileSync, statSync, utimesSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { indexEntries } from '../../lib/git-index.ts';
import type { Sha } from '../../plan/plan.ts';
import type { Context } from './context.ts';
import { isSmall, readSmall, type SmallCheckout, writeSmall } from './small-checkout.ts';

export interface Template {
  readonly index: string;
  readonly files: number;
  /** Paths of submodules (latin1). */
  readonly submodules: readonly string[];
  /** How to write the files without git, once it is worth it; null = let git do it. */
  small(): Promise<SmallCheckout | null>;
}

export interface Templates {
  /** The index of a commit, made once. */
  of(commit: Sha): Promise<Template>;
  /** Deletes them all; they are made again when needed. */
  clear(): Promise<void>;
}

const KEPT = 8;
/** Bytes that are copied sooner than another thread is asked to. */
const SMALL_INDEX = 256 * 1024;

/** Index files of the commits that were last asked for, in a folder of this process. */
export function createTemplates(context: Context, folder: string): Templates {
  const made = new Map<Sha, Promise<Template>>();
  return {
    of(commit) {
      const known = made.get(commit);
      if (known !== undefined) return known;
      const template = makeTemplate(context, folder, commit);
      made.set(commit, template);
      template.catch(() => made.delete(commit));
      const oldest = made.keys().next();
      if (made.size > KEPT && oldest.done !== true) made.delete(oldest.value);
      return template;
    },
    async clear() {
      made.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function makeTemplate(context: Context, folder: string, commit: Sha): Promise<Template> {
  await mkdir(folder, { recursive: true });
  const { objectFormat } = context.repo;
  const index = path.join(folder, commit);
  await context.mustGit(['read-tree', commit], { index });
  const entries = indexEntries(await readFile(index), objectFormat) ?? [];
  let uses = 0;
  let small: Promise<SmallCheckout | null> | null = null;
  const prepare = async (): Promise<SmallCheckout | null> => {
    const to = { tree: path.join(folder, `${commit}-files`), index: path.join(folder, `${commit}-index`) };
    if (!isSmall({ files: entries.length, bytes: await storedBytes(context, commit) })) return null;
    await mkdir(to.tree, { recursive: true });
    await checkOutByGit(context, index, to);
    return readSmall(to.tree, to.index, objectFormat);
  };
  return {
    index,
    files: entries.length,
    submodules: entries.filter((entry) => entry.mode === 0o160000).map((entry) => entry.path),
    small() {
      uses += 1;
      // The first workspace of a commit is often its only one.
      if (uses < 2 || !isSmall({ files: entries.length, bytes: 0 })) return Promise.resolve(null);
      small ??= prepare().catch(() => null);
      return small;
    },
  };
}

async function storedBytes(context: Context, commit: Sha): Promise<number> {
  const out = await context.mustGit(['ls-tree', '-r', '-l', '--full-tree', commit]);
  return out.toString('latin1').split('\n').reduce((sum, line) => sum + (Number(/^\S+ \S+ \S+ +(\d+)\t/.exec(line)?.[1]) || 0), 0);
}

/** Fills an empty folder with a template's files and leaves the index of what was written at `index`. */
export async function checkOut(context: Context, template: Template, to: { tree: string; index: string }): Promise<void> {
  const small = await template.small();
  if (small !== null) {
    try {
      await context.turn(() => writeSmall(small, to));
      return;
    } catch {
      // A file system that folds names, or is full: git says it better.
    }
  }
  await checkOutByGit(context, template.index, to);
}

async function checkOutByGit(context: Context, index: string, to: { tree: string; index: string }): Promise<void> {
  await copyFile(index, to.index, constants.COPYFILE_FICLONE);
  // git itself writes this index after the files: what is edited later in the same second is still looked at.
  await context.heavy(() => context.mustGit(['checkout-index', '-a', '-f', '-u', '-q'], to));
}

/**
 * Copies an index and its time. A copy that is newer than the files would make git trust sizes and times of files
 * that were edited in the second in which the original was written.
 */
export async function copyIndex(from: string, to: string): Promise<void> {
  const { mtimeMs, size } = statSync(from);
  if (size <= SMALL_INDEX) copyFileSync(from, to, constants.COPYFILE_FICLONE);
  else await copyFile(from, to, constants.COPYFILE_FICLONE);
  const seconds = Math.floor(mtimeMs) / 1000;
  utimesSync(to, seconds, seconds);
}
