// The live view on a real pseudo-terminal: hostile agents, Ctrl-C, and the screen that is left.
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasTerminals, runInTerminal } from '../support/pty.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'orch-tty-'));
const program = path.join(folder, 'tty-load.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [path.join(import.meta.dirname, '../bench/tty-load.ts')], outfile: program, bundle: true, platform: 'node', format: 'esm', logLevel: 'error',
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const load = (options: string): string => `'${process.execPath}' '${program}' ${options} > '${folder}/measured.json'`;

test.runIf(hasTerminals)('three hundred hostile agents, then Ctrl-C: always a bar and running tasks, then a clean screen', async () => {
  const terminal = runInTerminal(load('--tasks=300 --hostile'), { columns: 80, rows: 24 });
  try {
    const { screen } = terminal;
    await terminal.until(() => screen.lines().some((line) => /^[█░]{10} \d+\/300 \d+ ok \d failed 16 running \d+ queued/.test(line)) && screen.lines().some((line) => line.endsWith('and 4 more running')));
    expect(screen.cursorVisible).toBe(false);
    terminal.type('\u0003');
    await terminal.until(() => screen.lines().some((line) => line.startsWith('stopping: Ctrl-C again to kill')));
    await terminal.ended;
    expect(screen.cursorVisible).toBe(true);
    expect(screen.autowrap).toBe(true);
    expect(screen.unknown).toEqual([]);
    const all = screen.everything();
    expect(all.at(-1)).toBe('interrupted; orch resume load-20261120-073100 goes on');
    expect(all.filter((line) => /^[█░]{10}|^stopping|more running|\^C/.test(line))).toEqual([]);
  } finally {
    terminal.kill();
  }
});
