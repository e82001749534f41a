// A run that went on in the background: who is told of its end, and that it is once.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { CLI } from '../support/orch.ts';
import { script, type Project } from '../support/project.ts';
import { hasTerminals, runInTerminal } from '../support/pty.ts';

let project: Project;
eachProject((made) => { project = made; }, { config: { notify: { command: 'cat > .git/told.json; exit 3' } } });
const manifest = (): string => project.manifest(`tasks:\n  a: { prompt: ${script('edit a.txt new')} }\n  b: { run: "exit 4" }\n`);
const lines = async (...args: string[]): Promise<{ type: string }[]> => {
  const ended = await project.run(['notifications', '--json', ...args]);
  expect(ended.code, ended.stderr).toBe(0);
  return ended.stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { type: string });
};

test('a program is told once; the command of notify gets the end as JSON, and its failure is no failure of the run', async () => {
  expect((await project.run(['run', manifest(), '--run-id', 'seen'])).code).toBe(1);
  expect(await lines()).toEqual([]);
  expect((await project.run(['run', '-d', manifest(), '--run-id', 'away'])).code).toBe(0);
  expect((await project.run(['wait', 'away'])).code).toBe(1);
  const told = await lines();
  expect(told.map(({ type }) => type)).toEqual(['task-settled', 'task-settled', 'run-finished']);
  expect(told.at(-1)).toMatchObject({ v: 1, run: 'away', type: 'run-finished', exitCode: 1, counts: { completed: 1, failed: 1 } });
  expect(await lines()).toEqual([]);
  expect(JSON.parse(readFileSync(path.join(project.commonDir, 'told.json'), 'utf8'))).toMatchObject({ v: 1, run: 'away', type: 'run-finished', exitCode: 1, counts: { completed: 1, failed: 1 } });
  expect(readFileSync(path.join(project.commonDir, 'orch', 'runs', 'away', 'orch.log'), 'utf8')).toContain('note: notify.command: exit 3');
});

test.runIf(hasTerminals)('a person is told on the terminal after the next command, once', async () => {
  expect((await project.run(['run', '-d', manifest(), '--run-id', 'away'])).code).toBe(0);
  expect((await project.run(['wait'])).code).toBe(1);
  const typed = async (): Promise<string[]> => {
    const terminal = runInTerminal(`'${process.execPath}' '${CLI}' runs`, { columns: 120, rows: 24, cwd: project.path });
    expect(await terminal.ended).toBe(0);
    return terminal.screen.everything();
  };
  const [run, ...told] = await typed();
  expect(run).toMatch(/^away +finished, exit 1/);
  expect(told).toEqual(['away finished (exit 1): 1 completed, 1 failed', expect.stringMatching(/^away: b failed: /) as string, 'away: a completed']);
  expect(await typed()).toEqual([run]);
});
