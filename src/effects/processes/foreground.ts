// A program that a person uses in this terminal: it has the terminal for itself until it ends. Nothing of it is watched,
// limited or stopped by orch.
import { spawn } from 'node:child_process';
import type { Exit } from '../../run/events.ts';

export interface Foreground {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

// The terminal sends these to the program as well, and it is the program that they are meant for.
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;
const FROM_OUTSIDE = ['SIGTERM', 'SIGHUP'] as const;

/** Runs it to its end. Never rejects: what cannot be started is an `Exit`. */
export async function runInForeground({ command, args, cwd, env }: Foreground): Promise<Exit> {
  const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
  const listeners = [
    ...FROM_TERMINAL.map((signal) => ({ signal, listener: () => undefined })),
    ...FROM_OUTSIDE.map((signal) => ({ signal, listener: () => void child.kill(signal) })),
  ];
  for (const { signal, listener } of listeners) process.on(signal, listener);
  try {
    return await new Promise<Exit>((resolve) => {
      child.on('error', (error) => resolve({ kind: 'spawn-error', message: error.message }));
      child.on('exit', (code, signal) => resolve(signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal }));
    });
  } finally {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  }
}
