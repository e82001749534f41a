// Everything wrong that a person can hand to orch: the exit code of the spec, a message that says what and where, and
// nothing created.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkoutState, makeRepo } from '../support/repo.ts';
import { orch } from '../support/orch.ts';
import { leavesNothing, makeProject, type Project } from '../support/project.ts';

let project: Project;
beforeAll(() => { project = makeProject(); });
afterAll(() => { project.dispose(); });

const many = (n: number, line: (i: number) => string): string => `tasks:\n${Array.from({ length: n }, (_, i) => line(i)).join('\n')}\n`;

describe('a manifest that is wrong (exit 2)', () => {
  test.each<[string, string, readonly RegExp[]]>([
    ['invalid YAML', 'tasks:\n  a: "unclosed\n', [/tasks\d+\.yml:\d+:\d+/]],
    ['not a map', '- just\n- a list\n', [/tasks/]],
    ['an unknown key, with what was meant', 'tasks:\n  a: { promt: do it }\n', [/:2:\d+ tasks\.a\.promt: /, /prompt/]],
    ['a duplicate key', 'tasks:\n  a: x\n  a: y\n', [/:3:\d+/]],
    ['duplicate ids in a list', 'tasks:\n  - { id: a, prompt: x }\n  - { id: a, prompt: y }\n', [/:3:\d+/, /a/]],
    ['ids that differ only in case', 'tasks:\n  - { id: ab, prompt: x }\n  - { id: aB, prompt: y }\n', [/:3:\d+/]],
    ['a path as id', 'tasks:\n  ../x: do\n', [/:2:\d+/]],
    ['an option as id', 'tasks:\n  -b: do\n', [/:2:\d+/]],
    ['__proto__ as id', 'tasks:\n  __proto__: do\n', [/:2:\d+/]],
    ['an emoji as id', 'tasks:\n  "🙂": do\n', [/:2:\d+/]],
    ['an id of 300 characters', `tasks:\n  ${'x'.repeat(300)}: do\n`, [/:2:\d+/, /64/]],
    ['a cycle, printed', 'tasks:\n  a: { needs: c, run: x }\n  b: { needs: a, run: x }\n  c: { needs: b, run: x }\n', [/a → |→ a/, /b/, /c/]],
    ['a missing need, with what was meant', 'tasks:\n  build: { run: x }\n  test: { needs: buidl, run: x }\n', [/:3:\d+/, /build/]],
    ['a need of itself', 'tasks:\n  a: { needs: a, run: x }\n', [/:2:\d+/]],
    ['neither prompt nor run', 'tasks:\n  a: { timeout: 1m }\n', [/prompt/, /run/]],
    ['prompt and run', 'tasks:\n  a: { prompt: x, run: y }\n', [/prompt/, /run/]],
    ['an empty prompt', 'tasks:\n  a: "  "\n', [/:2:\d+/]],
    ['NUL in a prompt', 'tasks:\n  a: "x\\0y"\n', [/:2:\d+/, /NUL/i]],
    ['a number as a duration', 'tasks:\n  a: { run: x, timeout: 20 }\n', [/20m|20s/]],
    ['a timeout of a month', 'tasks:\n  a: { run: x, timeout: 800h }\n', [/:2:\d+/]],
    ['an unknown template name', 'tasks:\n  a: { run: "echo ${{ tsk.id }}" }\n', [/task/]],
    ['an agent that nobody defined', 'tasks:\n  a: { prompt: x, agent: mein }\n', [/mine/]],
    ['a model for an agent that takes none', 'tasks:\n  a: { prompt: x, model: opus }\n', [/model/]],
    ['a key of a later version', 'tasks:\n  a: { prompt: x, cache: true }\n', [/:2:\d+/, /cache/]],
    ['a prompt file that is not there', 'tasks:\n  a: { prompt-file: nope.md }\n', [/:2:\d+/, /nope\.md/]],
    ['max-parallel 0', 'max-parallel: 0\ntasks: [x]\n', [/:1:\d+/, /max-parallel/]],
    ['no tasks', 'tasks: []\n', [/tasks/]],
    ['an empty file', '', [/empty|tasks/]],
    ['an alias bomb', `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\ntasks: [*g]\n`, [/alias|unknown key/i]],
    ['deep nesting', `tasks: ${'['.repeat(5000)}${']'.repeat(5000)}\n`, [/nest|deep/i]],
  ])('%s', async (_, text, patterns) => {
    const file = project.manifest(text);
    const ended = await leavesNothing(project, () => project.run(['run', file]));
    expect(ended.stderr).not.toContain('bug in orch');
    expect(ended.code).toBe(2);
    for (const pattern of patterns) expect(ended.stderr).toMatch(pattern);
    expect(ended.stdout).toBe('');
  });

  test('every problem is reported at once', async () => {
    const ended = await project.run(['run', project.manifest('max-paralel: 3\ntasks:\n  a: { promt: x }\n  b: { run: x, needs: nope }\n  c: { run: x, timeout: soon }\n')]);
    expect(ended.code).toBe(2);
    for (const line of [1, 3, 4, 5]) expect(ended.stderr).toMatch(new RegExp(`:${line}:\\d+ `));
  });

  test('a file of more than 5 MB', async () => {
    const ended = await leavesNothing(project, () => project.run(['run', project.manifest(`tasks:\n  a: ${'x'.repeat(5_300_000)}\n`)]));
    expect(ended).toMatchObject({ code: 2 });
    expect(ended.stderr).toMatch(/5 MB/);
  });

  test('a configuration that is wrong', async () => {
    const other = makeProject();
    other.commit('Break', { '.orchestrator.yml': 'max-paralel: 3\n' });
    const ended = await leavesNothing(other, () => other.run(['run', other.manifest('tasks: [x]\n')]));
    expect(ended).toMatchObject({ code: 2 });
    expect(ended.stderr).toMatch(/\.orchestrator\.yml:1:1 .*max-parallel/s);
    other.dispose();
  });
});

