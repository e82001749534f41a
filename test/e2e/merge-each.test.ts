// Merging while tasks run, through the binary: what completes lands beside agents that are at work, conflicts are done
// again, and kill -9 anywhere on the way.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { expectTidy } from '../support/invariants.ts';
import { merges, show } from '../support/merged.ts';
import { makeProject, type Project } from '../support/project.ts';

const made: Project[] = [];
afterEach(() => { for (const project of made.splice(0)) project.dispose(); });
function projectOf(): Project {
  const project = makeProject();
  made.push(project);
  return project;
}

describe('while others run', () => {
  test('what completes is on the target, checked out or not, and nobody at work is blamed for that', async () => {
    for (const into of ['main', 'release']) {
      const project = projectOf();
      if (into !== 'main') project.git('branch', into);
      const go = path.join(project.home, 'go');
      const manifest = `merge: { into: ${into} }\ntasks:\n  a: { run: "echo a > a.txt" }\n  slow: { prompt: "wait ${go}\\nedit slow.txt s" }\n`;
      const running = project.start(['run', project.manifest(manifest), '--merge', '--run-id', 'r', '--reporter', 'json']);
      await running.saw('"type":"task-merged","task":"a"');
      expect(show(project, `${into}:a.txt`)).toBe('a');
      expect(existsSync(path.join(project.path, 'a.txt'))).toBe(into === 'main');
      expect((await project.task('slow')).state).toBe('running');
      writeFileSync(go, '');
      const ended = await running.ended;
      expect(ended.code, ended.stderr).toBe(0);
      expect(show(project, `${into}:slow.txt`)).toBe('s');
      expect(`${ended.stdout}${ended.stderr}`).not.toMatch(/somebody|not known|tampered|put back/);
      expect(ended.stdout.match(/"merge-started"/g)).toHaveLength(1);
      expect(project.git('status', '--porcelain')).toBe('');
      expectTidy(project, 'r');
    }
  });

  test('a verification holds up no agent, and what comes meanwhile is verified beside it', async () => {
    const project = projectOf();
    const go = path.join(project.home, 'go');
    const verify = `test -e b.txt || while ! test -e '${go}'; do sleep 0.05; done`;
    const manifest = `merge: { when: each, verify: ${JSON.stringify(verify)} }\nmax-parallel: 2\ntasks:\n  a: { run: "echo a > a.txt" }\n  b: { needs: a, run: "echo b > b.txt" }\n  c: { needs: b, run: "echo c > c.txt" }\n`;
    const running = project.start(['run', project.manifest(manifest), '--reporter', 'json']);
    await running.saw('"type":"task-merged","task":"b"');
    await running.saw('"type":"task-settled","task":"c"');
    writeFileSync(go, '');
    const ended = await running.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(await merges(project)).toEqual({ a: 'merged', b: 'merged', c: 'merged' });
  });

  test('an agent that moves the target back is caught all the same', async () => {
    const project = projectOf();
    project.git('branch', 'release');
    const [go, went] = [path.join(project.home, 'go'), path.join(project.home, 'went')];
    const manifest = `merge: { when: each, into: release }\ntasks:\n  a: { run: "echo a > a.txt" }\n  evil: { prompt: "wait ${go}\\ngit update-ref refs/heads/release main\\nedit evil.txt e\\ntouch ${went}" }\n`;
    const running = project.start(['run', project.manifest(manifest), '--reporter', 'json']);
    await running.saw('"type":"task-merged","task":"a"');
    writeFileSync(go, '');
    const ended = await running.ended;
    expect(ended.stdout).toContain('somebody moved refs/heads/release');
  });

  test('a merge driver that was configured before the run merges; one that an agent plants is not run', async () => {
    const project = projectOf();
    const [go, ran, used] = ['go', 'ran', 'used'].map((name) => path.join(project.home, name)) as [string, string, string];
    project.commit('Attributes', { '.gitattributes': '*.lst merge=mine\n*.evl merge=evil\n', 'x.lst': '0\n', 'x.evl': '0\n' });
    project.git('config', 'merge.mine.driver', `touch '${used}'; cat %B >> %A`);
    // Again and again, because it is put back whenever an attempt ends.
    const plant = `while ! test -e ${go}.2; do git config merge.evil.driver 'touch ${ran}; true'; touch ${go}; sleep 0.02; done`;
    const manifest = `merge: { when: each }\ntasks:\n  evil: { run: ${JSON.stringify(plant)} }\n${['a', 'b'].map((id) => `  ${id}: { run: "while ! test -e ${go}; do sleep 0.05; done; echo ${id} >> x.lst; echo ${id} > x.evl" }\n`).join('')}`;
    const running = project.start(['run', project.manifest(manifest), '--reporter', 'json']);
    await running.saw(/"type":"task-(?:un)?merged","task":"[ab]"[\s\S]*"type":"task-(?:un)?merged","task":"[ab]"/);
    writeFileSync(`${go}.2`, '');
    await running.ended;
    expect([existsSync(ran), existsSync(used)]).toEqual([false, true]);
    expect(Object.values(await merges(project)).sort()).toEqual(['conflict', 'merged', 'unmerged']);
  });

  test('base: target starts from what was merged meanwhile', async () => {
    const project = projectOf();
    const go = path.join(project.home, 'go');
    const manifest = `merge: { when: each, strategy: squash }\ntasks:\n  c: { run: "echo c > c.txt" }\n  gate: { prompt: "wait ${go}\\nedit gate.txt g" }\n  late: { needs: gate, base: target, run: "cat c.txt theirs.txt gate.txt > late.txt" }\n  old: { needs: gate, run: "test ! -e c.txt && echo old > old.txt" }\n`;
    const running = project.start(['run', project.manifest(manifest), '--reporter', 'json']);
    await running.saw('"type":"task-merged","task":"c"');
    project.commit('Theirs', { 'theirs.txt': 't\n' });
    writeFileSync(go, '');
    const ended = await running.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(show(project, 'main:late.txt')).toBe('c\nt\ng');
    expect(show(project, 'main:old.txt')).toBe('old');
  });

  test('base: target without a target is refused, and a base that is neither', async () => {
    const project = projectOf();
    const ended = await project.run(['run', '--base', 'main~1', project.manifest('tasks:\n  a: { base: target, run: "true" }\n')]);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('names no branch') as unknown]);
    expect((await project.run(['run', project.manifest('tasks:\n  a: { base: main, run: "true" }\n')])).stderr).toMatch(/base.*`run`.*`target`/);
  });
});

