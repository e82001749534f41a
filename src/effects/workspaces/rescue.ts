// Keeps commits alive that do not belong on a task's branch: refs/orch/rescue/<run>/<task>, then …@2, …@3. A rescue
// reference is never moved and never overwritten.
import type { RunId, Sha, TaskId } from '../../plan/plan.ts';
import type { RefEntry } from '../git/refs.ts';
import type { Context } from './context.ts';

/** Prefix of all rescue references of a run; of all runs without one. */
export function rescuePrefix(run?: RunId): string {
  return run === undefined ? 'refs/orch/rescue/' : `refs/orch/rescue/${run}/`;
}

/** The rescue references of one task. */
export async function rescuesOf(context: Context, owner: { run: RunId; task: TaskId }): Promise<RefEntry[]> {
  const first = `${rescuePrefix(owner.run)}${owner.task}`;
  const all = await context.refs.list([rescuePrefix(owner.run)]);
  return all.filter((entry) => entry.ref === first || (entry.ref.startsWith(`${first}@`) && /^\d+$/.test(entry.ref.slice(first.length + 1))));
}

/** Puts a commit on a rescue reference of the task, unless one has it already. Returns the reference. */
export async function rescue(context: Context, owner: { run: RunId; task: TaskId }, commit: Sha): Promise<string> {
  const first = `${rescuePrefix(owner.run)}${owner.task}`;
  let refusal: string | null = null;
  for (let round = 0; round < 20; round++) {
    const taken = await rescuesOf(context, owner);
    const kept = taken.find((entry) => entry.sha === commit);
    if (kept !== undefined) return kept.ref;
    let number = 1;
    while (taken.some((entry) => entry.ref === (number === 1 ? first : `${first}@${number}`))) number++;
    const ref = number === 1 ? first : `${first}@${number}`;
    refusal = await context.refs.move([{ ref, from: null, to: commit }]);
    if (refusal === null) return ref;
  }
  throw new Error(`${commit} could not be kept on ${first}: ${refusal ?? ''}`);
}

/** A commit on a rescue reference with this tree and these parents: what an interrupted attempt to save the same work left. */
export async function rescuedAs(context: Context, owner: { run: RunId; task: TaskId }, work: { tree: Sha; parents: readonly Sha[] }): Promise<Sha | null> {
  const taken = await rescuesOf(context, owner);
  return taken.find((entry) => entry.tree === work.tree && entry.parents.join() === work.parents.join())?.sha ?? null;
}
