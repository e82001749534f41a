// What `npm pack` makes is a working orch: unpacked into an empty folder, with nothing installed beside it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeProject, type Project } from '../support/project.ts';

let folder: string;
let project: Project;
const root = path.join(import.meta.dirname, '..', '..');
const packed = (...args: string[]): string => execFileSync(process.execPath, [path.join(folder, 'package', 'dist', 'cli.js'), ...args], { cwd: project.path, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
beforeAll(() => {
  project = makeProject();
  folder = mkdtempSync(path.join(os.tmpdir(), 'orch-pack-'));
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const [tarball = ''] = readdirSync(folder);
  execFileSync('tar', ['-xzf', tarball], { cwd: folder });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  project.dispose();
});

test('it says its version, plans, and runs', () => {
  expect(packed('--version').trim()).toBe('0.1.0');
  expect(packed('plan', 'edit a.txt a')).toContain('edit-a-txt-a');
  packed('run', 'edit a.txt a');
  expect(project.git('for-each-ref', '--format=%(refname)', 'refs/heads/orch')).toContain('/edit-a-txt-a');
});

test('it can be imported as a library, and importing it starts nothing', () => {
  const script = `import('${path.join(folder, 'package', 'dist', 'index.js')}').then((m) => console.log(typeof m.startRun, typeof m.openRepository))`;
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()).toBe('function function');
});

test('it ships what init copies, and nothing of the tests', () => {
  const files = execFileSync('find', ['.', '-type', 'f'], { cwd: path.join(folder, 'package'), encoding: 'utf8' });
  expect(files).toContain('./templates/basic/tasks.yml');
  expect(files).toContain('./templates/basic/.orchestrator.yml');
  expect(files).toContain('./LICENSE');
  expect(files).not.toMatch(/\.\/(test|src|\.ci)\//);
});
