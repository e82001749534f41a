// Takes over the objects of a private repository that the user's has not. An agent may have written anything into that
// folder: every name is computed anew from the content, and what is malformed does not get in.
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import { linkOrCopy } from '../git/merge-quarantine.ts';
import type { Context } from './context.ts';
import { kindAt } from './place.ts';

/** Commits that matter most, and commits that the user's repository has. */
export interface Tips {
  readonly wanted: readonly Sha[];
  readonly known: readonly Sha[];
}

/** More than this stay a pack, as after a fetch. */
const MOST_LOOSE = 100;
const MOST_LOOSE_BYTES = 16 * 1024 * 1024;
/** Where a pack says how many objects it has. */
const COUNT_AT = 8;

/**
 * Takes everything; if something is missing or cannot be read, what each wanted commit consists of, as far as that is whole.
 * Returns the wanted commits that the repository has now, with all that is in them. Nothing is put on a reference.
 */
export async function takeObjects(context: Context, objects: string, { wanted, known }: Tips): Promise<ReadonlySet<Sha>> {
  const found = leaveOnlyObjects(objects) ? await allIn(context, objects) : [];
  const missing = await missingAmong(context, found);
  const isAll = missing.length === 0 || (await take(context, { objects, args: [], names: missing }));
  if (!isAll) for (const commit of wanted) await take(context, { objects, args: ['--revs', '--local'], names: [commit, ...known.map((sha) => `^${sha}`)] });
  const lost = new Set(await missingAmong(context, wanted));
  return new Set(wanted.filter((sha) => !lost.has(sha)));
}

async function allIn(context: Context, objects: string): Promise<string[]> {
  const listed = await context.git(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)', '--unordered'], { objects });
  return listed.stdout.toString().split('\n').filter((name) => name !== '');
}

/** Those that the user's repository has not. */
async function missingAmong(context: Context, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const asked = await context.mustGit(['cat-file', '--batch-check=%(objectname)'], { input: lines(names) });
  return asked.toString().split('\n').filter((line) => line.endsWith(' missing')).map((line) => line.slice(0, line.indexOf(' ')));
}

/** Whether what `pack-objects` was told to pack could be packed, is well-formed and whole, and is in the repository now. */
async function take(context: Context, what: { objects: string; args: readonly string[]; names: readonly string[] }): Promise<boolean> {
  const folder = path.join(context.scratch, `taken-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder, { recursive: true });
  try {
    const packed = await context.git(['pack-objects', '-q', '--window=0', ...what.args, path.join(folder, 'pack')], { objects: what.objects, borrows: true, input: lines(what.names) });
    if (packed.code !== 0) return false;
    // A clone that is partial lacks files by design.
    const check = isPartial(context) ? '--fsck-objects' : '--strict';
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.pack'))) {
      const pack = path.join(folder, name);
      // pack-objects believes the names that it is given; this computes them, and follows every link.
      if ((await context.git(['index-pack', check, pack])).code !== 0) return false;
      await store(context, pack);
    }
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isPartial({ repo }: Context): boolean {
  const folder = path.join(repo.commonDir, 'objects', 'pack');
  return kindAt(folder) === 'folder' && readdirSync(folder).some((name) => name.endsWith('.promisor'));
}

async function store(context: Context, pack: string): Promise<void> {
  const bytes = statSync(pack).size <= MOST_LOOSE_BYTES ? readFileSync(pack) : null;
  if (bytes !== null && bytes.readUInt32BE(COUNT_AT) <= MOST_LOOSE) {
    await context.mustGit(['unpack-objects', '-q'], { input: bytes });
    return;
  }
  const folder = path.join(context.repo.commonDir, 'objects', 'pack');
  mkdirSync(folder, { recursive: true });
  // The index last: it is what makes a pack exist.
  for (const file of [pack, pack.replace(/\.pack$/, '.idx')]) await linkOrCopy(file, path.join(folder, path.basename(file)));
}

/** Removes what git on the host must not follow or read: other folders to borrow from, links, whatever is no object. Tells whether anything is left. */
function leaveOnlyObjects(objects: string): boolean {
  let isAny = false;
  for (const name of kindAt(objects) === 'folder' ? readdirSync(objects) : []) {
    const folder = path.join(objects, name);
    const wanted = /^[0-9a-f]{2}$/.test(name) ? /^[0-9a-f]{38}([0-9a-f]{24})?$/ : name === 'pack' ? /^pack-[0-9a-f]+\.(pack|idx)$/ : null;
    if (wanted === null || !lstatSync(folder).isDirectory()) rmSync(folder, { recursive: true, force: true });
    else for (const file of readdirSync(folder)) {
      if (wanted.test(file) && lstatSync(path.join(folder, file)).isFile()) isAny = true;
      else rmSync(path.join(folder, file), { recursive: true, force: true });
    }
  }
  return isAny;
}

function lines(names: readonly string[]): string {
  return names.map((name) => `${name}\n`).join('');
}
