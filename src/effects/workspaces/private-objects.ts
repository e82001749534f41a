// Takes over the objects of a private repository that the user's has not. An agent may have written anything into that
// folder: every name is computed anew from the content, and what is malformed does not get in.
import { copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
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

/** Takes everything; if something cannot be read, what the wanted commits consist of. Nothing is put on a reference. */
export async function takeObjects(context: Context, objects: string, { wanted, known }: Tips): Promise<void> {
  if (!leaveOnlyObjects(objects)) return;
  const listed = await context.git(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)', '--unordered'], { objects });
  const found = listed.stdout.toString().split('\n').filter((name) => name !== '');
  if (found.length === 0) return;
  const asked = await context.mustGit(['cat-file', '--batch-check=%(objectname)'], { input: lines(found) });
  const missing = asked.toString().split('\n').filter((line) => line.endsWith(' missing')).map((line) => line.slice(0, line.indexOf(' ')));
  if (missing.length === 0) return;
  if (await take(context, { objects, args: [], input: lines(missing) })) return;
  await take(context, { objects, args: ['--revs', '--local'], input: lines([...wanted, ...known.map((sha) => `^${sha}`)]) });
}

/** Whether what `pack-objects` was told to pack could be packed, is well-formed, and is in the repository now. */
async function take(context: Context, what: { objects: string; args: readonly string[]; input: string }): Promise<boolean> {
  const folder = path.join(context.scratch, `taken-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder, { recursive: true });
  try {
    const packed = await context.git(['pack-objects', '-q', '--window=0', ...what.args, path.join(folder, 'pack')], { objects: what.objects, borrows: true, input: what.input });
    if (packed.code !== 0) return false;
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.pack'))) {
      const pack = path.join(folder, name);
      // pack-objects believes the names that it is given; this does not.
      if ((await context.git(['index-pack', '--fsck-objects', pack])).code !== 0) return false;
      await store(context, pack);
    }
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
  for (const file of [pack, pack.replace(/\.pack$/, '.idx')]) moveInto(file, path.join(folder, path.basename(file)));
}

function moveInto(from: string, to: string): void {
  const made = path.join(path.dirname(to), `tmp_${path.basename(to)}`);
  copyFileSync(from, made);
  renameSync(made, to);
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
