// The commands that people use around a run, and what happens to things that people made.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLI } from '../support/orch.ts';
import { checkoutState } from '../support/repo.ts';
import { leavesNothing, makeProject, type Project } from '../support/project.ts';

let project: Project;
beforeAll(() => { project = makeProject(); });
afterAll(() => { project.dispose(); });

describe('init', () => {
  test('writes a manifest and a configuration that plan accepts, with the schema for editors', async () => {
    const fresh = makeProject();
    fresh.commit('Unconfigure', { '.orchestrator.yml': null });
    expect((await fresh.run(['init'])).code).toBe(0);
    const manifest = readFileSync(path.join(fresh.path, 'tasks.yml'), 'utf8');
    const schema = /\$schema=(\S+)/.exec(manifest)?.[1] ?? '';
    expect(JSON.parse(readFileSync(path.join(fresh.path, schema), 'utf8'))).toMatchObject({ type: 'object' });
    const planned = await fresh.run(['plan']);
    expect(planned.code, planned.stderr).toBe(0);
    expect(planned.stdout).toContain('changelog');
    const again = await fresh.run(['init']);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('nothing was written');
    fresh.dispose();
  });

  test('an unknown template, with what was meant', async () => {
    const ended = await leavesNothing(project, () => project.run(['init', '--template', 'basc']));
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('basic');
  });
});

describe('plan, --dry-run, schema, doctor, completion, runs', () => {
  test('plan and --dry-run create nothing, and --json is the frozen plan', async () => {
    const file = project.manifest('tasks: { a: edit a.txt a, b: { needs: a, run: "true" } }\n');
    for (const args of [['plan', file], ['run', file, '--dry-run']]) {
      const ended = await leavesNothing(project, () => project.run(args));
      expect(ended.code).toBe(0);
      expect(ended.stdout).toMatch(/a[\s\S]*b/);
    }
    const ended = await leavesNothing(project, () => project.run(['plan', file, '--json']));
    expect(JSON.parse(ended.stdout)).toMatchObject({ format: 1, base: { sha: project.git('rev-parse', 'HEAD') }, tasks: [{ id: 'a' }, { id: 'b', needs: ['a'] }] });
    expect((await project.run(['plan', file, '--prompts'])).stdout).toContain('edit a.txt a');
  });

  test('schema is a JSON Schema that knows the manifest', async () => {
    const schema = JSON.parse((await project.run(['schema'])).stdout) as { properties: Record<string, unknown> };
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['tasks', 'max-parallel', 'defaults']));
    expect(JSON.parse((await project.run(['schema', '--config'])).stdout)).toHaveProperty('properties.worktrees');
  });

  test('doctor names git, the repository, the disk and the agents', async () => {
    const ended = await leavesNothing(project, () => project.run(['doctor', '--json']));
    const { checks } = JSON.parse(ended.stdout) as { checks: { name: string; result: string }[] };
    expect(ended.code, ended.stdout).toBe(0);
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'git', 'repository', 'disk', 'agent mine', 'agent claude']));
    expect(checks.find(({ name }) => name === 'agent claude')?.result).toBe('missing');
  });

  test('completion prints a script, and completing never runs a command', async () => {
    expect((await project.run(['completion'], { env: { SHELL: '/bin/bash' } })).stdout).toContain('--get-yargs-completions');
    const words = await leavesNothing(project, () => project.run(['--get-yargs-completions', 'orch', 'run', 'edit a.txt a', '--ma']));
    expect(words.stdout).toContain('--max-parallel');
    expect((await leavesNothing(project, () => project.run(['--get-yargs-completions', 'orch', '']))).stdout).toContain('status');
  });

  test('asking for what is not there says so', async () => {
    const fresh = makeProject();
    expect((await fresh.run(['runs'])).stdout).toContain('no runs yet');
    for (const args of [['status'], ['logs', 'a'], ['diff', 'a'], ['resume']]) {
      const ended = await leavesNothing(fresh, () => fresh.run(args));
      expect(ended.code, args.join(' ')).toBe(2);
      expect(ended.stderr).toMatch(/run/);
    }
    expect((await fresh.run(['clean'])).stderr).toContain('nothing to clean');
    fresh.dispose();
  });
});

