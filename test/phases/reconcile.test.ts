// Between two orchs: worktrees that somebody removed, changed or locked, ends that were half written down, and a run that is
// resumed while verification was under way. Through the built binary, with real git.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectReachable, expectTidy, rootOf, workIn } from '../support/invariants.ts';
import { makeProject, type Project } from '../support/project.ts';

const RUN = 'between';
let project: Project;
beforeEach(() => { project = makeProject({ name: 'repo' }); });
afterEach(() => { project.dispose(); });
const worktree = (task: string): string => path.join(rootOf(project), RUN, task);
const recordsOf = (task: string): string => path.join(project.path, '.git', 'orch', 'runs', RUN, 'tasks', task);
const MANIFEST = `
tasks:
  a: { setup: "mkdir -p build; echo made > build/made.txt", verify: "test -f build/made.txt && test -f a.txt", run: "date +%N > a.txt; git add -A; git -c user.name=A -c user.email=a@b commit -qm mine; echo b > b.txt" }
  b: { needs: a, run: "cat a.txt b.txt > c.txt" }
`;
async function crashAt(point: string, manifest = MANIFEST): Promise<void> {
  const ended = await project.run(['run', project.manifest(manifest), '--run-id', RUN], { env: { ORCH_CRASH_AT: point } });
  expect(ended.signal, ended.stderr).toBe('SIGKILL');
}
async function resumes(code = 0): Promise<string> {
  const ended = await project.run(['resume', RUN]);
  expect(ended.code, ended.stderr).toBe(code);
  expect(ended.stderr).not.toContain('bug in orch');
  expectTidy(project, RUN);
  return ended.stderr;
}
const attempts = (task: string): number => readdirSync(recordsOf(task)).length;

test.each(['result-saved', 'verify-begun', 'verify-ended'])('a worktree removed by hand after a crash at %s is made again from its branch: set up, verified, the agent not run again', async (point) => {
  await crashAt(point);
  rmSync(worktree('a'), { recursive: true });
  const said = await resumes();
  expect(said).toContain('made again');
  expect(attempts('a')).toBe(1);
  expect(await project.task('a')).toMatchObject({ outcome: 'completed', verified: true, commits: 2 });
});

test('removed together with its entry, and the branch by `git branch -D`: made again all the same', async () => {
  await crashAt('verify-begun');
  rmSync(worktree('a'), { recursive: true });
  for (const name of readdirSync(path.join(project.path, '.git', 'worktrees'))) rmSync(path.join(project.path, '.git', 'worktrees', name), { recursive: true });
  project.git('branch', '-D', `orch/${RUN}/a`);
  await resumes();
  expect(attempts('a')).toBe(1);
  expect(await project.task('a')).toMatchObject({ outcome: 'completed', verified: true, commits: 2 });
});

test('a prepared worktree that is gone before the agent began is made again', async () => {
  await crashAt('attempt-begun');
  rmSync(rootOf(project), { recursive: true });
  await resumes();
  expect(await project.task('a')).toMatchObject({ outcome: 'completed', verified: true });
});

test('what a person, or half a verification, left in the worktree is saved on a rescue ref and not delivered', async () => {
  await crashAt('verify-begun');
  writeFileSync(path.join(worktree('a'), 'a.txt'), 'edited by hand\n');
  writeFileSync(path.join(worktree('a'), 'junk.txt'), 'junk\n');
  const work = workIn(project, RUN);
  await resumes();
  const { head, outcome } = await project.task('a');
  expect(outcome).toBe('completed');
  expect(project.git('ls-tree', '-r', '--name-only', head ?? '')).not.toContain('junk.txt');
  expect(project.git('show', `${head}:a.txt`)).not.toContain('by hand');
  expect(project.git('show', `refs/orch/rescue/${RUN}/a:junk.txt`)).toBe('junk');
  expectReachable(project, work);
  expect(attempts('a')).toBe(1);
});

test.each([['ended.json', 'end-saved'], ['result.json', 'result-saved']])('half of %s is not believed: the agent is run again, and its first work is saved', async (file, point) => {
  await crashAt(point);
  const [first] = readdirSync(recordsOf('a')).map((name) => path.join(recordsOf('a'), name));
  for (const name of ['ended.json', 'result.json']) {
    const at = path.join(first ?? '', name);
    if (existsSync(at)) writeFileSync(at, name === file ? readFileSync(at, 'utf8').slice(0, 100) : '');
  }
  const work = workIn(project, RUN);
  await resumes();
  expect(attempts('a')).toBe(2);
  expectReachable(project, work);
});

test('a result whose commit git does not have is not believed', async () => {
  await crashAt('result-saved');
  const file = path.join(recordsOf('a'), 'attempt-1', 'result.json');
  const result = JSON.parse(readFileSync(file, 'utf8')) as { detail: { delivery: { head: string } } };
  result.detail.delivery.head = '1'.repeat(40);
  writeFileSync(file, JSON.stringify(result));
  await resumes();
  // How it ended is known all the same.
  expect(attempts('a')).toBe(1);
  expect((await project.task('a')).head).not.toBe('1'.repeat(40));
});

test('an end that another attempt’s agent put there is not read', async () => {
  const planted = JSON.stringify({ v: 1, start: '', exit: { kind: 'code', code: 0 }, durationMs: 1, leftovers: 0, tier: 1, verdict: { ok: true, report: {}, denials: [] }, tampered: [], notes: [] });
  await crashAt('attempt-begun:2', `tasks:\n  a: { retries: 1, run: ${JSON.stringify(`d=$(dirname $ORCH_PROMPT_FILE)/../attempt-2; mkdir -p $d; printf '%s' '${planted.replace('"start":""', '"start":"\'$ORCH_BASE\'"')}' > $d/ended.json; echo x > x.txt; exit 1`)} }\n`);
  expect(existsSync(path.join(recordsOf('a'), 'attempt-2', 'ended.json'))).toBe(false);
  await resumes(1);
  expect(await project.task('a')).toMatchObject({ outcome: 'failed' });
});

test('locks that a killed git left on what is the task’s own are removed; its work is collected', async () => {
  const manifest = project.manifest(`tasks:\n  a: { run: "echo a > a.txt; touch $(git rev-parse --git-dir)/index.lock $(git rev-parse --git-dir)/HEAD.lock $(git rev-parse --git-common-dir)/refs/heads/$ORCH_BRANCH.lock" }\n`);
  const ended = await project.run(['run', manifest, '--run-id', RUN]);
  expect(ended.code, ended.stderr).toBe(0);
  expectTidy(project, RUN);
});

test('a branch whose commit the agent has destroyed goes, its files are saved, and the others go on', async () => {
  const destroy = 'git commit -qm gone --allow-empty; h=$(git rev-parse HEAD); o=$(git rev-parse --git-common-dir)/objects; rm -f $o/$(echo $h | cut -c1-2)/$(echo $h | cut -c3-); echo a > a.txt';
  const manifest = project.manifest(`tasks:\n  a: { run: ${JSON.stringify(destroy)} }\n  b: { run: "echo b > b.txt" }\n`);
  const ended = await project.run(['run', manifest, '--run-id', RUN]);
  expect(ended.code, ended.stderr).toBe(0);
  expect(project.git('log', '--all', '--oneline')).not.toBe('');
  expect(project.git('show', `${(await project.task('a')).head}:a.txt`)).toBe('a');
  expectTidy(project, RUN);
});
