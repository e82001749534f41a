// A merge that is begun in a working tree and not concluded: for an agent to resolve, or to see what git remembers.
import type { Sha } from '../../plan/plan.ts';
import { gitRaw, type GitPlace } from './plumbing.ts';

/** Merges a commit as `git merge` does, with the user's drivers, and stops before the commit. null = that merge is under way; else what git said. */
export async function startMerge(place: GitPlace, commit: Sha): Promise<string | null> {
  const merged = await gitRaw(['merge', '-q', '--no-commit', '--no-ff', '--no-edit', '--no-stat', '--no-squash', '--no-verify-signatures', commit], place);
  const begun = await gitRaw(['rev-parse', '-q', '--verify', 'MERGE_HEAD'], place);
  return begun.stdout.toString().trim() === commit ? null : merged.stderr.trim() || merged.stdout.toString().trim();
}
