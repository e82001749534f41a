// Runs the commands of a merge in a worktree: those that verify, and those that make files anew. Remembers why a commit
// was refused, for people.
import path from 'node:path';
import type { ProcessEnd, Processes, Sandbox } from '../effects/effects.ts';
import type { Sha } from '../plan/plan.ts';
import type { Verdict } from './queue.ts';
import { Turns } from './turns.ts';
import { formatDuration } from '../lib/time.ts';

export interface MergeCommands {
  /** Runs the verify commands in a folder that has exactly the files of `commit`. Nothing of them is left running. */
  verify(folder: string, commit: Sha, signal: AbortSignal): Promise<Verdict>;
  /** Prepares a folder for `verify`; null = done, else why not, in one line. */
  setUp(folder: string, signal: AbortSignal): Promise<string | null>;
  /** Whether the command succeeded. */
  regenerate(folder: string, command: string): Promise<boolean>;
  /** What concerns the commands and no commit. */
  notes(): readonly string[];
  /** Why a commit was refused, in one line; null when it was not. */
  whyRefused(commit: Sha): string | null;
}

export interface MergeCommandsOptions {
  readonly processes: Processes;
  readonly verify: readonly string[];
  /** Prepare a new folder. */
  readonly setup: readonly string[];
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

/** What servers say when another one has their port: of two verifications at once, or of this machine. */
const PORT_TAKEN = /EADDRINUSE|address (?:is )?already in use|port \d+ is (?:already )?(?:in use|allocated)/i;

export function createMergeCommands(options: MergeCommandsOptions): MergeCommands {
  const refused = new Map<Sha, string>();
  const notes = new Set<string>();
  const turns = new Turns();
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
  const attempt = async (folder: string, commit: Sha, signal: AbortSignal): Promise<{ readonly verdict: Verdict; readonly isPortTaken: boolean }> => {
    const log = `verify-${commit.slice(0, 12)}.log`;
    for (const command of options.verify) {
      const { exit, stdoutTail, stderrTail } = await run(folder, { command, log }, signal);
      if (exit.kind === 'spawn-error') notes.add(`\`${command}\` could not be started: ${exit.message}`);
      if (exit.kind === 'killed' || exit.kind === 'spawn-error') return { verdict: 'broken', isPortTaken: false };
      if (exit.kind === 'code' && exit.code === 0) continue;
      const how = exit.kind === 'code' ? `exit ${exit.code}` : exit.kind === 'timeout' ? `did not end in ${formatDuration(exit.afterMs)}` : `killed by ${exit.signal}`;
      const isPortTaken = PORT_TAKEN.test(stderrTail) || PORT_TAKEN.test(stdoutTail);
      refused.set(commit, `\`${command}\`: ${how}${isPortTaken ? ', and a port that it needs is in use' : ''}; log: ${path.join(options.logs, log)}`);
      return { verdict: 'fail', isPortTaken };
    }
    return { verdict: 'pass', isPortTaken: false };
  };
  return {
    async verify(folder, commit, signal) {
      const wasAlone = turns.isAlone;
      const { verdict, isPortTaken } = await turns.shared(async () => await attempt(folder, commit, signal));
      if (!isPortTaken || wasAlone) return verdict;
      // Another verification may have held it, which says nothing about the commit.
      const again = await turns.alone(async () => await attempt(folder, commit, signal));
      if (!again.isPortTaken) notes.add('verifications hold a port that others of them need: they were run one at a time');
      return again.verdict;
    },
    async setUp(folder, signal) {
      for (const command of options.setup) {
        const { exit } = await run(folder, { command, log: 'setup.log' }, signal);
        if (exit.kind !== 'code' || exit.code !== 0) return `setup \`${command}\`: ${exit.kind === 'code' ? `exit ${exit.code}` : exit.kind}; log: ${path.join(options.logs, 'setup.log')}`;
      }
      return null;
    },
    notes: () => [...notes],
    async regenerate(folder, command) {
      const { exit } = await run(folder, { command, log: 'regenerate.log' }, options.stop);
      return exit.kind === 'code' && exit.code === 0;
    },
    whyRefused: (commit) => refused.get(commit) ?? null,
  };
}
