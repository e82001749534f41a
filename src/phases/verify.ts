// The verify phase: the plan's commands on what was delivered, in the task's worktree. They come from the frozen plan and
// never from a file that the agent could have edited.
import { crashPoint } from '../lib/crash-point.ts';
import type { PhaseResult } from '../run/events.ts';
import { describeExit, outputTail } from './command.ts';
import { failed, workspaceOf, type Job, type PhaseContext } from './context.ts';
import { verifyAndScore } from './score.ts';
import { ensureWorkspace } from './setup.ts';
import { watched } from './tamper.ts';

/** Bytes of a failing command's output that the next attempt is shown. */
const FEEDBACK_BYTES = 8000;

export async function verify(context: PhaseContext, job: Job): Promise<PhaseResult> {
  const workspace = workspaceOf(context, job);
  if (workspace === null) return failed('workspace', 'infrastructure', 'the worktree to verify in is gone');
  const ready = await ensureWorkspace(context, job, { workspace, head: job.state.delivery?.head ?? workspace.start });
  if (!ready.ok) return ready;
  crashPoint('verify-begun');
  const logFile = `${context.attemptPaths(job.task.id, job.action.attempt).dir}/verify.log`;
  const commands = { commands: job.task.verify, workspace, logFile };
  const who = { task: job.task.id, workspace, kind: 'command', trace: null } as const;
  const { value } = await watched(context, who, { run: job.run, work: async () => await verifyAndScore(context, job, commands) });
  const { failure, durationMs, leftovers } = value;
  crashPoint('verify-ended');
  const left = leftovers > 0 ? [`verify left ${leftovers} process${leftovers === 1 ? '' : 'es'} running; stopped`] : [];
  const notes = [...(ready.detail.notes ?? []), ...left];
  if (failure === null) return { ok: true, detail: { durationMs, notes: [...notes, ...value.notes], ...(value.score === null ? {} : { score: value.score }) } };
  const { command, end } = failure;
  const detail = { durationMs, notes, log: logFile };
  if (end.exit.kind === 'killed') return failed('interrupted', 'never', 'stopped during verify', detail);
  if (end.exit.kind === 'spawn-error') return failed('spawn', 'infrastructure', `verify: ${end.exit.message}`, detail);
  const feedback = `The command \`${command}\` failed (${describeExit(end.exit)}). The end of its output:\n\n${outputTail(end, FEEDBACK_BYTES)}`;
  return { ok: false, reason: 'verify-failed', retry: 'verify', message: `verify \`${command}\`: ${describeExit(end.exit)}`, detail, feedback };
}