describe('what is big but right', () => {
  test.each([
    ['10,000 independent tasks', many(10_000, (i) => `  t${i}: { run: "true" }`), '10000'],
    ['a chain of 10,000 needs', many(10_000, (i) => `  t${i}: { run: "true"${i === 0 ? '' : `, needs: t${i - 1}`} }`), '10000'],
  ])('%s is planned', async (_, text, count) => {
    const ended = await leavesNothing(project, () => project.run(['plan', project.manifest(text)]));
    expect(ended.code).toBe(0);
    expect(ended.stdout.replaceAll(/[,.]/g, '')).toContain(count);
    expect(ended.stdout.split('\n').length).toBeLessThan(60);
  });

  test('a prompt of 2 MB that begins with -- reaches the agent whole', async () => {
    const big = `--help ${'x'.repeat(2_000_000)}`;
    const other = makeProject({ config: { agents: { mine: { command: ['/bin/sh', '-c', 'wc -c > size.txt'], prompt: 'stdin' } } } });
    const ended = await other.run(['run', other.manifest(`tasks:\n  a: ${JSON.stringify(big)}\n`)]);
    expect(ended.code, ended.stderr).toBe(0);
    const { branch } = await other.task('a');
    expect(Number(other.git('show', `${branch}:size.txt`))).toBe(big.length);
    other.dispose();
  });
});

describe('words on the command line (exit 2)', () => {
  test.each<[string, readonly string[], RegExp]>([
    ['no command', [], /orch run/],
    ['a misspelt command', ['rnu'], /run/],
    ['an unknown option', ['run', '--max-paralel', '3'], /max-paralel/],
    ['a number that is none', ['run', '-j', 'many', 'x'], /max-parallel/],
    ['a manifest that is not there', ['run', 'nope.yml'], /nope\.yml/],
    ['no manifest at all', ['run'], /tasks\.yml/],
    ['a manifest and a prompt', ['run', 'a.yml', 'do it'], /a\.yml/],
    ['a reporter that does not exist', ['run', 'x', '--reporter', 'pretty'], /tty/],
    ['a run id that git cannot take', ['run', 'x', '--run-id', '../x'], /run-id/],
    ['a base that is not there', ['run', 'x', '--base', 'mian'], /main/],
  ])('%s', async (_, args, pattern) => {
    const ended = await leavesNothing(project, () => project.run(args));
    expect(ended.stderr).toMatch(pattern);
    expect(ended.stderr).not.toContain('bug in orch');
    expect([2, 3]).toContain(ended.code);
    if (!args.includes('--base')) expect(ended.code).toBe(2);
  });

  test('nothing selected is exit 4', async () => {
    expect(await leavesNothing(project, () => project.run(['run', project.manifest('tasks: { a: x }\n'), '--only', 'zzz*']))).toMatchObject({ code: 4 });
  });
});

