// Runs the built binary as a person would, with an environment of its own, and waits for signals rather than for time.
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { within } from './wait.ts';

export const CLI = path.join(import.meta.dirname, '..', '..', 'dist', 'cli.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the text has appeared on either stream; rejects when the process ends, or a minute, without it. */
  saw(text: string | RegExp): Promise<void>;
}

/** Starts `orch …args` in `cwd`. The environment is this test's cleared one plus `env`. */
export function startOrch(args: readonly string[], options: { cwd: string; env?: Record<string, string>; stdin?: string }): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(options.stdin);
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const collect = (stream: NodeJS.ReadableStream | null, add: (text: string) => void): void => {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      add(text);
      for (const check of waiting) check();
    });
  };
  collect(child.stdout, (text) => { stdout += text; });
  collect(child.stderr, (text) => { stderr += text; });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
      for (const check of waiting) check();
    });
  });
  return {
    child,
    ended,
    saw: async (text) => await within(() => `${String(text)} in:\n${stdout}${stderr}`, new Promise<void>((resolve, reject) => {
      const check = (): void => {
        const all = stdout + stderr;
        if (typeof text === 'string' ? all.includes(text) : text.test(all)) resolve();
        else if (child.exitCode !== null || child.signalCode !== null) reject(new Error(`orch ended without ${String(text)}:\n${all}`));
        else return;
        waiting.delete(check);
      };
      waiting.add(check);
      check();
    })),
  };
}

/** Runs `orch …args` to its end. */
export async function orch(args: readonly string[], options: { cwd: string; env?: Record<string, string>; stdin?: string }): Promise<Ended> {
  return await startOrch(args, options).ended;
}
