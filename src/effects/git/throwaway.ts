// A copy of one commit to look at and to throw away: it borrows the objects of the repository and shares nothing else, so
// that whatever is done in it (commits, branches, configuration) is gone with it.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { requireGit } from './plumbing.ts';

export interface Throwaway {
  /** Absolute path of the working tree. */
  readonly path: string;
  /** A folder beside it, for files of ours. */
  readonly home: string;
  remove(): Promise<void>;
}

/** Makes the copy in the system's folder for temporary files. */
export async function createThrowaway(repo: Repository, commit: Sha): Promise<Throwaway> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'orch-look-'));
  const remove = async (): Promise<void> => await rm(home, { recursive: true, force: true, maxRetries: 3 });
  const tree = path.join(home, path.basename(repo.topLevel ?? repo.commonDir, '.git') || 'repository');
  try {
    await requireGit(['clone', '--quiet', '--shared', '--no-checkout', '--no-tags', '--template=', repo.commonDir, tree], { cwd: home });
    // Without it there is nowhere to push to.
    await requireGit(['remote', 'remove', 'origin'], { cwd: tree });
    await requireGit(['checkout', '--quiet', '--detach', commit], { cwd: tree });
    return { path: tree, home, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
