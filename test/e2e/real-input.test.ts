// Forty tasks of a real tool (esbuild, one directory each) on a repository of more than 5,000 real files with history:
// outcomes, exit code, branches and the status document as the spec says, and the checkout untouched to the byte.
import { cpSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeProject, type Project } from '../support/project.ts';
import { changedFiles, checkoutState } from '../support/repo.ts';
import type { Ended } from '../support/orch.ts';
import type { StatusDocument, TaskDocument } from '../../src/reporters/status.ts';

const modules = realpathSync(path.join(import.meta.dirname, '..', '..', 'node_modules'));
const esbuild = path.join(modules, 'esbuild', 'bin', 'esbuild');
// Pure JavaScript and types, each a project's real published source.
const PACKAGES = ['zod', 'yaml', 'execa', 'yargs', 'fs-extra', 'vitest', 'typescript', 'cosmiconfig', 'simple-git', 'rxjs', '@types', 'parse-json'];
const DIRS = 34;

let project: Project;
let before: Record<string, string>;
let ended: Ended;
let status: StatusDocument;
const task = (id: string): TaskDocument => status.tasks.find((one) => one.id === id) ?? ({} as TaskDocument);
const idOf = (i: number): string => `minify-${String(i).padStart(2, '0')}`;

/** Every byte is written forty times, and long files prove no more than short ones. */
function isTaken(file: string): boolean {
  const info = statSync(file);
  return info.isDirectory() ? !/node_modules\/.*node_modules/.test(file) : info.size < 16_384 && !file.endsWith('.map');
}

/** Fills the repository with copies of real packages, a commit each, until it is large enough; returns the directories. */
function fill(): void {
  const present = PACKAGES.filter((name) => readdirSync(modules).includes(name));
  for (let round = 0; project.git('ls-files').split('\n').length < 5000; round += 1) {
    for (const name of present) {
      cpSync(path.join(modules, name), path.join(project.path, `vendor-${round}`, name), { recursive: true, filter: isTaken });
      project.commit(`Add ${name} (${round})`);
    }
  }
  for (let i = 0; i < DIRS; i += 1) cpSync(path.join(modules, 'yaml', 'dist', 'compose'), path.join(project.path, 'work', `dir-${i}`), { recursive: true });
  project.commit('Add what is to be worked on', { 'work/bad/broken.js': 'const = ;\n' });
  project.git('repack', '-adq');
}

beforeAll(async () => {
  project = makeProject();
  project.write({ '.gitignore': '*.log\n' });
  fill();
  project.write({ 'README.md': 'edited by its user\n', 'notes.txt': 'untracked\n' });
  project.git('add', 'notes.txt');
  before = checkoutState(project);
  const minify = (dir: string): string => JSON.stringify(`"${esbuild}" work/${dir}/*.js --outdir=work/${dir} --allow-overwrite --minify-whitespace --log-level=error`);
  const manifest = project.manifest(`
name: minify
max-parallel: 6
tasks:
${Array.from({ length: DIRS }, (_, i) => `  ${idOf(i)}: { run: ${minify(`dir-${i}`)}, paths: ["work/dir-${i}/**"], expect: changes }`).join('\n')}
  count-first: { needs: [${idOf(0)}, ${idOf(1)}, ${idOf(2)}], run: "wc -l work/dir-[012]/*.js | tail -1 > count.txt", verify: test -s count.txt }
  count-second: { needs: [count-first, ${idOf(3)}], run: "wc -l work/dir-3/*.js | tail -1 >> count.txt" }
  syntax-error: { run: ${minify('bad')} }
  after-error: { needs: syntax-error, run: "true" }
  too-long: { run: "echo begun > begun.txt; sleep 300", timeout: 3s }
  nothing: { run: "true", expect: changes }
`);
  ended = await project.run(['run', manifest]);
  status = JSON.parse((await project.run(['status', '--json'])).stdout) as StatusDocument;
}, 480_000);
afterAll(() => { project.dispose(); });

