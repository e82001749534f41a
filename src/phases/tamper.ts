// The watch over a repository while a phase's processes run in one of its worktrees: who is told to the watch, and which
// branches must stay where they are meanwhile.
import type { Tampering, Watched } from '../effects/effects.ts';
import type { Plan, Sha } from '../plan/plan.ts';
import type { RunState } from '../run/state.ts';
import type { PhaseContext } from './context.ts';

/** Runs `work` under the watch; what the watch says is known before anything else is done with what `work` left. */
export async function watched<T>({ integrity, plan, reopened }: PhaseContext, who: Watched, { run, work }: { run: RunState; work: () => Promise<T> }): Promise<{ value: T; tampering: Tampering }> {
  await integrity.enter(who);
  let tampering: Tampering = { done: [], notes: [] };
  try {
    const value = await work();
    tampering = await integrity.leave(who, settledBranches(plan, run, reopened));
    return { value, tampering };
  } catch (error) {
    await integrity.leave(who, new Map());
    throw error;
  }
}

/** Branches of tasks that had completed when the phase began: nobody works on them any more, unless they were reopened since. */
function settledBranches(plan: Plan, run: RunState, reopened: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, Sha> {
  const branches = new Map<string, Sha>();
  for (const [index, { now, delivery }] of run.tasks.entries()) {
    const ref = `refs/heads/${plan.tasks[index]?.branch ?? ''}`;
    if (now.at === 'settled' && now.outcome === 'completed' && delivery !== null && delivery.ref === ref && (reopened.get(ref) ?? 0) <= run.seq) branches.set(ref, delivery.head);
  }
  return branches;
}
