// The README does not lie: its manifest is a plan, its configuration loads, and it names every reason and every command.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeProject } from '../support/project.ts';

const root = path.join(import.meta.dirname, '..', '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const [manifest = '', configuration = ''] = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text ?? '');

test('its manifest and its configuration are right', async () => {
  const project = makeProject();
  project.commit('What they name', { 'prompts/schema.md': 'Write it', 'src/components/a.tsx': 'x', 'src/components/deep/b.tsx': 'x', 'docs/style.md': 'Be brief', '.orchestrator.yml': configuration, 'tasks.yml': manifest });
  const planned = await project.run(['plan', '--json']);
  expect(planned.code, planned.stderr).toBe(0);
  const { tasks } = JSON.parse(planned.stdout) as { tasks: { id: string }[] };
  expect(tasks.map(({ id }) => id)).toEqual(expect.arrayContaining(['dashboard', 'strict.src-components', 'strict.src-components-deep', 'pages.quickstart-de', 'build']));
  project.dispose();
});

test('its program is the one that is tested', () => {
  const [, program] = /```js\n(.*?)```/s.exec(readme) ?? [];
  expect(program).toBe(readFileSync(path.join(root, 'test', 'e2e', 'program', 'fan-out.mjs'), 'utf8'));
});

test('it names every reason that a task can end for', () => {
  const events = readFileSync(path.join(root, 'src', 'run', 'events.ts'), 'utf8');
  const [, reasons = ''] = /export type FailureReason =(.*?);\n\n/s.exec(events) ?? [];
  const names = [...reasons.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name ?? '');
  expect(names.length).toBeGreaterThan(25);
  expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

test('it names every command', async () => {
  const project = makeProject();
  const { stdout } = await project.run(['--help']);
  const commands = [...stdout.matchAll(/^ {2}orch (\w+)/gm)].map(([, name]) => name ?? '');
  expect(commands.length).toBeGreaterThan(10);
  expect(commands.filter((name) => !new RegExp(`orch [^\\n]*\\b${name}\\b`).test(readme))).toEqual([]);
  project.dispose();
});
