// Runs the shell commands of a manifest (`setup`, `verify`) in a worktree, one after another, until one fails.
import type { ProcessEnd, Workspace } from '../effects/effects.ts';
import type { Exit } from '../run/events.ts';
import { attemptVariables, sandboxed, type Job, type PhaseContext } from './context.ts';

export interface CommandsEnd {
  /** The command that failed, with how; null when all exited 0. */
  readonly failure: { readonly command: string; readonly end: ProcessEnd } | null;
  readonly durationMs: number;
  readonly leftovers: number;
  /** The end of what the last one that ran has printed. */
  readonly stdoutTail: string;
}

/** Runs `commands` with `sh -c` in a workspace, logging to `logFile`. Each has the task's timeout for itself. */
export async function runCommands(
  context: PhaseContext,
  job: Job,
  { commands, workspace, logFile }: { commands: readonly string[]; workspace: Workspace; logFile: string },
): Promise<CommandsEnd> {
  let durationMs = 0;
  let leftovers = 0;
  let stdoutTail = '';
  const variables = await attemptVariables(context, job, workspace);
  for (const command of commands) {
    const end = await context.processes.run(
      {
        command: '/bin/sh', args: ['-c', command], cwd: workspace.path, stdin: null,
        env: context.environment(variables, context.plan.passEnv),
        timeoutMs: job.task.timeoutMs, idleTimeoutMs: null, graceMs: context.plan.graceMs, logFile,
        ...(await sandboxed(context, workspace, context.attemptPaths(job.task.id, job.action.attempt))),
      },
      job.stop.gentle, job.stop.force,
    );
    durationMs += end.durationMs;
    leftovers += end.leftovers;
    stdoutTail = end.stdoutTail;
    if (end.exit.kind !== 'code' || end.exit.code !== 0) return { failure: { command, end }, durationMs, leftovers, stdoutTail };
  }
  return { failure: null, durationMs, leftovers, stdoutTail };
}

/** How a process ended, in a few words. */
export function describeExit(exit: Exit): string {
  switch (exit.kind) {
    case 'code':
      return `exit ${exit.code}`;
    case 'signal':
      return exit.signal === 'SIGKILL' ? 'killed by the system (out of memory?)' : `killed by ${exit.signal}`;
    case 'timeout':
      return exit.idle ? `no output for ${seconds(exit.afterMs)}` : `timeout after ${seconds(exit.afterMs)}`;
    case 'killed':
      return `stopped (${exit.by})`;
    case 'spawn-error':
      return exit.message;
    default:
      return exit satisfies never;
  }
}

function seconds(ms: number): string {
  return ms >= 60_000 ? `${Math.round(ms / 6000) / 10} min` : `${Math.round(ms / 100) / 10} s`;
}

/** The last lines of a command's output, for a message or a prompt. */
export function outputTail(end: ProcessEnd, bytes: number): string {
  return `${end.stdoutTail}\n${end.stderrTail}`.trim().slice(-bytes);
}
