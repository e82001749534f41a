// Conflicts that somebody settles, through the binary: an agent that is given the merge in progress (on-conflict: resolve),
// and git's memory of what a person did (rerere). What comes of it is believed no more than any other work.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { expectTidy } from '../support/invariants.ts';
import { merges, show } from '../support/merged.ts';
import { leavesNothing, makeProject, type Project, type ProjectOptions } from '../support/project.ts';
import { runGit } from '../support/repo.ts';

const made: Project[] = [];
afterEach(() => { for (const project of made.splice(0)) project.dispose(); });
function projectOf(options: ProjectOptions = {}): Project {
  const project = makeProject(options);
  made.push(project);
  return project;
}

/** Waits for the test, does its work, and when a merge is under way does with that as MODE says. */
const resolver = (go: string): string => `
while ! test -e '${go}'; do sleep 0.05; done
clean() { sed -i '/^[<=>]\\{7\\}/d' "$F"; }
if ! git rev-parse -q --verify MERGE_HEAD > /dev/null; then echo "$MODE" >> "$F"; exit; fi
case $MODE in
  edit) clean;;
  commit) clean; git add -A; git -c user.name=A -c user.email=a@example.invalid commit -q --no-edit;;
  lazy) echo more >> "more-$F";;
  abort) git merge --abort; echo again >> "$F";;
  broken) clean; touch bad.txt;;
  stray) clean; echo stray > other.md;;
  fail) clean; exit 3;;
esac`;
const MODES = ['edit', 'commit', 'lazy', 'abort', 'broken', 'stray', 'fail'];

function resolving(modes: readonly string[], merge = 'when: each, on-conflict: resolve'): { project: Project; go: string; manifest: string } {
  const project = projectOf();
  const go = path.join(project.home, 'go');
  project.commit('Files', Object.fromEntries(modes.map((mode) => [`${mode}.txt`, 'base\n'])));
  const script = path.join(project.home, 'resolver.sh');
  writeFileSync(script, resolver(go));
  const tasks = modes.map((mode) => `  ${mode}: { prompt: "Add a line", env: { MODE: ${mode}, F: ${mode}.txt }, paths: ["*${mode}.txt"${mode === 'broken' ? ', bad.txt' : ''}], verify: "test ! -e bad.txt" }`);
  const manifest = `agent: r\nmerge: { ${merge} }\nagents: { r: { command: [/bin/sh, ${JSON.stringify(script)}], prompt: stdin, output: text } }\ntasks:\n  a: { run: "for f in ${modes.map((mode) => `${mode}.txt`).join(' ')}; do echo x >> $f; done" }\n${tasks.join('\n')}\n`;
  return { project, go, manifest: project.manifest(manifest) };
}

test('what is resolved and verified is merged, as a merge of the earlier work; everything else is parked, with the reason', async () => {
  const { project, go, manifest } = resolving(MODES);
  const running = project.start(['run', manifest, '--run-id', 'r', '--reporter', 'json']);
  await running.saw('"type":"task-merged","task":"a"');
  writeFileSync(go, '');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(5);
  expect(await merges(project)).toEqual({ a: 'merged', edit: 'merged', commit: 'merged', lazy: 'conflict', abort: 'conflict', broken: 'conflict', stray: 'conflict', fail: 'conflict' });
  const tasks = new Map((await project.status()).tasks.map((task) => [task.id, task]));
  for (const mode of MODES) {
    const task = tasks.get(mode);
    expect([mode, task?.outcome, task?.attempts]).toEqual([mode, 'completed', 2]);
    // The first work stays on the task's own branch.
    expect(show(project, `orch/r/${mode}:${mode}.txt`)).toBe(`base\n${mode}`);
    const isMerged = mode === 'edit' || mode === 'commit';
    expect(show(project, `main:${mode}.txt`).split('\n').sort()).toEqual(['base', 'x', ...(isMerged ? [mode] : [])].sort());
    if (isMerged) project.git('merge-base', '--is-ancestor', `orch/r/${mode}`, 'main');
    else expect(task?.head).toBe(project.git('rev-parse', `orch/r/${mode}`));
  }
  const why = (mode: string): string => tasks.get(mode)?.mergeMessage ?? '';
  expect(why('lazy')).toMatch(/conflicts with a in lazy\.txt.*left conflict markers in lazy\.txt/);
  expect(why('abort')).toContain('dropped the merge');
  expect(why('broken')).toContain('test ! -e bad.txt');
  expect(why('stray')).toContain('other.md');
  expect(why('fail')).toContain('exit code 3');
  const prompt = readFileSync(path.join(project.path, '.git/orch/runs/r/tasks/edit/attempt-2/prompt.md'), 'utf8');
  expect(prompt).toMatch(/^A merge is under way[\s\S]*conflicts with a in edit\.txt[\s\S]*Add a line/);
  expect(project.git('status', '--porcelain')).toBe('');
});

test.each(['squash', 'rebase'])('%s: the resolved work lands as one change on the target', async (strategy) => {
  const { project, go, manifest } = resolving(['edit'], `when: each, on-conflict: resolve, strategy: ${strategy}`);
  const running = project.start(['run', manifest, '--run-id', 'r', '--reporter', 'json']);
  await running.saw('"type":"task-merged","task":"a"');
  writeFileSync(go, '');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(0);
  expect(show(project, 'main:edit.txt').split('\n').sort()).toEqual(['base', 'edit', 'x']);
  expect(project.git('rev-list', '--merges', '--count', 'main')).toBe('0');
  expectTidy(project, 'r');
});