/** z is made of y, w of x: alike in all but their names, so that x comes first. */
const AGAIN = (when: string): string => `
merge: { when: ${when}, on-conflict: retry }
max-parallel: 1
tasks:
  x: { run: "echo x >> README.md" }
  w: { needs: x, run: "echo w > w.txt" }
  y: { prompt: "append README.md y" }
  z: { needs: y, run: "cp README.md z.txt" }
`;

describe('on-conflict: retry', () => {
  test.each(['each', 'end', 'never'])('when: %s: the task is done again from the target, and what was made of its work', async (when) => {
    const project = projectOf();
    let ended = await project.run(['run', project.manifest(AGAIN(when)), '--run-id', 'r']);
    expect(ended.code, ended.stderr).toBe(0);
    if (when === 'never') ended = await project.run(['merge', 'r']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(await merges(project)).toEqual({ x: 'merged', w: 'merged', y: 'merged', z: 'merged' });
    expect([show(project, 'main:README.md'), show(project, 'main:z.txt')]).toEqual(['# Example\nx\ny', '# Example\nx\ny']);
    const y = await project.task('y');
    expect(y.attempts).toBe(2);
    const prompt = readFileSync(path.join(project.path, '.git/orch/runs/r/tasks/y/attempt-2/prompt.md'), 'utf8');
    expect(prompt).toMatch(/^append README\.md y[\s\S]*conflicts with x in README\.md[\s\S]*keep that/);
    // What it did first is not lost.
    expect(show(project, 'refs/orch/conflict/r/y^2:README.md')).toMatch(/y$/);
    expect(ended.stderr).toMatch(/\[y\] run again/);
    expectTidy(project, 'r');
  });

  test('a task that never fits in is parked after three tries', async () => {
    const project = projectOf();
    // Whatever it starts from, the user is faster.
    const once = `git -C '${project.path}' -c user.name=U -c user.email=u@example.invalid commit -q -am Theirs`;
    const manifest = `merge: { when: each, on-conflict: retry }\ntasks:\n  y: { run: "date +%N > README.md; echo theirs >> '${project.path}/README.md'; ${once}" }\n`;
    const ended = await project.run(['run', project.manifest(manifest)]);
    expect(ended.code, ended.stderr).toBe(5);
    expect(await project.task('y')).toMatchObject({ attempts: 3, outcome: 'completed', merge: 'conflict' });
  });
});

const STORY = `
merge: { when: each, on-conflict: retry, verify: "test ! -e bad.txt" }
max-parallel: 2
tasks:
  a: { run: "echo a > a.txt" }
  bad: { run: "echo bad > bad.txt" }
  child: { needs: bad, run: "echo child > child.txt" }
  x: { needs: a, run: "echo x >> README.md" }
  y: { needs: a, run: "echo y >> README.md" }
  z: { needs: y, run: "grep -c '^y$' README.md > z.txt" }
`;
const cases = ['merge-joined:1', 'merge-landing:2', 'merge-landed:2', 'work-collected:5', 'recorded:25'];
test.concurrent.each(cases)('kill -9 at %s, then resume: what an uninterrupted run comes to', async (point) => {
  const project = makeProject();
  const run = `each-${point.replace(':', '-')}`;
  try {
    const crashed = await project.run(['run', project.manifest(STORY), '--run-id', run], { env: { ORCH_CRASH_AT: point } });
    expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
    const ended = await project.run(['resume', run]);
    expect(ended.code, ended.stderr).toBe(5);
    expect(await merges(project, run)).toEqual({ a: 'merged', bad: 'rejected', child: 'unmerged', x: 'merged', y: 'merged', z: 'merged' });
    expect([show(project, 'main:README.md').split('\n').slice(-2).sort(), show(project, 'main:z.txt')]).toEqual([['x', 'y'], '1']);
    // Landed once, whatever had been recorded.
    const log = project.git('log', '--first-parent', '--format=%(trailers:key=Orch-Task,valueonly,separator=)', 'main').split('\n').filter((line) => line !== '');
    expect(log.sort()).toEqual(['a', 'x', 'y', 'z']);
    expect(project.git('status', '--porcelain')).toBe('');
    expect(project.git('for-each-ref', 'refs/orch/merge')).toBe('');
    expectTidy(project, run);
  } finally {
    project.dispose();
  }
});
