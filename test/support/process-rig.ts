// What tests of real processes share: a folder, a marked environment, and the question whether anything is still alive.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from '../../src/effects/effects.ts';
import { appears } from './wait.ts';

export const SCRIPTED_AGENT = fileURLToPath(new URL('scripted-agent.mjs', import.meta.url));

export interface ProcessRig {
  readonly dir: string;
  /** In the environment of everything that this rig starts, as ORCH_RUN_ID. */
  readonly run: string;
  at(name: string): string;
  /** A spec that runs the scripted agent with these steps. */
  agent(steps: readonly string[], more?: Partial<ProcessSpec>): ProcessSpec;
  /** A spec that runs a shell script. */
  shell(script: string, more?: Partial<ProcessSpec>): ProcessSpec;
  /** Resolves with the content of a file of the rig as soon as it exists. */
  appeared(name: string): Promise<string>;
  /** Pids of living processes whose environment has this rig's run. */
  survivors(): readonly number[];
  dispose(): void;
}

export function createProcessRig(): ProcessRig {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'orch-processes-'));
  const run = `test-${randomUUID()}`;
  const at = (name: string): string => path.join(dir, name);
  const spec = (command: string, args: readonly string[], more: Partial<ProcessSpec> = {}): ProcessSpec => ({
    command, args, cwd: dir, env: { PATH: process.env['PATH'] ?? '', HOME: dir, ORCH_RUN_ID: run, ORCH_TASK_ID: 'one' },
    stdin: null, timeoutMs: 30_000, idleTimeoutMs: null, graceMs: 2000, logFile: null, ...more,
  });
  mkdirSync(at('signals'), { recursive: true });
  return {
    dir, run, at,
    agent: (steps, more) => spec(process.execPath, [SCRIPTED_AGENT, ...steps], more),
    shell: (script, more) => spec('/bin/sh', ['-c', script], more),
    appeared: async (name) => {
      await appears(at(name));
      return readFileSync(at(name), 'utf8').trim();
    },
    survivors: () => marked(`ORCH_RUN_ID=${run}`),
    dispose() {
      for (const pid of marked(`ORCH_RUN_ID=${run}`)) process.kill(pid, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Whether the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

function marked(marker: string): readonly number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return isAlive(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(marker);
    } catch {
      return false;
    }
  });
}
