// What a merge asks of the history before it begins: what a branch has already, and which paths deliveries changed. Reads only.
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { differences, treesOf, type MergeCall } from './merge-changes.ts';
import { requireGit } from './plumbing.ts';
import { createRefs } from './refs.ts';

function callOf(repo: Repository): MergeCall {
  return { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir, GIT_NO_LAZY_FETCH: '1' } };
}

/** Commits of a branch (without `refs/heads/`) that `since` has not; null = there is no such branch. */
export async function commitsOf(repo: Repository, branch: string, since: Sha): Promise<ReadonlySet<Sha> | null> {
  const [tip = null] = await createRefs(repo).resolve([`refs/heads/${branch}`]);
  if (tip === null) return null;
  const out = await requireGit(['rev-list', tip, `^${since}`], callOf(repo));
  return new Set(out.toString().split('\n').filter((sha) => sha !== ''));
}

/** Paths that differ between each pair of commits; null where one of them is not in the repository any more. */
export async function changedPaths(repo: Repository, pairs: readonly { readonly from: Sha; readonly to: Sha }[]): Promise<readonly (readonly string[] | null)[]> {
  const names = pairs.flatMap(({ from, to }) => [from, to]);
  const found = names.length === 0 ? [] : await createRefs(repo).resolve(names);
  const isThere = pairs.map((_, i) => found[2 * i] != null && found[2 * i + 1] != null);
  const there = pairs.filter((_, i) => isThere[i]);
  const trees = there.length === 0 ? new Map<Sha, Sha>() : await treesOf(callOf(repo), there.flatMap(({ from, to }) => [from, to]));
  const changes = await differences(callOf(repo), there.map(({ from, to }) => ({ from: trees.get(from) ?? from, to: trees.get(to) ?? to })));
  const paths = changes.map((each) => each.map(({ path }) => Buffer.from(path, 'latin1').toString()));
  return isThere.map((is) => (is ? (paths.shift() ?? []) : null));
}
