// What a merge asks of the history: what a branch has already, and which paths deliveries changed. Reads only.
import type { Sha } from '../../plan/plan.ts';
import { isBranchName } from '../../lib/ref-name.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { differences, KnownObjects, type MergeCall } from './merge-changes.ts';
import { requireGit } from './plumbing.ts';
import { createRefs, type Refs } from './refs.ts';

type Pair = { readonly from: Sha; readonly to: Sha };

export interface MergeHistory {
  /** Commits of a branch (without `refs/heads/`) that `since` has not; null = there is no such branch. */
  commitsOf(branch: string, since: Sha): Promise<ReadonlySet<Sha> | null>;
  /** Paths that differ between each pair of commits; null where one of them is not in the repository any more. */
  changedPaths(pairs: readonly Pair[]): Promise<readonly (readonly string[] | null)[]>;
}

/** `known` learns what is asked here; `refs` are the caller's to end. */
export function createMergeHistory(repo: Repository, refs: Refs, known = new KnownObjects()): MergeHistory {
  const call: MergeCall = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir, GIT_NO_LAZY_FETCH: '1' }, known };
  const tips = new Map<string, { readonly tip: Sha; readonly since: Sha; readonly commits: ReadonlySet<Sha> }>();
  return {
    async commitsOf(branch, since) {
      // `main~1` names a commit, and no branch.
      if (!isBranchName(branch)) return null;
      const [tip = null] = await refs.resolve([`refs/heads/${branch}`]);
      if (tip === null) return null;
      const last = tips.get(branch);
      if (last?.tip === tip && last.since === since) return last.commits;
      const listed = tip === since ? '' : (await requireGit(['rev-list', tip, `^${since}`], call)).toString();
      const commits = new Set(listed.split('\n').filter((sha) => sha !== ''));
      tips.set(branch, { tip, since, commits });
      return commits;
    },
    async changedPaths(pairs) {
      const commits = [...new Set(pairs.flatMap(({ from, to }) => [from, to]))];
      const trees = await refs.resolve(commits.map((sha) => `${sha}^{tree}`));
      const there = new Set(commits.filter((sha, i) => {
        const tree = trees[i] ?? null;
        if (tree !== null) known.trees.set(sha, tree);
        return tree !== null;
      }));
      const isThere = pairs.map(({ from, to }) => there.has(from) && there.has(to));
      const changes = await differences(call, pairs.filter((_, i) => isThere[i]));
      const paths = changes.map((each) => each.map(({ path }) => Buffer.from(path, 'latin1').toString()));
      return isThere.map((is) => (is ? (paths.shift() ?? []) : null));
    },
  };
}

/** As `commitsOf` of a history, asked once. */
export async function commitsOf(repo: Repository, branch: string, since: Sha): Promise<ReadonlySet<Sha> | null> {
  await using refs = createRefs(repo);
  return await createMergeHistory(repo, refs).commitsOf(branch, since);
}