test('the input is what it claims to be', () => {
  expect(project.git('ls-files').split('\n').length).toBeGreaterThan(5000);
  expect(Number(project.git('rev-list', '--count', 'HEAD'))).toBeGreaterThan(15);
  expect(status.tasks).toHaveLength(40);
});

test('outcomes and exit code', () => {
  const outcomes = Object.fromEntries(status.tasks.map(({ id, outcome, reason }) => [id, reason === null ? outcome : `${outcome}: ${reason}`]));
  const wanted: Record<string, string> = Object.fromEntries(Array.from({ length: DIRS }, (_, i) => [idOf(i), 'completed']));
  expect(outcomes).toEqual({
    ...wanted, 'count-first': 'completed', 'count-second': 'completed', 'syntax-error': 'failed: agent-error', 'after-error': 'skipped: dependency',
    'too-long': 'timed-out: timeout', nothing: 'failed: no-changes',
  });
  expect(ended.code, ended.stderr).toBe(1);
  expect(status).toMatchObject({ v: 1, state: 'finished', exitCode: 1, target: 'main', base: project.git('rev-parse', 'HEAD') });
  expect(status.counts).toMatchObject({ queued: 0, running: 0, completed: 36, failed: 2, timedOut: 1, skipped: 1 });
});

test('each branch holds its directory and nothing else', () => {
  const tasks = Array.from({ length: DIRS }, (_, i) => task(idOf(i)));
  const files = changedFiles(project, tasks.map(({ base, head }) => [base ?? '', head ?? '']));
  const heads = project.git('for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads/orch').split('\n');
  for (const [i, { branch, head, commits, filesChanged }] of tasks.entries()) {
    const changed = files[i] ?? [];
    expect(heads).toContain(`${branch} ${head}`);
    expect(changed.length).toBe(filesChanged);
    expect(changed.every((file) => file.startsWith(`work/dir-${i}/`))).toBe(true);
    expect(commits).toBe(1);
  }
});

test('a dependent sees the merged work of its needs', () => {
  const { branch, verified } = task('count-second');
  expect(task('count-first').verified).toBe(true);
  expect(verified).toBe(false);
  for (let i = 0; i < 4; i += 1) expect(project.git('diff', '--stat', `${branch}:work/dir-${i}`, `${task(idOf(i)).branch}:work/dir-${i}`)).toBe('');
  expect(project.git('show', `${branch}:count.txt`).split('\n')).toHaveLength(2);
});

test('what the timed-out task had done is saved', () => {
  expect(project.git('show', `${task('too-long').head}:begun.txt`)).toBe('begun');
});

test('the document has every key of the spec, and nothing is null that is known', () => {
  const { id, name, state, attempts, verified, merge, mergeCommit, startedAt, durationMs, log, needs, costUsd, agent, worktree } = task('count-first');
  expect({ id, name, state, attempts, verified, merge, mergeCommit, costUsd, agent, worktree }).toEqual({
    id: 'count-first', name: 'count-first', state: 'settled', attempts: 1, verified: true, merge: 'unmerged', mergeCommit: null, costUsd: null, agent: null, worktree: null,
  });
  expect(Date.parse(startedAt ?? '')).toBeGreaterThan(0);
  expect(durationMs).toBeGreaterThan(0);
  expect(log).toContain('count-first');
  expect(needs).toEqual([idOf(0), idOf(1), idOf(2)]);
  expect(Object.keys(task('nothing'))).toEqual(expect.arrayContaining(['id', 'name', 'state', 'outcome', 'reason', 'message', 'attempts', 'branch', 'base', 'head', 'worktree', 'commits', 'filesChanged', 'insertions', 'deletions', 'verified', 'merge', 'mergeCommit', 'agent', 'model', 'sessionId', 'costUsd', 'tokens', 'startedAt', 'durationMs', 'log', 'needs']));
});

test('the user’s checkout is what it was: status, HEAD, index bytes, stash, config', () => {
  expect(checkoutState(project)).toEqual(before);
});
