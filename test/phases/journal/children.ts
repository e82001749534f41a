// Starts child.ts as real processes: they can be stopped, killed and raced.
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';

/** A child that was started; `next` gives its next line, null at its end. */
export interface Child {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  next(): Promise<string | null>;
  /** Lines that were said and not yet asked for; to the end. */
  rest(): Promise<string[]>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the system has forgotten it. */
  readonly ended: Promise<unknown>;
}

/** Bundles child.ts into a folder; the path of the program. */
export async function buildChild(outdir: string): Promise<string> {
  const outfile = path.join(outdir, 'child.mjs');
  await build({
    entryPoints: [new URL('child.ts', import.meta.url).pathname], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20.19', logLevel: 'error',
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  });
  return outfile;
}

/** Starts a child; it is killed at the end of the test if it still runs. `wrapper` stands before `node`. */
export function startChild(program: string, args: readonly string[], wrapper: readonly string[] = []): Child {
  const [command = process.execPath, ...rest] = [...wrapper, process.execPath, program, ...args];
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  onTestFinished(() => void child.kill('SIGKILL'));
  const next = async (): Promise<string | null> => {
    const line = await lines.next();
    return line.done === true ? null : line.value;
  };
  return {
    process: child, next, ended,
    rest: async () => {
      const all: string[] = [];
      for (let line = await next(); line !== null; line = await next()) all.push(line);
      return all;
    },
    kill: (signal) => void child.kill(signal),
  };
}
