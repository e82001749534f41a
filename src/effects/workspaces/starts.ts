// Turns the commits that a task starts from into one: itself, or their merge made in memory. Never touches a reference.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import { GitFailure, splitNul } from '../git/plumbing.ts';
import type { Context } from './context.ts';

export type Start =
  | { readonly ok: true; readonly commit: Sha }
  | { readonly ok: false; readonly files: readonly string[]; readonly between: readonly Sha[] };

/** The one commit to start from. The same starts in the same order always give the same commit. */
export async function mergeStarts(context: Context, starts: readonly Sha[]): Promise<Start> {
  const distinct = [...new Set(starts)];
  const heads = distinct.length < 2 ? distinct : await independent(context, distinct);
  const [first, ...rest] = heads;
  if (first === undefined) throw new Error('a workspace needs at least one commit to start from');
  if (rest.length === 0) return { ok: true, commit: first };

  const attributes = await attributesOf(context, first);
  try {
    const date = await newestDate(context, heads);
    let tip = first;
    let tree = '';
    for (const [index, next] of rest.entries()) {
      const merged = await mergeTrees(context, { attributes, ours: tip, theirs: next });
      if (!merged.ok) return { ok: false, files: merged.files, between: await culprits(context, { attributes, earlier: heads.slice(0, index + 1), next }) };
      tree = merged.tree;
      // The commits between are only for the next merge to find its base by.
      tip = await context.commit(tree, [tip, next], 'orch: merge', date);
    }
    return { ok: true, commit: heads.length === 2 ? tip : await context.commit(tree, heads, 'orch: merge', date) };
  } finally {
    await rm(attributes, { recursive: true, force: true });
  }
}

async function independent(context: Context, commits: readonly Sha[]): Promise<Sha[]> {
  const kept = new Set((await context.mustGit(['merge-base', '--independent', ...commits])).toString().trim().split('\n'));
  return commits.filter((commit) => kept.has(commit));
}

/** `<seconds> <zone>` of the newest of these commits, so that a merge that is made again is the same commit. */
async function newestDate(context: Context, commits: readonly Sha[]): Promise<string> {
  const out = await context.mustGit(['log', '--no-walk=unsorted', '--format=%ct', ...commits]);
  return `${Math.max(...out.toString().trim().split('\n').map(Number))} +0000`;
}

/** git reads merge attributes from the working tree it is in, not from the trees it merges: a folder with just those files. */
async function attributesOf(context: Context, commit: Sha): Promise<string> {
  const folder = path.join(context.scratch, `attributes-${commit}-${Math.random().toString(36).slice(2)}`);
  await mkdir(folder, { recursive: true });
  const listed = splitNul(await context.mustGit(['ls-tree', '-r', '-z', '--name-only', '--full-tree', commit]), 'latin1');
  const files = listed.filter((file) => path.posix.basename(file) === '.gitattributes');
  if (files.length > 0) {
    const index = path.join(folder, '.index');
    await context.mustGit(['read-tree', commit], { index });
    await context.mustGit(['checkout-index', '-f', '-z', '--stdin'], { index, tree: folder, input: Buffer.from(`${files.join('\0')}\0`, 'latin1') });
    await rm(index, { force: true });
  }
  return folder;
}

type Merged = { readonly ok: true; readonly tree: Sha } | { readonly ok: false; readonly files: readonly string[] };

async function mergeTrees(context: Context, sides: { attributes: string; ours: Sha; theirs: Sha }): Promise<Merged> {
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', sides.ours, sides.theirs];
  const output = await context.git(args, { tree: sides.attributes });
  const [tree = '', ...files] = splitNul(output.stdout);
  const isTree = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(tree);
  if (output.code === 0 && isTree) return { ok: true, tree };
  // Exit code 1 also means "no such commit"; only a tree makes it a conflict.
  if (output.code === 1 && isTree) return { ok: false, files: [...new Set(files.filter((file) => file !== ''))] };
  throw new GitFailure(args, sides.attributes, output);
}

/** Which of the earlier starts the next one conflicts with; all of them when only their combination does. */
async function culprits(context: Context, sides: { attributes: string; earlier: readonly Sha[]; next: Sha }): Promise<Sha[]> {
  const found: Sha[] = [];
  for (const ours of sides.earlier) {
    const alone = await mergeTrees(context, { attributes: sides.attributes, ours, theirs: sides.next });
    if (!alone.ok) found.push(ours);
  }
  return [...(found.length > 0 ? found : sides.earlier), sides.next];
}
