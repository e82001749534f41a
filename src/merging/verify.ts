// Runs the commands of a merge in a worktree: those that verify, and those that make files anew. Remembers why a commit
// was refused, for people.
import path from 'node:path';
import type { ProcessEnd, Processes, Sandbox } from '../effects/effects.ts';
import type { Sha } from '../plan/plan.ts';
import type { Verdict } from './queue.ts';

export interface MergeCommands {
  /** Runs the verify commands in a folder that has exactly the files of `commit`. Nothing of them is left running. */
  verify(folder: string, commit: Sha, signal: AbortSignal): Promise<Verdict>;
  /** Whether the command succeeded. */
  regenerate(folder: string, command: string): Promise<boolean>;
  /** Why a commit was refused, in one line; null when it was not. */
  whyRefused(commit: Sha): string | null;
}

export interface MergeCommandsOptions {
  readonly processes: Processes;
  readonly verify: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What a command may touch in a folder; null = all that the user may. */
  readonly sandboxOf: (folder: string) => Promise<Sandbox | null>;
  /** Of each command. */
  readonly timeoutMs: number;
  readonly graceMs: number;
  /** Folder for logs, which exists. */
  readonly logs: string;
  /** Ends all of them. */
  readonly stop: AbortSignal;
  readonly force: AbortSignal;
}

export function createMergeCommands(options: MergeCommandsOptions): MergeCommands {
  const refused = new Map<Sha, string>();
  const sandboxIn = async (folder: string): Promise<{ readonly sandbox?: Sandbox }> => {
    const sandbox = await options.sandboxOf(folder);
    return sandbox === null ? {} : { sandbox };
  };
  const run = async (folder: string, what: { command: string; log: string }, signal: AbortSignal): Promise<ProcessEnd> =>
    await options.processes.run(
      {
        command: '/bin/sh', args: ['-c', what.command], cwd: folder, stdin: null, env: options.env,
        timeoutMs: options.timeoutMs, idleTimeoutMs: null, graceMs: options.graceMs, logFile: path.join(options.logs, what.log),
        ...(await sandboxIn(folder)),
      },
      AbortSignal.any([signal, options.stop]), options.force,
    );
  return {
    async verify(folder, commit, signal) {
      const log = `verify-${commit.slice(0, 12)}.log`;
      for (const command of options.verify) {
        const { exit } = await run(folder, { command, log }, signal);
        if (exit.kind === 'killed' || exit.kind === 'spawn-error') return 'broken';
        if (exit.kind === 'code' && exit.code === 0) continue;
        const how = exit.kind === 'code' ? `exit ${exit.code}` : exit.kind === 'timeout' ? `timeout after ${Math.round(exit.afterMs / 1000)} s` : `killed by ${exit.signal}`;
        refused.set(commit, `\`${command}\`: ${how}; log: ${path.join(options.logs, log)}`);
        return 'fail';
      }
      return 'pass';
    },
    async regenerate(folder, command) {
      const { exit } = await run(folder, { command, log: 'regenerate.log' }, options.stop);
      return exit.kind === 'code' && exit.code === 0;
    },
    whyRefused: (commit) => refused.get(commit) ?? null,
  };
}