test.each(['attempt-begun:3', 'work-saved:3'])('kill -9 at %s, while it is resolved: the same result', async (point) => {
  const { project, go, manifest } = resolving(['edit'], 'when: end, on-conflict: resolve');
  writeFileSync(go, '');
  const crashed = await project.run(['run', manifest, '--run-id', 'r'], { env: { ORCH_CRASH_AT: point } });
  expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
  const ended = await project.run(['resume', 'r']);
  expect(ended.code, ended.stderr).toBe(0);
  expect(await merges(project)).toEqual({ a: 'merged', edit: 'merged' });
  expect(show(project, 'main:edit.txt').split('\n').sort()).toEqual(['base', 'edit', 'x']);
  expectTidy(project, 'r');
});

test('a shell command cannot resolve: its conflict is parked; a sandbox and resolve exclude each other', async () => {
  const project = projectOf();
  const ended = await project.run(['run', project.manifest('merge: { when: end, on-conflict: resolve }\ntasks:\n  x: { run: "echo x >> README.md" }\n  y: { run: "echo y >> README.md" }\n')]);
  expect(ended.code, ended.stderr).toBe(5);
  expect(await merges(project)).toEqual({ x: 'merged', y: 'conflict' });
  const boxed = projectOf({ config: { isolation: 'auto' } });
  const refused = await leavesNothing(boxed, () => boxed.run(['run', boxed.manifest('merge: { on-conflict: resolve }\ntasks: [Fix it]\n')]));
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('isolation: process') as unknown]);
});

test('a conflict that a person settles with git merge is merged then; its conflicted tree stays as long as the run does', async () => {
  const project = projectOf();
  const ended = await project.run(['run', project.manifest('merge: { when: end }\ntasks:\n  x: { run: "echo x > README.md" }\n  y: { run: "echo y > README.md" }\n'), '--run-id', 'r']);
  expect(ended.code, ended.stderr).toBe(5);
  expect(ended.stderr).toContain('Settle y with git merge orch/r/y; orch merge r does the rest');
  expect(() => project.git('merge', '-q', '--no-edit', 'orch/r/y')).toThrow();
  project.write({ 'README.md': 'x and y\n' });
  project.git('commit', '-q', '-a', '-m', 'Both');
  expect((await project.run(['clean', 'r', '--yes'])).code).toBe(0);
  expect(project.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');

  const again = await project.run(['run', project.manifest('merge: { when: end }\ntasks:\n  x: { run: "echo v > README.md" }\n  y: { run: "echo w > README.md" }\n'), '--run-id', 's']);
  expect(again.code, again.stderr).toBe(5);
  await project.run(['clean', 's', '--yes']);
  expect(project.git('for-each-ref', '--format=%(refname)').split('\n')).toEqual(['refs/heads/main', 'refs/heads/orch/s/y', 'refs/orch/conflict/s/y']);
  expect(await merges(project, 's')).toEqual({ x: 'merged', y: 'conflict' });
});

test.each(['merge', 'rebase'])('%s: a conflict that git remembers to have been settled by a person (rerere) is settled as it was, and verified', async (strategy) => {
  const project = projectOf();
  const conflicting = 'tasks:\n  x: { run: "echo x > README.md; echo x > x.txt" }\n  y: { run: "echo y > README.md; echo y > y.txt" }\n  z: { run: "echo z > README.md; seq 9 > z.txt" }\n';
  const ran = await project.run(['run', project.manifest(conflicting), '--run-id', 'r', '--no-merge']);
  expect(ran.code, ran.stderr).toBe(0);
  const start = project.git('rev-parse', 'main');
  // As a person would have, elsewhere: both sides are wanted.
  const byHand = path.join(path.dirname(project.path), 'by-hand');
  project.git('worktree', 'add', '-q', '--detach', byHand, 'main');
  const inHand = (...args: string[]): string => runGit(byHand, ['-c', 'user.name=P', '-c', 'user.email=p@example.invalid', ...args]);
  project.git('config', 'rerere.enabled', 'true');
  inHand('merge', '-q', '--no-ff', '--no-edit', 'orch/r/x');
  expect(() => inHand('merge', '-q', '--no-ff', '--no-edit', 'orch/r/y')).toThrow();
  writeFileSync(path.join(byHand, 'README.md'), 'x and y\n');
  inHand('add', 'README.md');
  inHand('commit', '-q', '--no-edit');
  const remembered = readdirSync(path.join(project.path, '.git', 'rr-cache')).length;

  // What nothing verifies is not taken from a memory.
  const unverified = await project.run(['merge', 'r', '--into', 'side', '--strategy', strategy]);
  expect(unverified.code).toBe(2);
  project.git('branch', 'side', start);
  expect((await project.run(['merge', 'r', '--into', 'side', '--strategy', strategy])).code).toBe(5);
  expect(await merges(project)).toEqual({ x: 'merged', y: 'conflict', z: 'conflict' });

  const rejected = await project.run(['merge', 'r', '--strategy', strategy, '--verify', 'test ! -e y.txt || ! grep -q y README.md']);
  expect([rejected.code, await merges(project)]).toEqual([5, { x: 'merged', y: 'rejected', z: 'conflict' }]);
  const ended = await project.run(['merge', 'r', '--strategy', strategy, '--verify', 'true']);
  expect(ended.code, ended.stderr).toBe(5);
  expect(await merges(project)).toEqual({ x: 'merged', y: 'merged', z: 'conflict' });
  expect(ended.stderr).toContain('from git’s memory of conflicts (rerere): README.md');
  expect([show(project, 'main:README.md'), show(project, 'main:y.txt')]).toEqual(['x and y', 'y']);
  expect(readdirSync(path.join(project.path, '.git', 'rr-cache'))).toHaveLength(remembered);
  project.git('worktree', 'remove', '--force', byHand);
  expectTidy(project, 'r');
});
