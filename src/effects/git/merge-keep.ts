// Gives the repository the objects of a stack and references that keep them alive, under `refs/orch/merge` while merging
// and `refs/orch/conflict` until the run is cleaned up. Never moves any other reference.
import type { RunId, Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import type { AssembledClash } from './merge-assemble.ts';
import type { Quarantine } from './merge-quarantine.ts';
import { gitRaw } from './plumbing.ts';
import type { RefMove, Refs } from './refs.ts';

const ROUNDS = 3;

/** Keeps a stack by its name and each conflict by its branch. A garbage collection in between is noticed, and made good. */
export async function keepStack(at: { quarantine: Quarantine; repo: Repository; run: RunId; refs: Refs }, made: { name: string; onto: Sha; stack: { head: Sha; clashes: readonly AssembledClash[] } }): Promise<void> {
  const { quarantine, repo, run, refs } = at;
  const { onto, stack } = made;
  const moves: readonly RefMove[] = [
    ...(stack.head === onto ? [] : [{ ref: `refs/orch/merge/${run}/${made.name}`, from: undefined, to: stack.head }]),
    ...stack.clashes.map(({ id, kept }) => ({ ref: `refs/orch/conflict/${run}/${id}`, from: undefined, to: kept })),
  ];
  if (moves.length === 0) return;
  const question = `${moves.map(({ to }) => to).join('\n')}\n^${onto}\n`;
  let said = '';
  for (let round = 0; round < ROUNDS; round += 1) {
    await quarantine.release();
    const refusal = await refs.move(moves);
    if (refusal !== null) throw new Error(`the merge could not be kept: ${refusal}`);
    const complete = await gitRaw(['rev-list', '--objects', '--quiet', '--stdin'], { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir }, input: question });
    if (complete.code === 0) return;
    said = complete.stderr;
    quarantine.forget();
  }
  throw new Error(`objects of the merge disappear from ${repo.commonDir}: ${said}`);
}

/** Lets go of all stacks of a run; conflicts stay. */
export async function forgetStacks(refs: Refs, run: RunId): Promise<void> {
  await drop(refs, `refs/orch/merge/${run}/`);
}

/** Lets go of the conflicts of a run of which everything else is gone. */
export async function forgetConflicts(refs: Refs, run: RunId): Promise<void> {
  await drop(refs, `refs/orch/conflict/${run}/`);
}

async function drop(refs: Refs, prefix: string): Promise<void> {
  const kept = await refs.list([prefix]);
  await refs.move(kept.map(({ ref, sha }) => ({ ref, from: sha, to: null })));
}
