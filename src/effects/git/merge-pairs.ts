// What conflicts with what, before anything is merged: exact answers from git, asked only of branches whose paths
// overlap. Writes nothing into the repository.
import { overlapsOf } from '../../lib/path-overlaps.ts';
import type { Sha, TaskId } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { createAttributes } from './merge-attributes.ts';
import { KnownObjects, treesOf } from './merge-changes.ts';
import { openQuarantine } from './merge-quarantine.ts';
import { createMergeTree } from './merge-tree.ts';

export interface PairBranch {
  readonly id: TaskId;
  readonly tip: Sha;
  /** Changed paths, from the repository's root. */
  readonly paths: readonly string[];
}
export interface PairConflict {
  /** Two branches, or one and the target (null). */
  readonly between: readonly [TaskId, TaskId | null];
  readonly files: readonly string[];
}

/** Every conflict of a branch with the target, and of two branches with each other, conflict policies not considered. */
export async function conflictsAmong(repo: Repository, target: Sha, branches: readonly PairBranch[]): Promise<PairConflict[]> {
  const quarantine = await openQuarantine(repo);
  const call = { cwd: quarantine.folder, env: quarantine.env, known: new KnownObjects() };
  const attributes = createAttributes(call, `${quarantine.folder}/attributes`);
  try {
    await attributes.follow((await treesOf(call, [target])).get(target) ?? target);
    const tree = createMergeTree({ cwd: attributes.folder, env: { ...quarantine.env, GIT_WORK_TREE: attributes.folder } }, repo.gitVersion);
    const found: PairConflict[] = [];
    const ask = async (ours: Sha, branch: PairBranch, other: TaskId | null): Promise<void> => {
      const { isClean, stages } = await tree.merge(ours, branch.tip);
      const files = [...new Set(stages.map(({ path }) => Buffer.from(path, 'latin1').toString()))];
      if (!isClean) found.push({ between: [branch.id, other], files });
    };
    const overlaps = overlapsOf(branches);
    for (const [i, branch] of branches.entries()) {
      await ask(target, branch, null);
      const near = overlaps.get(branch.id);
      for (const other of branches.slice(0, i)) if (near?.has(other.id) === true) await ask(other.tip, branch, other.id);
    }
    await tree.close();
    return found;
  } finally {
    await quarantine.dispose();
  }
}
