// What really became of the phases that were running when an earlier orch died, by what it wrote down and what git says;
// the journal alone is believed about nothing that it did not see end. Runs after everything of that orch was stopped.
import type { Plan } from '../plan/plan.ts';
import type { Action, Fact } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { workspaceOf, type PhaseContext } from './context.ts';
import { loadEnd, loadResult, settle } from './settle.ts';

/**
 * The facts that are still to be recorded, before the resume itself. An agent that had ended is settled by its record and
 * its worktree, and not run again. Any other running phase gets no fact: the resume begins it anew, and whatever its
 * worktree holds is saved on a rescue ref then.
 */
export async function reconcile(context: PhaseContext, state: RunState): Promise<Fact[]> {
  const found = await Promise.all(runningWork(context.plan, state).map(async (action) => await settleWork(context, state, action)));
  return found.filter((fact) => fact !== null);
}

function runningWork(plan: Plan, state: RunState): Action[] {
  return state.active.flatMap((index) => {
    const task = plan.tasks[index];
    const now = state.tasks[index]?.now;
    return task !== undefined && now?.at === 'running' && now.phase === 'work' ? [{ phase: now.phase, task: task.id, attempt: now.attempt }] : [];
  });
}

async function settleWork(context: PhaseContext, run: RunState, action: Action): Promise<Fact | null> {
  const index = context.plan.tasks.findIndex(({ id }) => id === action.task);
  const [task, state] = [context.plan.tasks[index], run.tasks[index]];
  const workspace = task === undefined || state === undefined ? null : workspaceOf(context, { task, state, action });
  if (task === undefined || workspace === null) return null;
  const paths = context.attemptPaths(task.id, action.attempt);
  const known = await loadResult(context, paths);
  if (known !== null) return { type: 'phase-finished', ...action, result: known };
  const ended = await loadEnd(context, paths, workspace.start);
  return ended === null ? null : { type: 'phase-finished', ...action, result: await settle(context, { task, action, workspace, ended, resolving: state?.resolving ?? null }) };
}
