// Reads files of a commit without a working tree: the list of them, and their contents. Read-only; what is returned is
// what was committed, unfiltered.
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { requireGit } from './plumbing.ts';
import { repositoryFolder } from './repository.ts';

/** Regular files of a commit by path, in git's order, with the object that holds each. */
export type BaseTree = ReadonlyMap<string, Sha>;

/** All regular files of a commit; links, submodules and names that are not UTF-8 are left out. */
export async function loadTree(repo: Repository, commit: Sha): Promise<BaseTree> {
  const out = await requireGit(['ls-tree', '-r', '-z', '--full-tree', commit], { cwd: repositoryFolder(repo) });
  const files = new Map<string, Sha>();
  for (let from = 0; from < out.length; ) {
    const end = out.indexOf(0, from);
    const entry = out.toString('utf8', from, end === -1 ? out.length : end);
    const [, sha, path] = /^100[0-7]{3} blob ([0-9a-f]+)\t([^]+)$/.exec(entry) ?? [];
    if (sha !== undefined && path !== undefined && !path.includes('\ufffd')) files.set(path, sha);
    if (end === -1) break;
    from = end + 1;
  }
  return files;
}

/** Contents of objects, in this order; a number = how many bytes one has that is larger than its limit. */
export async function loadBlobs(repo: Repository, wanted: readonly { readonly sha: Sha; readonly maxBytes: number }[]): Promise<(Buffer | number)[]> {
  if (wanted.length === 0) return [];
  const call = { cwd: repositoryFolder(repo) };
  const sizesOut = await requireGit(['cat-file', '--batch-check=%(objectsize)'], { ...call, input: wanted.map(({ sha }) => `${sha}\n`).join('') });
  const sizes = sizesOut.toString().split('\n').map(Number);
  const small = wanted.filter(({ maxBytes }, index) => (sizes[index] ?? 0) <= maxBytes);
  const total = small.reduce((sum, { maxBytes }) => sum + maxBytes, 0);
  const out = small.length === 0 ? Buffer.alloc(0) : await requireGit(['cat-file', '--batch'], { ...call, input: small.map(({ sha }) => `${sha}\n`).join(''), maxBytes: total + small.length * 200 });
  let at = 0;
  return wanted.map(({ maxBytes }, index) => {
    const size = sizes[index] ?? 0;
    if (size > maxBytes) return size;
    const start = out.indexOf(0x0a, at) + 1;
    at = start + size + 1;
    return out.subarray(start, start + size);
  });
}
