// Agents that do everything but what they should, through the built binary: each task gets the outcome that git and the
// process table prove, its work is on a ref, and no process is left.
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentsOf, makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import type { StatusDocument, TaskDocument } from '../../src/reporters/status.ts';

const script = (...lines: string[]): string => JSON.stringify(lines.join('\n'));

describe('one run of many bad agents', () => {
  let project: Project;
  let status: StatusDocument;
  let before: Record<string, string>;
  let stderr = '';
  let code: number | null = null;
  const task = (id: string): TaskDocument => {
    const found = status.tasks.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no task ${id}`);
    return found;
  };
  beforeAll(async () => {
    project = makeProject();
    project.git('commit', '-q', '--allow-empty', '-m', 'base');
    before = checkoutState(project);
    const p = (name: string): string => project.at(name);
    const manifest = project.manifest(`
max-parallel: 6
defaults: { timeout: 30s }
tasks:
  edits: { prompt: ${script('edit a.txt hello', 'edit dir/new.txt new')} }
  commits: { prompt: ${script('edit a.txt one', 'commit Mine', 'edit b.txt two')} }
  nothing: { prompt: ${script('say all done, trust me')} }
  claims: { prompt: ${script('say usage limit reached', 'edit a.txt x')} }
  fails: { prompt: ${script('edit partial.txt half', 'fail 3')} }
  forever: { timeout: 2s, prompt: ${script('edit partial.txt half', 'hang')} }
  silent: { idle-timeout: 1s, prompt: ${script('say begun', 'hang')} }
  deaf: { timeout: 2s, prompt: ${script('deaf', `touch ${p('deaf')}`, 'edit partial.txt half', 'hang')} }
  daemons: { prompt: ${script('edit a.txt x', `daemon ${p('daemon')}`, `deaf-daemon ${p('deaf-daemon')}`, `bare-daemon ${p('bare-daemon')}`, `child ${p('child')}`)} }
  switches: { prompt: ${script('git checkout -q -b elsewhere-${{ task.id }}', 'edit a.txt x', 'commit Elsewhere')} }
  deletes: { prompt: ${script('delete-worktree')} }
  merging: { prompt: ${script('merge-in-progress README.md')} }
  escapes: { prompt: ${script('escape', 'edit a.txt x')} }
  loud: { prompt: ${script('print 60 200', 'edit a.txt x')} }
  stray: { paths: ["src/**"], prompt: ${script('edit src/in.txt x', 'edit out.txt x')} }
  quiet: { expect: none, prompt: ${script('edit a.txt x')} }
  reads: { expect: none, prompt: ${script('say nothing to do')} }
  ignored: { prompt: ${script('edit build/out.txt x', 'edit kept.txt y')} }
  broken: { verify: "test -f missing.txt", prompt: ${script('edit a.txt x')} }
  after: { needs: fails, run: "true" }
`);
    const ended = await project.run(['run', manifest]);
    ({ stderr, code } = ended);
    status = await project.status();
  });
  afterAll(() => { project.dispose(); });

  test.each<[string, string, string | null]>([
    ['edits', 'completed', null], ['commits', 'completed', null], ['nothing', 'failed', 'no-changes'], ['claims', 'completed', null],
    ['fails', 'failed', 'agent-error'], ['forever', 'timed-out', 'timeout'], ['silent', 'timed-out', 'idle'], ['deaf', 'timed-out', 'timeout'],
    ['daemons', 'completed', null], ['switches', 'failed', 'left-branch'], ['deletes', 'failed', 'worktree-lost'], ['merging', 'failed', 'unmerged-paths'],
    ['escapes', 'completed', null], ['loud', 'completed', null], ['stray', 'failed', 'out-of-scope'], ['quiet', 'failed', 'unexpected-changes'],
    ['reads', 'completed', null], ['ignored', 'completed', null], ['broken', 'failed', 'verify-failed'], ['after', 'skipped', 'dependency'],
  ])('%s → %s (%s)', (id, outcome, reason) => {
    expect({ outcome: task(id).outcome, reason: task(id).reason }, task(id).message ?? '').toEqual({ outcome, reason });
  });

  test('the exit code says that not all is well, and the document adds up', () => {
    expect(code).toBe(1);
    expect(status).toMatchObject({ v: 1, state: 'finished', exitCode: 1 });
    const { counts } = status;
    expect(counts.completed + counts.failed + counts.timedOut + counts.skipped).toBe(status.tasks.length);
  });

  test('what was left uncommitted and untracked is on the branch, ignored files are not', () => {
    const { branch, commits, filesChanged } = task('edits');
    expect(project.git('show', `${branch}:dir/new.txt`)).toBe('new');
    expect({ commits, filesChanged }).toEqual({ commits: 1, filesChanged: 2 });
    expect(project.git('ls-tree', '-r', '--name-only', task('ignored').branch)).not.toContain('build/out.txt');
    expect(project.git('show', `${task('ignored').branch}:kept.txt`)).toBe('y');
  });

  test('an agent’s own commits stay, and the rest is committed on top', () => {
    const { branch, base } = task('commits');
    expect(project.git('log', '--format=%s', `${base}..${branch}`).split('\n')).toEqual(['commits', 'Mine']);
  });

  test.each(['fails', 'forever', 'deaf'])('the half-done work of %s is safe on a ref', (id) => {
    const { head } = task(id);
    expect(project.git('show', `${head}:partial.txt`)).toBe('half');
    expect(project.git('for-each-ref', '--contains', head ?? '', '--format=%(refname)')).not.toBe('');
  });

  test('what was done on another branch is on a rescue ref', () => {
    expect(project.git('log', '--format=%s', '-1', 'refs/orch/rescue/' + status.run + '/switches')).toBe('Elsewhere');
  });

  test('no process of any agent is left', () => {
    for (const name of ['daemon', 'deaf-daemon', 'bare-daemon', 'child', 'deaf']) expect(existsSync(project.at(name)), name).toBe(true);
    expect(agentsOf(project)).toEqual([]);
  });

  test('escape codes reach the terminal nowhere, and the log holds a bounded part of what was printed', () => {
    expect(stderr).not.toContain('\u001B');
    const log = task('loud').log ?? '';
    const size = readFileSync(log).length;
    expect(size).toBeGreaterThan(20 * 1024 * 1024);
    expect(size).toBeLessThan(26 * 1024 * 1024);
  });

  test('the summary says why, where the log is and what to type', () => {
    for (const id of ['fails', 'forever', 'broken']) {
      expect(stderr).toContain(`orch logs ${id}`);
      expect(existsSync(task(id).log ?? '')).toBe(true);
    }
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/20 tasks/);
  });

  test('worktrees of completed tasks are gone, those of the others are kept', () => {
    const worktrees = project.git('worktree', 'list', '--porcelain');
    expect(worktrees).not.toContain('/edits\n');
    expect(worktrees).toContain(`${status.run}/fails`);
    expect(task('edits').worktree).toBeNull();
    expect(existsSync(task('fails').worktree ?? '')).toBe(true);
  });

  test('the user’s checkout is what it was, to the byte', () => {
    const after = checkoutState(project);
    // Branches that agents made of their own accord are not ours to remove.
    after['refs'] = (after['refs'] ?? '').split('\n').filter((line) => !/elsewhere-|conflict-side/.test(line)).join('\n');
    expect(after).toEqual(before);
  });

  test('logs, diff, runs and clean work on it', async () => {
    expect((await project.run(['logs', 'claims'])).stdout).toContain('usage limit reached');
    expect((await project.run(['logs', 'escapes'])).stdout).not.toContain('\u001B');
    expect((await project.run(['diff', 'edits'])).stdout).toContain('+++ b/dir/new.txt');
    expect((await project.run(['diff', 'edits', '--stat'])).stdout).toContain('2 files changed');
    expect((await project.run(['runs'])).stdout).toContain(status.run);
    expect((await project.run(['status', status.run, 'fails'])).stdout).toContain('agent-error');
    const unknown = await project.run(['logs', 'edit']);
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.stderr).toContain('edits');
    const shown = await project.run(['clean', '--dry-run']);
    expect(shown.stdout).toContain('remove  worktree');
    const cleaned = await project.run(['clean', '--yes']);
    expect(cleaned.code).toBe(0);
    // What is not merged stays without --force.
    expect(project.git('rev-parse', task('edits').branch)).toBe(task('edits').head);
    const forced = await project.run(['clean', '--yes', '--force']);
    expect(forced.code, forced.stderr).toBe(0);
    expect(forced.stderr).not.toContain('kept');
    expect(project.git('for-each-ref', 'refs/heads/orch')).toBe('');
    expect(project.git('for-each-ref', '--contains', task('edits').head ?? '', '--format=%(refname)')).toContain('refs/orch/rescue/');
    expect((await project.run(['runs'])).stdout).not.toContain(status.run);
  });
});
