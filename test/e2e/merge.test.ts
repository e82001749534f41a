// Merging through the binary: what lands, what does not and why, whose files are left alone, and kill -9 on the way.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MERGE_CRASH_POINTS } from '../../src/lib/crash-point.ts';
import { expectTidy, processesOf } from '../support/invariants.ts';
import { merges, show } from '../support/merged.ts';
import { leavesNothing, makeProject, type Project, type ProjectOptions } from '../support/project.ts';
import { orch } from '../support/orch.ts';
import { checkoutState, runGit } from '../support/repo.ts';
import { appears } from '../support/wait.ts';

const made: Project[] = [];
afterEach(() => { for (const project of made.splice(0)) project.dispose(); });
function projectOf(options: ProjectOptions = {}): Project {
  const project = makeProject(options);
  made.push(project);
  return project;
}

const TWO = 'tasks:\n  a: { run: "echo a > a.txt" }\n  b: { needs: a, run: "echo b > b.txt" }\n';
/** Disjoint ones, two that overlap, one that is bad by itself, and one that needs it. */
const MANY = (merge: string): string => `
merge: { ${merge} }
tasks:
  a: { run: "echo a > a.txt" }
  b: { run: "echo b > b.txt" }
  x: { run: "echo x > README.md" }
  y: { run: "echo y > README.md" }
  bad: { run: "echo bad > bad.txt" }
  child: { needs: bad, run: "echo child > child.txt" }
`;
const VERIFY = 'verify: "test ! -e bad.txt"';

/** Runs a manifest, unmerged. */
async function delivered(project: Project, manifest = TWO): Promise<void> {
  const ended = await project.run(['run', project.manifest(manifest), '--run-id', 'r', '--no-merge']);
  expect(ended.code, ended.stderr).toBe(0);
}