describe('a place where orch cannot work (exit 3)', () => {
  test('not a repository', async () => {
    const dir = path.join(project.home, 'nowhere');
    mkdirSync(dir);
    const ended = await orch(['run', 'do it'], { cwd: dir });
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/not .*git repository/i);
  });

  test('no commits yet', async () => {
    const empty = makeProject({ commits: 0 });
    const ended = await leavesNothing(empty, () => empty.run(['run', empty.manifest('tasks: [{ run: "true" }]\n')]));
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/commit/);
    empty.dispose();
  });

  test('git too old, and no git', async () => {
    const bin = path.join(project.home, 'old-git');
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'git'), '#!/bin/sh\necho git version 2.30.2\n');
    chmodSync(path.join(bin, 'git'), 0o755);
    const old = await orch(['run', 'do it'], { cwd: project.path, env: { PATH: bin } });
    expect(old.code).toBe(3);
    expect(old.stderr).toMatch(/2\.30\.2/);
    expect(old.stderr).toMatch(/2\.38/);
    const none = await orch(['run', 'do it'], { cwd: project.path, env: { PATH: path.join(project.home, 'nothing') } });
    expect(none.code).toBe(3);
    expect(none.stderr).toMatch(/git/);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['missing', { agents: { mine: { command: ['no-such-agent'] } } }, /no-such-agent/],
    ['not executable', { agents: { mine: { command: ['./README.md'] } } }, /not executable/],
  ])('an agent that is %s', async (_, config, pattern) => {
    const other = makeProject({ config });
    const ended = await leavesNothing(other, () => other.run(['run', 'do it']));
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(pattern);
    expect(ended.stderr).toMatch(/hint/);
    other.dispose();
  });

  test('a branch named orch', async () => {
    const other = makeProject();
    other.git('branch', 'orch');
    const ended = await leavesNothing(other, () => other.run(['run', 'edit a.txt a']));
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/git branch -m orch/);
    other.dispose();
  });
});

describe('places that are unusual but fine', () => {
  test('a detached HEAD, a dirty checkout, no identity', async () => {
    const other = makeProject({ identity: false });
    other.git('checkout', '-q', '--detach');
    other.write({ 'README.md': 'dirty\n', 'new.txt': 'untracked\n' });
    const before = checkoutState(other);
    const ended = await other.run(['run', other.manifest('tasks: { a: "edit a.txt hello" }\n')]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/not part of the base/);
    expect(checkoutState(other)).toEqual(before);
    const task = await other.task('a');
    expect(other.git('show', `${task.branch}:a.txt`)).toBe('hello');
    expect(other.git('show', `${task.branch}:README.md`)).toBe('# Example');
    expect(other.git('log', '-1', '--format=%an', task.branch)).not.toBe('');
    other.dispose();
  });

  test('a bare repository', async () => {
    const bare = makeRepo({ bare: true });
    const ended = await orch(['run', '-'], { cwd: bare.path, stdin: 'tasks: { a: { run: "echo hi > a.txt" } }\n' });
    expect(ended.code, ended.stderr).toBe(0);
    expect(bare.git('for-each-ref', '--format=%(refname)', 'refs/heads/orch').split('\n')).toHaveLength(1);
    bare.dispose();
  });

  test('from a folder below the top, and from a linked worktree', async () => {
    const other = makeProject();
    const linked = path.join(other.home, 'linked');
    other.git('worktree', 'add', '-q', '-b', 'side', linked);
    for (const cwd of [path.join(other.path, 'src'), linked]) {
      const ended = await orch(['run', 'edit a.txt a'], { cwd });
      expect(ended.code, ended.stderr).toBe(0);
    }
    other.dispose();
  });
});
