// `isolation: sandbox` through the whole of `orch run`: an agent works and commits, and cannot reach what is not its own.
// Each attempt that must fail inside succeeds outside, or the test would prove nothing.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { probeSandbox } from '../../src/effects/sandbox.ts';
import { makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { until } from '../support/wait.ts';

const { containment, reason } = await probeSandbox(createClock());

describe.skipIf(containment === null)(`isolation: sandbox ${reason ?? ''}`, () => {
  let home: string;
  let project: Project;
  let before: Record<string, string>;
  // A sandbox has a /tmp and a /dev of its own: what is to be unreachable must lie elsewhere.
  const tmpdir = process.env['TMPDIR'];
  beforeAll(() => {
    process.env['TMPDIR'] = '/var/tmp';
    home = mkdtempSync('/var/tmp/orch-home-');
    mkdirSync(path.join(home, '.ssh'));
    writeFileSync(path.join(home, '.ssh', 'key'), 'private\n');
    project = makeProject({ config: { sandbox: { credential: 'MY_API_KEY' }, env: { pass: ['MY_API_KEY', 'OTHER_TOKEN'] } } });
    before = checkoutState(project);
  });
  afterAll(() => {
    if (tmpdir === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = tmpdir;
    project.dispose();
    rmSync(home, { recursive: true, force: true });
  });

  test('what verifies a merge is kept apart, too', async () => {
    const own = makeProject();
    const verify = `echo x > '${own.home}/stolen.txt'; test -e a.txt || test -e README.md`;
    const tasks = own.manifest(`merge: { when: end, verify: ${JSON.stringify(verify)} }\ntasks: { a: { run: "echo a > a.txt" } }\n`);
    const open = await own.run(['run', tasks]);
    expect(open.code, open.stderr).toBe(0);
    expect(existsSync(path.join(own.home, 'stolen.txt'))).toBe(true);
    rmSync(path.join(own.home, 'stolen.txt'));
    own.commit('Isolate', { '.orchestrator.yml': JSON.stringify({ isolation: 'sandbox' }), 'a.txt': null });
    const kept = await own.run(['run', tasks]);
    expect(kept.code, kept.stderr).toBe(0);
    expect(existsSync(path.join(own.home, 'stolen.txt'))).toBe(false);
    expect(own.git('show', 'main:a.txt')).toBe('a');
    own.dispose();
  });

  const manifest = (): string => project.manifest(`
max-parallel: 2
tasks:
  works: { run: "echo a > a.txt && git add a.txt && git -c user.name=A -c user.email=a@b commit -qm Mine && echo b > b.txt && echo out=1 >> $ORCH_OUTPUT", expect: changes, verify: "test -f b.txt" }
  outside: { run: "echo x > ${project.home}/stolen.txt" }
  checkout: { run: "echo x >> ${project.path}/README.md" }
  secrets: { run: "cat ${home}/.ssh/key" }
  token: { run: "test -n \\"$OTHER_TOKEN\\"" }
  credential: { run: "test \\"$MY_API_KEY\\" = let-me-in-please" }
  config: { run: "git config core.fsmonitor 'touch ${project.home}/fsmonitor'" }
  branch: { run: "git branch -f main HEAD~1" }
  processes: { run: "ls -d /proc/${process.pid}" }
`);
  const outcomes = async (isolation: string): Promise<Record<string, string | null>> => {
    const env = { HOME: home, MY_API_KEY: 'let-me-in-please', OTHER_TOKEN: 'another-secret', ORCH_TEST: isolation };
    project.write({ '.orchestrator.yml': JSON.stringify({ agent: 'mine', isolation, sandbox: { credential: 'MY_API_KEY' }, env: { pass: ['MY_API_KEY', 'OTHER_TOKEN'] } }) });
    const ended = await project.run(['run', manifest(), '--run-id', isolation], { env });
    project.git('checkout', '-q', '--', '.orchestrator.yml', 'README.md');
    const { tasks } = await project.status(isolation);
    if (tasks.length === 0) throw new Error(ended.stderr);
    return Object.fromEntries(tasks.map(({ id, outcome }) => [id, outcome]));
  };

  test('lets an agent work, and nothing else', async () => {
    expect(await outcomes('sandbox')).toEqual({
      works: 'completed', credential: 'completed',
      outside: 'failed', checkout: 'failed', secrets: 'failed', token: 'failed', branch: 'failed', processes: 'failed',
      // It has a configuration of its own; below, the user's is as it was.
      config: 'completed',
    });
    expect(existsSync(path.join(project.home, 'stolen.txt'))).toBe(false);
    const { branch, commits, verified } = await project.task('works');
    expect(project.git('ls-tree', '--name-only', branch).split('\n')).toEqual(expect.arrayContaining(['a.txt', 'b.txt']));
    expect({ commits, verified }).toEqual({ commits: 2, verified: true });
    expect({ ...checkoutState(project), 'git/index': '', 'tree/.orchestrator.yml': '', 'tree/README.md': '' }).toEqual({ ...before, 'git/index': '', 'tree/.orchestrator.yml': '', 'tree/README.md': '' });
  });

  test('the same without a sandbox: files, secrets and processes are within reach', async () => {
    const seen = await outcomes('process');
    expect(seen).toMatchObject({ works: 'completed', credential: 'completed', outside: 'completed', secrets: 'completed', token: 'completed', config: 'failed' });
    expect((await project.task('config')).reason).toBe('tampered');
    expect(existsSync(path.join(project.home, 'stolen.txt'))).toBe(true);
  });
});

/** A project whose sandboxed agents see it: theirs is another /tmp. */
function outsideTmp(): Project {
  const tmpdir = process.env['TMPDIR'];
  process.env['TMPDIR'] = '/var/tmp';
  try {
    return makeProject({ config: { isolation: 'sandbox' } });
  } finally {
    if (tmpdir === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = tmpdir;
  }
}

test.skipIf(containment === null)('nothing in a sandbox outlives a killed orch, however it hides', async () => {
  const project = outsideTmp();
  const hidden = '(trap "" TERM HUP; env -i setsid sleep 300 >/dev/null 2>&1 &)';
  const running = project.start(['run', project.manifest(`tasks: { hides: { run: ${JSON.stringify(`${hidden}; touch started; sleep 300`)} } }`), '--run-id', 'killed']);
  const worktree = path.join(`${project.path}.orch`, 'killed', 'hides');
  await until('the agent has started', () => existsSync(path.join(worktree, 'started')));
  const inside = (): number[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(worktree);
    } catch {
      return false;
    }
  });
  await until('its processes run', () => inside().length >= 3);
  running.child.kill('SIGKILL');
  await running.ended;
  await until('its processes are gone', () => inside().length === 0);
  project.dispose();
});

test.skipIf(containment === null)('what the user changes meanwhile is not laid at the door of an agent that cannot reach it', async () => {
  const project = outsideTmp();
  const running = project.start(['run', project.manifest('tasks: { waits: { run: "touch started; while ! [ -f go ]; do sleep 0.02; done; rm started go; git tag mine", expect: none } }'), '--run-id', 'meanwhile']);
  const worktree = path.join(`${project.path}.orch`, 'meanwhile', 'waits');
  await until('the agent has started', () => existsSync(path.join(worktree, 'started')));
  project.git('config', 'core.fsmonitor', 'false');
  project.git('tag', 'yours');
  writeFileSync(path.join(worktree, 'go'), '');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(0);
  expect((await project.task('waits')).outcome).toBe('completed');
  expect(project.git('config', 'core.fsmonitor')).toBe('false');
  expect(project.git('tag')).toBe('yours');
  project.dispose();
});

test('where it does not work it is refused, not left out (exit 3)', async () => {
  const project = makeProject({ config: { isolation: 'sandbox' } });
  const bin = path.join(project.home, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: setting up uid map: Permission denied" >&2\nexit 1\n', { mode: 0o755 });
  const ended = await project.run(['run', 'edit a.txt a'], { env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: os.tmpdir() } });
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain('isolation: sandbox does not work here');
  project.dispose();
});
