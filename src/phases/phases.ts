// The phases as the driver sees them: an action in, a result out. Expected failures are results; only bugs throw.
import { OrchError, unreachable } from '../errors.ts';
import type { Phases, Stop } from '../run/driver.ts';
import type { Action, PhaseResult } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { indexOfTask } from '../run/plan-index.ts';
import type { RunState } from '../run/state.ts';
import { startedTask } from './needs.ts';
import { failed, requireRoom, workspaceOf, type Job, type PhaseContext } from './context.ts';
import { prepare } from './prepare.ts';
import { verify } from './verify.ts';
import { work } from './work.ts';

export function createPhases(context: PhaseContext): Omit<Phases, 'merge'> {
  const reopened = new Map<string, number>();
  return {
    perform: async (action, run, stop) => {
      const grown = { ...context, plan: grownPlan(context.plan, run), reopened };
      return await perform(grown, jobOf(grown, { action, run, stop }));
    },
    release: async (task, state) => {
      const workspace = workspaceOf(context, { task, state, action: { phase: 'work', task: task.id, attempt: Math.max(1, state.attempts) } });
      return workspace === null ? null : await context.workspaces.remove(workspace);
    },
  };
}

function jobOf({ plan }: PhaseContext, { action, run, stop }: { action: Action; run: RunState; stop: Stop }): Job {
  const index = indexOfTask(plan, action.task);
  const task = plan.tasks[index];
  const state = run.tasks[index];
  if (task === undefined || state === undefined) throw new Error(`the plan has no task ${action.task}`);
  return { action, task: startedTask(plan, task, run), state, run, stop };
}

async function perform(context: PhaseContext, job: Job): Promise<PhaseResult> {
  if (job.stop.gentle.aborted) return failed('interrupted', 'never', 'stopped before it began');
  try {
    return await performPhase(context, job);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error) || error instanceof OrchError) throw error;
    // Where an attempt's files cannot be written the journal cannot either, soon; anything else (no descriptors) may pass.
    requireRoom(context.plan.run, error.message);
    return failed('workspace', 'infrastructure', error.message);
  }
}

async function performPhase(context: PhaseContext, job: Job): Promise<PhaseResult> {
  switch (job.action.phase) {
    case 'prepare':
      return await prepare(context, job);
    case 'work':
      return await work(context, job);
    case 'verify':
      return await verify(context, job);
    default:
      return unreachable(job.action.phase);
  }
}