describe('what lands', () => {
  test('disjoint work is merged at the end, a conflict is parked and named, what breaks the merged tree is rejected', async () => {
    const project = projectOf();
    const ended = await project.run(['run', project.manifest(MANY(`when: end, ${VERIFY}`)), '--run-id', 'r']);
    expect(ended.code, ended.stderr).toBe(5);
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged', x: 'merged', y: 'conflict', bad: 'rejected', child: 'unmerged' });
    expect(ended.stderr).toContain('conflicts with x in README.md');
    expect(ended.stderr).toContain('test ! -e bad.txt`: exit 1');
    expect(ended.stderr).toContain('needs bad, which was not merged');
    expect(ended.stderr).toContain('3 merged, 3 not merged');
    expect([show(project, 'main:a.txt'), show(project, 'main:README.md')]).toEqual(['a', 'x']);
    expect(show(project, 'refs/orch/conflict/r/y:README.md')).toContain('<<<<<<<');
    const status = await project.status();
    expect([status.exitCode, status.target]).toEqual([5, 'main']);
    const a = await project.task('a');
    project.git('merge-base', '--is-ancestor', a.mergeCommit ?? '', 'main');
    expect((await project.task('y')).mergeMessage).toContain('README.md');
    expect(readFileSync(path.join(project.path, 'README.md'), 'utf8')).toBe('x\n');
    expect(project.git('status', '--porcelain')).toBe('');
    expectTidy(project, 'r');
  });

  test('the merge of a run that has failed tasks takes what completed; 1 wins over 5', async () => {
    const project = projectOf();
    const ended = await project.run(['run', project.manifest('tasks:\n  a: { run: "echo a > a.txt" }\n  b: { run: "echo b > b.txt" }\n  c: { run: "false" }\n  x: { run: "echo x > a.txt" }\n'), '--merge']);
    expect(ended.code, ended.stderr).toBe(1);
    expect(await merges(project)).toMatchObject({ b: 'merged', c: 'unmerged' });
    expect(show(project, 'main:b.txt')).toBe('b');
  });

  test('each strategy, with what a commit says; --into another branch leaves the checkout alone', async () => {
    for (const strategy of ['squash', 'rebase', 'merge']) {
      const project = projectOf();
      project.git('branch', 'release');
      await delivered(project);
      const checkout = checkoutState(project);
      const ended = await project.run(['merge', 'r', '--into', 'release', '--strategy', strategy]);
      expect(ended.code, ended.stderr).toBe(0);
      expect(show(project, 'release:b.txt')).toBe('b');
      expect(project.git('rev-list', '--merges', '--count', 'main..release')).toBe(strategy === 'merge' ? '2' : '0');
      if (strategy !== 'rebase') expect(project.git('log', '-1', '--format=%B', 'release')).toContain('Orch-Task: b');
      const { refs, ...rest } = checkoutState(project);
      const { refs: before, ...others } = checkout;
      expect(rest).toEqual(others);
      expect(refs?.replace(/refs\/heads\/release .*/, '')).toBe(before?.replace(/refs\/heads\/release .*/, ''));
    }
  });

  test('a squash says who asked for what: the author is the user, the agent is named when that is wanted', async () => {
    const project = projectOf();
    const file = project.manifest('merge: { strategy: squash, co-author: true }\ntasks:\n  a: { name: "Write a file", prompt: "edit a.txt a" }\n  b: { run: "echo b > b.txt" }\n');
    expect((await project.run(['run', file, '--run-id', 'r'])).code).toBe(0);
    expect((await project.run(['merge'])).code).toBe(0);
    const message = (task: string): string => project.git('log', '-1', '--format=%an <%ae>%n%B', '--grep', `Orch-Task: ${task}`, 'main');
    expect(message('a')).toBe('Ada Tester <ada@example.invalid>\nWrite a file\n\nedit a.txt a\n\nOrch-Run: r\nOrch-Task: a\nOrch-Attempt: 1\nCo-authored-by: mine <mine@localhost>\n');
    expect(message('b')).toBe('Ada Tester <ada@example.invalid>\nb\n\nOrch-Run: r\nOrch-Task: b\nOrch-Attempt: 1\n');
  });

  test('orch merge: a dry run changes nothing, one task brings what it contains, then there is nothing left', async () => {
    const project = projectOf();
    await delivered(project, `${TWO}  x: { run: "echo x > a.txt" }\n`);
    const dry = await leavesNothing(project, () => project.run(['merge', '--dry-run']));
    expect(dry.code, dry.stderr).toBe(0);
    expect(dry.stdout).toMatch(/1\. [ax][\s\S]*conflict: x and a in a\.txt/);
    const one = await project.run(['merge', 'b']);
    expect(one.code, one.stderr).toBe(0);
    expect(one.stderr).toContain('contains their work: a');
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged', x: 'unmerged' });
    const rest = await project.run(['merge', 'r']);
    expect(rest.code, rest.stderr).toBe(5);
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged', x: 'conflict' });
    const again = await project.run(['merge', 'r', 'a']);
    expect([again.code, again.stderr]).toEqual([0, 'nothing to merge: main has all of it\n']);
  });

  test('--verify decides, and none takes it back; what a person merged by hand is known', async () => {
    const project = projectOf();
    await delivered(project);
    expect((await project.run(['merge', '--verify', 'test ! -e a.txt'])).code).toBe(5);
    expect(await merges(project)).toEqual({ a: 'rejected', b: 'unmerged' });
    project.git('merge', '-q', '--no-ff', 'orch/r/a', '-m', 'By hand');
    const ended = await project.run(['merge', '--verify', 'none']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged' });
  });

  test('a target that is red by itself is told apart: nobody is blamed', async () => {
    const project = projectOf();
    const ended = await project.run(['run', project.manifest(`merge: { when: end, verify: "false" }\n${TWO}`)]);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain('main fails the verification by itself');
    expect(Object.values(await merges(project))).toEqual(['unmerged', 'unmerged']);
  });

  test('on-conflict: fail ends the merge, what was merged stays', async () => {
    const project = projectOf();
    const ended = await project.run(['run', project.manifest(MANY('when: end, on-conflict: fail, batch: 1')), '--run-id', 'r']);
    expect(ended.code, ended.stderr).toBe(5);
    expect(await merges(project)).toMatchObject({ y: 'conflict' });
  });

  test('a conflict that a policy settles is no conflict', async () => {
    const project = projectOf();
    const ended = await project.run(['run', project.manifest(MANY('when: end, conflicts: { README.md: union }'))]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(show(project, 'main:README.md').split('\n').sort()).toEqual(['x', 'y']);
  });
});

describe('the target', () => {
  test('a dirty checkout that nothing touches is fast-forwarded, its changes stay', async () => {
    const project = projectOf();
    await delivered(project);
    project.write({ 'src/index.ts': 'mine\n', 'notes.txt': 'mine\n' });
    expect((await project.run(['merge'])).code).toBe(0);
    expect(readFileSync(path.join(project.path, 'b.txt'), 'utf8')).toBe('b\n');
    expect(project.git('status', '--porcelain').split('\n').map((line) => line.trim())).toEqual(['M src/index.ts', '?? notes.txt']);
  });

  test('a checkout with a file in the way is left alone; the result waits beside, and lands once the way is free', async () => {
    const project = projectOf();
    await delivered(project);
    project.write({ 'b.txt': 'mine\n' });
    const checkout = checkoutState(project);
    const ended = await project.run(['merge']);
    expect(ended.code, ended.stderr).toBe(5);
    expect(ended.stderr).toContain('git merge --ff-only orch/r/merged');
    expect(ended.stderr).toContain('b.txt');
    expect(checkoutState(project)).toEqual(checkout);
    expect(show(project, 'orch/r/merged:b.txt')).toBe('b');
    expect((await project.status()).exitCode).toBe(5);
    project.write({ 'b.txt': null });
    const again = await project.run(['merge']);
    expect(again.code, again.stderr).toBe(0);
    expect(show(project, 'main:b.txt')).toBe('b');
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged' });
    expect(project.git('for-each-ref', 'refs/heads/orch/r/merged')).toBe('');
    expectTidy(project, 'r');
  });

  test('what waits and was brought in by hand is known as merged', async () => {
    const project = projectOf();
    await delivered(project);
    project.write({ 'b.txt': 'mine\n' });
    expect((await project.run(['merge'])).code).toBe(5);
    project.write({ 'b.txt': null });
    project.git('merge', '-q', '--ff-only', 'orch/r/merged');
    expect((await project.run(['merge'])).code).toBe(0);
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged' });
  });

  test('checked out in another worktree, it moves there, but not over a file that is in the way', async () => {
    const project = projectOf();
    const other = path.join(project.home, 'other');
    project.git('worktree', 'add', '-q', '-b', 'release', other);
    writeFileSync(path.join(other, 'b.txt'), 'mine\n');
    const refused = await project.run(['run', project.manifest(TWO), '--merge', '--into', 'release']);
    expect(refused.code, refused.stderr).toBe(5);
    expect(refused.stderr).toContain(`${other} has changes or files of yours in b.txt`);
    expect([readFileSync(path.join(other, 'b.txt'), 'utf8'), runGit(other, ['status', '--porcelain'])]).toEqual(['mine\n', '?? b.txt']);
    rmSync(path.join(other, 'b.txt'));
    const ended = await project.run(['merge', '--into', 'release']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(readFileSync(path.join(other, 'b.txt'), 'utf8')).toBe('b\n');
    expect(runGit(other, ['status', '--porcelain'])).toBe('');
    expect(existsSync(path.join(project.path, 'b.txt'))).toBe(false);
  });

  test('that cannot be moved is left, the result waits beside it and says why', async () => {
    const project = projectOf();
    project.git('branch', 'release');
    await delivered(project);
    const lock = path.join(project.path, '.git/refs/heads/release.lock');
    writeFileSync(lock, '');
    const ended = await project.run(['merge', '--into', 'release']);
    expect(ended.code, ended.stderr).toBe(5);
    expect(ended.stderr).toMatch(/merged on orch\/r\/merged, not on the target, because .*release\.lock/);
    expect([project.git('rev-parse', 'release'), show(project, 'orch/r/merged:b.txt')]).toEqual([project.git('rev-parse', 'main'), 'b']);
    rmSync(lock);
    expect((await project.run(['merge', '--into', 'release'])).code).toBe(0);
    expect(show(project, 'release:b.txt')).toBe('b');
  });

  test('that is missing is found before anything is made, also when it goes missing later', async () => {
    const project = projectOf();
    const file = project.manifest(TWO);
    for (const args of [['--merge', '--into', 'nowhere'], ['--into', 'nowhere'], ['--merge', '--base', 'main~1']]) {
      const ended = await leavesNothing(project, () => project.run(['run', file, ...args]));
      expect(ended.code, args.join(' ')).toBe(2);
      expect(ended.stderr).toMatch(/no branch/);
    }
    project.git('branch', 'release');
    expect((await project.run(['run', file, '--into', 'release'])).code).toBe(0);
    project.git('branch', '-D', 'release');
    const ended = await project.run(['merge']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('no branch "release"');
  });

  test('in a bare repository', async () => {
    const project = projectOf({ bare: true });
    const ended = await project.run(['run', project.manifest(TWO), '--merge', '--run-id', 'r']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(show(project, 'main:b.txt')).toBe('b');
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged' });
  });

  test('somebody commits to it meanwhile: nothing of either is lost', async () => {
    const project = projectOf();
    const once = path.join(project.home, 'once');
    await delivered(project);
    const verify = `if mkdir '${once}' 2>/dev/null; then git -C '${project.path}' -c user.name=U -c user.email=u@example.invalid commit -q --allow-empty -m Theirs; fi; test -e README.md`;
    const ended = await project.run(['merge', '--verify', verify]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(project.git('log', '--format=%s', 'main').split('\n')).toContain('Theirs');
    expect(show(project, 'main:b.txt')).toBe('b');
    expect(project.git('status', '--porcelain')).toBe('');
  });
});

describe('stopped on the way', () => {
  test('Ctrl-C during a verification: nothing is left running, orch resume goes on', async () => {
    const project = projectOf();
    const begun = path.join(project.home, 'begun');
    const verify = `if mkdir '${begun}' 2>/dev/null; then echo begun >&2; sleep 300; fi`;
    const running = project.start(['run', project.manifest(`merge: { when: end, verify: ${JSON.stringify(verify)} }\n${TWO}`), '--run-id', 'r', '--reporter', 'json']);
    await running.saw('merge-started');
    await appears(begun);
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect(processesOf(project)).toEqual([]);
    expect(await merges(project)).toEqual({ a: 'unmerged', b: 'unmerged' });
    const ended = await project.run(['resume', 'r']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged' });
    expectTidy(project, 'r');
  });

  test('Ctrl-C during a verification, then orch merge: its own exit code; clean takes what a killed merge has left', async () => {
    const project = projectOf({ config: { worktrees: { setup: 'mkdir -p build && echo made > build/made', copy: ['.env'], link: ['node_modules'] } } });
    project.write({ '.env': 'secret\n', 'node_modules/dep.js': '1\n' });
    const verify = 'grep -q secret .env && test -e node_modules/dep.js && test -e build/made';
    const crashed = await project.run(['run', project.manifest(`merge: { when: end, verify: ${JSON.stringify(verify)}, batch: 1 }\n${TWO}`), '--run-id', 'r'], { env: { ORCH_CRASH_AT: 'merge-verified:2' } });
    expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
    const left = path.join(`${project.path}.orch`, 'r', '.merge', 'merge-1');
    expect((await project.run(['clean', 'r', '--dry-run'])).stdout).toContain(left);
    const running = project.start(['merge', 'r', '--verify', 'sleep 300', '--reporter', 'json']);
    await running.saw('merge-started');
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    const ended = await project.run(['merge', 'r']);
    expect(ended.code, ended.stderr).toBe(0);
    expect((await project.status()).exitCode).toBe(0);
    // The user's own were linked and copied, and are as they were.
    expect([readFileSync(path.join(project.path, 'node_modules/dep.js'), 'utf8'), project.git('status', '--porcelain')]).toEqual(['1\n', '']);
    expectTidy(project, 'r');
  });

  test.each(['clean', 'merge'])('what a killed merge has left goes with orch %s, a worktree that git had only begun included', async (verb) => {
    const project = projectOf();
    await project.run(['run', project.manifest(`merge: { when: end, verify: "true" }\n${TWO}`), '--run-id', 'r'], { env: { ORCH_CRASH_AT: 'merge-told:1' } });
    const begun = path.join(`${project.path}.orch`, 'r', '.merge', 'merge-7');
    project.git('worktree', 'add', '-q', '--detach', '--lock', '--reason', 'orch verifies merges here', begun, 'main');
    rmSync(begun, { recursive: true });
    if (verb === 'merge') {
      project.git('branch', 'other', 'main~1');
      const merged = await project.run(['merge', 'r', '--into', 'other']);
      expect(merged.code, merged.stderr).toBe(0);
      expectTidy(project, 'r');
      return;
    }
    const cleaned = await project.run(['clean', 'r', '--yes']);
    expect(cleaned.code, cleaned.stderr).toBe(0);
    expect(existsSync(path.join(`${project.path}.orch`, 'r'))).toBe(false);
    expect([project.git('worktree', 'list').split('\n').length, project.git('for-each-ref', 'refs/orch/merge')]).toEqual([1, '']);
  });

  test('a run that has not settled cannot be merged', async () => {
    const project = projectOf();
    const crashed = await project.run(['run', project.manifest(TWO), '--run-id', 'r'], { env: { ORCH_CRASH_AT: 'worktree-published' } });
    expect(crashed.signal).toBe('SIGKILL');
    const ended = await project.run(['merge', 'r']);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('orch resume r');
  });

  test('kill -9 before a landing, then a commit of the user’s on the target: both are there, nobody is blamed', async () => {
    const project = projectOf();
    const crashed = await project.run(['run', project.manifest(MANY(`when: end, ${VERIFY}`)), '--run-id', 'r'], { env: { ORCH_CRASH_AT: 'merge-landing' } });
    expect(crashed.signal).toBe('SIGKILL');
    const theirs = project.commit('Theirs', { 'theirs.txt': 'theirs\n' });
    const ended = await project.run(['resume', 'r']);
    expect(ended.code, ended.stderr).toBe(5);
    expect(await merges(project)).toEqual(WANTED);
    project.git('merge-base', '--is-ancestor', theirs, 'main');
    expect(readFileSync(path.join(project.path, 'theirs.txt'), 'utf8')).toBe('theirs\n');
    expectTidy(project, 'r');
  });

  const WANTED = { a: 'merged', b: 'merged', x: 'merged', y: 'conflict', bad: 'rejected', child: 'unmerged' };
  // Nothing joins a merge at the end.
  const cases = MERGE_CRASH_POINTS.filter((point) => point !== 'merge-joined').flatMap((point) => [1, ...(point === 'merge-stacked' || point === 'merge-verified' ? [3] : [])].map((n) => [point, n] as const)).map(([point, n], i) => [point, n, i % 2 === 0 ? 'merge' : 'resume'] as const);
  test.concurrent.each(cases)('kill -9 at %s, time %i, then orch %s: the same result', async (point, n, how) => {
    const project = makeProject();
    const run = `walk-${point}-${n}-${how}`;
    try {
      const manifest = project.manifest(MANY(`when: end, ${VERIFY}, strategy: ${how === 'merge' ? 'merge' : 'squash'}`));
      const crashed = await project.run(['run', manifest, '--run-id', run], { env: { ORCH_CRASH_AT: `${point}:${n}` } });
      expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
      const ended = await project.run([how, run]);
      expect(ended.code, ended.stderr).toBe(5);
      expect(await merges(project, run)).toEqual(WANTED);
      expect(project.git('ls-tree', '--name-only', 'main').split('\n')).toEqual(expect.arrayContaining(['a.txt', 'b.txt']));
      expect([show(project, 'main:README.md'), project.git('ls-tree', '--name-only', 'main', 'bad.txt', 'child.txt')]).toEqual(['x', '']);
      // Landed once, whatever had been recorded.
      const log = project.git('log', '--first-parent', '--format=%(trailers:key=Orch-Task,valueonly,separator=)', 'main').split('\n').filter((line) => line !== '');
      expect(log.sort()).toEqual(['a', 'b', 'x']);
      expect(project.git('status', '--porcelain')).toBe('');
      expect(project.git('for-each-ref', 'refs/orch/merge')).toBe('');
      expectTidy(project, run);
    } finally {
      project.dispose();
    }
  });
});

test('a manifest that asks for what there is not is refused, and schema knows merge', async () => {
  const project = projectOf();
  const ended = await leavesNothing(project, () => project.run(['run', project.manifest(`merge: { when: always, on-conflict: mend }\n${TWO}`)]));
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/merge\.when.*\n.*merge\.on-conflict/);
  const schema = JSON.parse((await orch(['schema'], { cwd: project.path })).stdout) as { properties: Record<string, unknown> };
  expect(Object.keys(schema.properties)).toContain('merge');
  writeFileSync(path.join(project.home, 'plan.json'), (await project.run(['plan', project.manifest(`merge: { when: end }\n${TWO}`), '--json'])).stdout);
  const frozen = await project.run(['run', path.join(project.home, 'plan.json')]);
  expect(frozen.code, frozen.stderr).toBe(0);
  expect(await merges(project)).toEqual({ a: 'merged', b: 'merged' });
});
