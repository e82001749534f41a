// A run in a process of its own: started here, in a session without a terminal, and spoken with over its channel until
// this process leaves it alone (or dies: then the run is stopped, unless it was detached before).
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EXIT, OrchError, type ExitCode } from '../errors.ts';
import { runPaths } from '../journal/run-paths.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import type { CancelReason } from '../run/events.ts';
import { asset } from './assets.ts';

/** What the process is told first. */
export interface DriveOrder {
  readonly run: RunId;
  readonly failed: boolean;
  readonly force: boolean;
  /** null = not said. */
  readonly tasks: readonly TaskId[] | null;
  /** The limit of the whole run from now on, in US dollars; null = as it was. */
  readonly budgetUsd: number | null;
  /** Of the agents' programs, where they were asked. */
  readonly versions: Readonly<Record<string, string>>;
  /** Reporters that write to files, as `--reporter` says them. */
  readonly reporters: readonly string[];
}

export type ToDriver =
  | { readonly type: 'drive'; readonly order: DriveOrder; /** a person began it on one */ readonly hasTerminal: boolean }
  | { readonly type: 'stop' | 'kill'; readonly reason: CancelReason }
  /** From now on the run does not end with the one who started it. */
  | { readonly type: 'detach' };

export type FromDriver =
  /** The run is under way. */
  | { readonly type: 'started' }
  | { readonly type: 'notice'; readonly line: string }
  | { readonly type: 'refused'; readonly code: string; readonly message: string; readonly hint: string | null; readonly exitCode: number }
  | { readonly type: 'ended'; readonly exitCode: number; /** why its records could not be written */ readonly journalError: string | null };

/** How the process ended. */
export interface BackgroundEnd {
  readonly exitCode: number;
  readonly journalError: string | null;
  /** It said so itself; otherwise it was killed, or has a bug: its log tells. */
  readonly isOrderly: boolean;
}

export interface Background {
  readonly pid: number;
  /** Resolves when the run is under way, or has ended. Rejects with the OrchError that kept it from beginning. */
  readonly started: Promise<void>;
  readonly ended: Promise<BackgroundEnd>;
  stop(reason: CancelReason): void;
  kill(reason: CancelReason): void;
  /** As the operating system does it: SIGSTOP, SIGCONT, SIGKILL. */
  signal(name: NodeJS.Signals): void;
  /** Leaves it alone; this process need not wait for it any more. */
  detach(): Promise<void>;
}

/** Where a run's process writes what it would say on a terminal. */
export function backgroundLog(commonDir: string, run: RunId): string {
  return path.join(runPaths(commonDir, run).dir, 'orch.log');
}

/** Starts the process of a run whose folder is there. */
export function startBackground(commonDir: string, order: DriveOrder, onNotice: (line: string) => void): Background {
  const log = openSync(backgroundLog(commonDir, order.run), 'a', 0o600);
  const child = spawn(process.execPath, [asset('dist', 'cli.js'), 'drive'], { detached: true, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  let end: Extract<FromDriver, { type: 'ended' }> | null = null;
  const ended = new Promise<BackgroundEnd>((resolve) => {
    child.on('error', () => resolve({ exitCode: EXIT.preflight, journalError: null, isOrderly: false }));
    child.on('exit', (code, signal) => {
      resolve({ exitCode: code ?? 128 + os.constants.signals[signal ?? 'SIGKILL'], journalError: end?.journalError ?? null, isOrderly: end !== null });
    });
  });
  const started = new Promise<void>((resolve, reject) => {
    child.on('message', (message: FromDriver) => {
      if (message.type === 'started') resolve();
      else if (message.type === 'notice') onNotice(message.line);
      else if (message.type === 'ended') end = message;
      else reject(refusalOf(message));
    });
    void ended.then(() => resolve());
  });
  // Whoever awaits it is told.
  started.catch(() => undefined);
  const send = (message: ToDriver): void => { if (child.connected) child.send(message, () => undefined); };
  send({ type: 'drive', order, hasTerminal: process.stderr.isTTY });
  return {
    pid: child.pid ?? 0, started, ended,
    stop: (reason) => send({ type: 'stop', reason }),
    kill: (reason) => send({ type: 'kill', reason }),
    signal: (name) => { child.kill(name); },
    detach: async () => await detach(child),
  };
}

async function detach(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => { child.send({ type: 'detach' } satisfies ToDriver, () => resolve()); });
  if (child.connected) child.disconnect();
  child.unref();
}

function refusalOf({ code, message, hint, exitCode }: Extract<FromDriver, { type: 'refused' }>): OrchError {
  const known: ExitCode = Object.values(EXIT).find((one) => one === exitCode) ?? EXIT.bug;
  return new OrchError({ code, message, ...(hint === null ? {} : { hint }), exitCode: known });
}
