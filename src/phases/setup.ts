// A task's setup commands, in a worktree that is new, and the return of a worktree that an earlier orch left: what work and
// verify stand on.
import type { Workspace } from '../effects/effects.ts';
import { crashPoint } from '../lib/crash-point.ts';
import type { Sha } from '../plan/plan.ts';
import type { PhaseDetail, PhaseResult } from '../run/events.ts';
import { describeExit, outputTail, runCommands } from './command.ts';
import { failed, type Job, type PhaseContext } from './context.ts';
import { watched } from './tamper.ts';

/** Runs the setup commands; `detail` is what is known already. */
export async function setUp(context: PhaseContext, job: Job, { workspace, detail }: { workspace: Workspace; detail: PhaseDetail }): Promise<PhaseResult> {
  const { task, action } = job;
  if (task.setup.length === 0) return { ok: true, detail };
  const paths = context.attemptPaths(task.id, action.attempt);
  await context.files.makeDir(paths.dir);
  const commands = { commands: task.setup, workspace, logFile: paths.log };
  const who = { task: task.id, workspace, kind: 'command', trace: null } as const;
  const { value } = await watched(context, who, { run: job.run, work: async () => await runCommands(context, job, commands) });
  const { failure, durationMs } = value;
  crashPoint('setup-ended');
  if (failure === null) return { ok: true, detail: { ...detail, durationMs } };
  const { command, end } = failure;
  const after = { ...detail, exit: end.exit, log: paths.log };
  if (end.exit.kind === 'killed') return failed('interrupted', 'never', 'stopped during setup', after);
  const tail = outputTail(end, 300);
  return failed('setup-failed', 'infrastructure', `setup \`${command}\`: ${describeExit(end.exit)}${tail === '' ? '' : `: ${lastLine(tail)}`}`, after);
}

/**
 * Sees that the workspace is there, for a phase that an earlier orch may have prepared for; `head` null = whatever is there
 * is right. Ok, or the failure that the phase ends with.
 */
export async function ensureWorkspace(context: PhaseContext, job: Job, { workspace, head }: { workspace: Workspace; head: Sha | null }): Promise<PhaseResult> {
  const { copy, link } = context.plan.worktrees;
  const known = head ?? job.state.delivery?.head ?? workspace.start;
  const recovered = await context.workspaces.recover(workspace, { head: known, keepChanges: head === null, copy, link });
  if (!recovered.ok) {
    return failed('workspace', recovered.transient ? 'infrastructure' : 'never', `the worktree is gone and cannot be made again: ${recovered.message}`);
  }
  const detail: PhaseDetail = { notes: recovered.notes };
  return recovered.made ? await setUp(context, job, { workspace, detail }) : { ok: true, detail };
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}
