// The programmatic API, imported as a stranger imports it: the program that README shows, and what it does not show.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type * as Orch from '../../src/index.ts';
import { processesOf } from '../support/invariants.ts';
import { appears } from '../support/wait.ts';
import { AGENT, agentsOf, makeProject, type Project } from '../support/project.ts';

const root = path.join(import.meta.dirname, '..', '..');
const program = readFileSync(path.join(import.meta.dirname, 'program', 'fan-out.mjs'), 'utf8');
let project: Project;
let orch: typeof Orch;
const at = (name: string): string => path.join(project.home, 'signals', name);
const works = (name: string): string => [`touch ${at(name)}`, `wait ${at(`go-${name}`)}`, `edit ${name}.txt x`].join('\n');
const go = (name: string): void => { writeFileSync(at(`go-${name}`), ''); };

beforeAll(async () => {
  const agents = {
    writer: { command: [process.execPath, 'tools/writer.mjs'], prompt: 'stdin', output: 'text' },
    mine: { command: [process.execPath, AGENT], prompt: 'stdin', output: 'text' },
  };
  project = makeProject({ config: { agent: 'writer', agents } });
  // Writes the file that its prompt names.
  project.commit('An agent that writes pages', { 'tools/writer.mjs': `import { mkdirSync, writeFileSync, readFileSync } from 'node:fs';
const [, page] = /docs\\/(\\w+)/.exec(readFileSync(0, 'utf8'));
if (page === 'old') setInterval(() => {}, 1000);
else { mkdirSync('docs', { recursive: true }); writeFileSync('docs/' + page + '.md', page); }
` });
  mkdirSync(at(''), { recursive: true });
  mkdirSync(path.join(project.home, 'node_modules'));
  symlinkSync(root, path.join(project.home, 'node_modules', 'orch'));
  orch = (await import(pathToFileURL(path.join(root, 'dist', 'index.js')).href)) as typeof Orch;
});
afterAll(() => { project.dispose(); });

test('the program: five tasks at once, one of them cancelled, results printed', async () => {
  expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
  const file = path.join(project.home, 'fan-out.mjs');
  writeFileSync(file, program);
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, [file], { cwd: project.path }, (_error, out, err) => resolve({ code: child.exitCode ?? -1, stdout: out, stderr: err }));
  });
  expect(code, stderr).toBe(1);
  expect(stdout).toContain('api completed\n');
  expect(stdout).toContain('old cancelled\n');
  expect(stdout.match(/^completed orch\/\S+\/\w+ 1$/gm)).toHaveLength(4);
  expect(stdout).toMatch(/^cancelled orch\/\S+\/old 0$/m);
  expect(processesOf(project)).toEqual([]);
});

test('plan creates nothing; what is wrong is an OrchError with a hint', async () => {
  const before = project.traces();
  const { tasks } = await orch.plan({ tasks: { a: 'x', b: { needs: 'a', prompt: 'y' } } }, { cwd: project.path, agent: 'mine' });
  expect(tasks.map(({ id, needs }) => [id, needs])).toEqual([['a', []], ['b', ['a']]]);
  await expect(orch.plan({ tasks: { b: { needs: 'a', prompt: 'y' } } }, { cwd: project.path })).rejects.toMatchObject({ code: 'bad-input', exitCode: 2, message: expect.stringContaining('there is no task "a"') as string });
  await expect(orch.run('missing.yml', { cwd: project.path })).rejects.toThrow(orch.OrchError);
  await expect(orch.run(['x'], { cwd: project.path, agent: 'nobody' })).rejects.toMatchObject({ exitCode: 2 });
  await expect(orch.run({ tasks: ['x'] }, { cwd: project.home })).rejects.toMatchObject({ exitCode: 3 });
  expect(project.traces()).toEqual(before);
});

test('a run is steered while it goes on: retry, add, output, status, an iteration that is left, stop', async () => {
  const said: string[] = [];
  const one = await orch.run({ tasks: { a: `say hello\n${works('a')}`, bad: { run: `test -e ${at('mended')}` } } }, { cwd: project.path, agent: 'mine', onOutput: ({ text }) => said.push(text) });
  for await (const event of one) if (event.type === 'task-settled' && event.task === 'bad') break;
  await appears(at('a'));
  expect(one.status()).toMatchObject({ run: one.id, state: 'running', counts: { running: 1, failed: 1 } });
  expect((await orch.status(one.id, { cwd: project.path })).state).toBe('running');
  await expect(one.cancel('bad')).rejects.toMatchObject({ message: expect.stringContaining('has ended already') as string });
  writeFileSync(at('mended'), '');
  expect(await one.retry('bad')).toEqual(['bad']);
  expect(await one.add({ tasks: { b: { needs: 'a', run: 'echo b > b.txt' } } })).toEqual(['b']);
  await expect(one.add({ tasks: { b: 'x' } })).rejects.toMatchObject({ exitCode: 2 });
  go('a');
  expect((await one.result).tasks.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(['a completed', 'bad completed', 'b completed']);
  expect(said).toContain('hello');
  await expect(one.cancel()).rejects.toMatchObject({ message: 'the run has ended' });

  const two = await orch.run([works('c')], { cwd: project.path, agent: 'mine' });
  await appears(at('c'));
  await two.stop();
  const seen: string[] = [];
  for await (const event of two) seen.push(event.type);
  expect([seen[0], seen.at(-1)]).toEqual(['run-started', 'run-finished']);
  expect(await two.result).toMatchObject({ exitCode: 130, state: 'interrupted' });
  expect(agentsOf(project)).toEqual([]);
});
