// Gives the repository the objects of a stack and references that keep them alive, under `refs/orch/merge` while merging
// and `refs/orch/conflict` for good. Never moves any other reference.
import type { RunId, Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import type { AssembledClash } from './merge-assemble.ts';
import type { Quarantine } from './merge-quarantine.ts';
import { gitRaw, requireGit, type GitCall } from './plumbing.ts';

const ROUNDS = 3;

/** Keeps a stack by its name and each conflict by its branch. A garbage collection in between is noticed, and made good. */
export async function keepStack(at: { quarantine: Quarantine; repo: Repository; run: RunId }, made: { name: string; onto: Sha; stack: { head: Sha; clashes: readonly AssembledClash[] } }): Promise<void> {
  const { quarantine, repo, run } = at;
  const { onto, stack } = made;
  const refs: readonly (readonly [ref: string, sha: Sha])[] = [
    ...(stack.head === onto ? [] : [[`refs/orch/merge/${run}/${made.name}`, stack.head] as const]),
    ...stack.clashes.map(({ id, kept }) => [`refs/orch/conflict/${run}/${id}`, kept] as const),
  ];
  if (refs.length === 0) return;
  const moves = refs.map(([ref, sha]) => `update ${ref} ${sha}\n`).join('');
  const question = `${refs.map(([, sha]) => sha).join('\n')}\n^${onto}\n`;
  let said = '';
  for (let round = 0; round < ROUNDS; round += 1) {
    await quarantine.release();
    await requireGit(['update-ref', '-m', 'orch: merge', '--no-deref', '--stdin'], { ...callOf(repo), input: moves });
    const complete = await gitRaw(['rev-list', '--objects', '--quiet', '--stdin'], { ...callOf(repo), input: question });
    if (complete.code === 0) return;
    said = complete.stderr;
    quarantine.forget();
  }
  throw new Error(`objects of the merge disappear from ${repo.commonDir}: ${said}`);
}

/** Lets go of all stacks of a run; conflicts stay. */
export async function forgetStacks(repo: Repository, run: RunId): Promise<void> {
  const listed = await requireGit(['for-each-ref', '--format=%(refname)', `refs/orch/merge/${run}/`], callOf(repo));
  const refs = listed.toString().split('\n').filter((ref) => ref !== '');
  if (refs.length > 0) await requireGit(['update-ref', '--no-deref', '--stdin'], { ...callOf(repo), input: refs.map((ref) => `delete ${ref}\n`).join('') });
}

function callOf(repo: Repository): GitCall {
  return { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } };
}