describe('what a person made stays', () => {
  test('a branch of that name, and a folder at that place', async () => {
    const other = makeProject();
    other.git('checkout', '-q', '-b', 'orch/mine/a');
    other.commit('Mine', { 'mine.txt': 'mine' });
    other.git('checkout', '-q', 'main');
    const folder = path.join(other.home, 'my räpo ✓.orch', 'mine', 'b');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'precious.txt'), 'mine');
    const tip = other.git('rev-parse', 'orch/mine/a');
    const before = checkoutState(other);
    const ended = await other.run(['run', other.manifest('tasks: { a: edit x.txt x, b: edit x.txt x, c: edit x.txt x }\n'), '--run-id', 'mine']);
    expect(ended.code, ended.stderr).toBe(1);
    const status = await other.status();
    expect(status.tasks.map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual(['failed workspace', 'failed workspace', 'completed null']);
    expect(status.tasks[1]?.message).toContain(folder);
    expect(other.git('rev-parse', 'orch/mine/a')).toBe(tip);
    expect(readFileSync(path.join(folder, 'precious.txt'), 'utf8')).toBe('mine');
    expect(checkoutState(other)).toEqual(before);
    expect((await other.run(['clean', '--yes', '--force'])).code).toBe(0);
    expect(existsSync(path.join(folder, 'precious.txt'))).toBe(true);
    other.dispose();
  });

  test('edits in a kept worktree are not cleaned away without --force, and with it they are on a ref', async () => {
    const other = makeProject();
    await other.run(['run', other.manifest('tasks: { a: "edit x.txt x\\nfail 1" }\n')]);
    const { worktree } = await other.task('a');
    writeFileSync(path.join(worktree ?? '', 'by-hand.txt'), 'by hand');
    const shown = await other.run(['clean', '--yes']);
    expect(shown.stdout).toContain('not saved');
    expect(readFileSync(path.join(worktree ?? '', 'by-hand.txt'), 'utf8')).toBe('by hand');
    expect((await other.run(['clean', '--yes', '--force'])).code).toBe(0);
    expect(existsSync(worktree ?? '')).toBe(false);
    const refs = other.git('for-each-ref', '--format=%(refname)', 'refs/orch/rescue').split('\n');
    expect(refs.some((ref) => other.git('ls-tree', '-r', '--name-only', ref).includes('by-hand.txt'))).toBe(true);
    other.dispose();
  });
});

test('what is carried into a worktree is no work, whatever an agent does with it', async () => {
  const other = makeProject({ config: { worktrees: { copy: ['.env*'], link: ['node_modules'] } } });
  other.write({ '.env': 'SECRET=1\n', 'node_modules/dep/index.js': 'x\n' });
  const ended = await other.run(['run', other.manifest('tasks:\n  adds: "git add -A -f\\nedit a.txt a\\ncommit Everything"\n  plain: "edit b.txt b\\ncommit Mine"\n  sees: { run: "test -f .env && test -f node_modules/dep/index.js && test -z \\"$(git status --porcelain)\\"" }\n')]);
  expect(ended.code, ended.stderr).toBe(0);
  for (const id of ['adds', 'plain']) {
    const { branch, base, filesChanged } = await other.task(id);
    expect(other.git('diff', '--name-only', base ?? '', branch)).toBe(id === 'adds' ? 'a.txt' : 'b.txt');
    expect(filesChanged).toBe(1);
  }
  expect((await other.task('plain')).commits).toBe(1);
  other.dispose();
});

test('reports of a run, afterwards and while it goes on', async () => {
  const junit = path.join(project.home, 'junit.xml');
  const events = path.join(project.home, 'events.ndjson');
  const summary = path.join(project.home, 'summary.md');
  const args = ['run', project.manifest('tasks: { good: edit r.txt r, bad: fail 3 }\n'), '--reporter', 'github', '--reporter', `junit=${junit}`, '--reporter', `json=${events}`];
  const ended = await project.run(args, { env: { GITHUB_STEP_SUMMARY: summary, GITHUB_WORKSPACE: project.path } });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(/^::error .*bad/m);
  expect(readFileSync(summary, 'utf8')).toContain('`good`');
  expect(readFileSync(junit, 'utf8')).toMatch(/tests="2" failures="1"/);
  expect(readFileSync(events, 'utf8').trim().split('\n').at(-1)).toContain('run-finished');
  expect((await project.run(['report', '--format', 'md'])).stdout).toContain('`good`');
  expect((await project.run(['report', '--format', 'junit'])).stdout).toContain('<testcase name="bad"');
  expect(JSON.parse((await project.run(['report', '--format', 'json'])).stdout)).toMatchObject({ v: 1, exitCode: 1 });
  const page = path.join(project.home, 'report.html');
  expect((await project.run(['report', '-o', page])).stderr).toContain('wrote');
  expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*good/i);
  expect((await project.run(['report', '--format', 'pdf'])).code).toBe(2);
});

test('a reader that has seen enough is no error', () => {
  const prompts = Array.from({ length: 30 }, (_, i) => `"edit z${i}.txt z"`).join(' ');
  const out = execFileSync('/bin/bash', ['-c', `set -o pipefail; "${process.execPath}" "${CLI}" run ${prompts} --json | head -1`], { cwd: project.path, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  expect(out).toContain('run-started');
});
