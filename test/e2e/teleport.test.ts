// orch teleport: a task's session is continued by hand where it was, or refused with the reason; nothing of what a person
// does there is lost.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLI } from '../support/orch.ts';
import { makeProject, type Project } from '../support/project.ts';
import { hasTerminals, runInTerminal } from '../support/pty.ts';
import type { TaskDocument } from '../../src/reporters/status.ts';
import { checkoutState } from '../support/repo.ts';
import { appears } from '../support/wait.ts';

const AGENT = path.join(import.meta.dirname, '..', 'support', 'session-agent.mjs');
interface Started { readonly args: string[]; readonly cwd: string; readonly env: Record<string, string>; readonly isTTY: boolean }

let project: Project;
let before: Record<string, string>;
beforeAll(async () => {
  project = makeProject({ config: { agent: 'claude', env: { pass: ['STARTED_FILE', 'BY_HAND*'] }, agents: { claude: { command: [process.execPath, AGENT], env: { FROM_SPEC: '1' } }, plain: { command: ['sh', '-c', 'cat >x.txt'] } } } });
  before = checkoutState(project);
  const ended = await project.run(['run', project.manifest(`
defaults: { env: { FROM_TASK: "2" } }
tasks:
  good: edit good.txt good
  bad: "edit bad.txt bad\\nfail"
  late: "edit late.txt late\\nfail"
  lost: edit lost.txt lost
  shell: { run: echo x > shell.txt }
  plain: { agent: plain, prompt: x }
  after: { needs: bad, prompt: edit y y }
`), '--run-id', 'done']);
  expect(ended.code, ended.stderr).toBe(1);
});
afterAll(() => {
  expect(checkoutState(project)).toEqual(before);
  project.dispose();
});

const taskOfDone = async (id: string): Promise<TaskDocument> => {
  const task = (await project.status('done')).tasks.find((each) => each.id === id);
  if (task === undefined) throw new Error(`no task ${id}`);
  return task;
};
const refsWith = (file: string, ...under: string[]): string[] => project.git('for-each-ref', '--format=%(refname)', ...under).split('\n').filter((ref) => ref !== '' && project.git('ls-tree', '-r', '--name-only', ref).split('\n').includes(file));

const onTerminal = async (task: string, env: Record<string, string> = {}): Promise<{ code: number | null; screen: string; started: Started }> => {
  const file = path.join(project.home, `started-${task}.json`);
  const terminal = runInTerminal(`'${process.execPath}' '${CLI}' teleport ${task} --run done`, { columns: 200, rows: 30, cwd: project.path, env: { STARTED_FILE: file, ...env } });
  const code = await terminal.ended;
  const screen = terminal.screen.everything().join('\n');
  return { code, screen, started: JSON.parse(existsSync(file) ? readFileSync(file, 'utf8') : '{"env":{}}') as Started };
};

describe('what cannot be continued is refused with the reason, and nothing is changed', () => {
  test('a command, an agent without sessions, a task that never started', async () => {
    const traces = project.traces();
    const reasons = { shell: /shell is a command: there is no agent's session/, plain: /agent plain has no sessions/, after: /after has not started/ };
    await Promise.all(Object.entries(reasons).map(async ([task, reason]) => {
      const ended = await project.run(['teleport', task, '--run', 'done']);
      expect(ended).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(reason) });
    }));
    expect(project.traces()).toEqual(traces);
  });

  test('a task that does not exist, with what was meant', async () => {
    const ended = await project.run(['attach', 'goood', '--run', 'done']);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('did you mean good?')]);
  });

  test('a missing branch, with where its work was', async () => {
    const { head, branch } = await taskOfDone('lost');
    project.git('update-ref', '-d', `refs/heads/${branch}`);
    const ended = await project.run(['teleport', 'lost', '--run', 'done']);
    expect([ended.code, ended.stderr]).toEqual([3, expect.stringContaining(`git branch ${branch} ${head}`)]);
    project.git('update-ref', `refs/heads/${branch}`, head ?? '');
    expect((await project.run(['teleport', 'lost', '--run', 'done'])).code).toBe(0);
  });

  test('a running task; one that completed meanwhile; one that failed for good is free', async () => {
    const hanging = path.join(project.home, 'hanging');
    const running = project.start(['run', project.manifest(`max-parallel: 1\ntasks: { ok: edit a a, bad: fail, slow: "edit s s\\nhang ${hanging}", more: edit b b }\n`), '--run-id', 'live']);
    await appears(hanging);
    const teleports = await Promise.all(['slow', 'more', 'ok', 'bad'].map(async (task) => await project.run(['teleport', task, '--run', 'live'])));
    expect(teleports.map(({ code, stderr }) => [code, stderr.split('\n')[0]])).toMatchObject([
      [3, 'slow is still running (work)'],
      [3, 'more has not ended: run live will go on with it'],
      [3, 'ok has completed, and run live keeps its branch as it is until the run ends'],
      [0, expect.stringContaining('note: the agent also had FROM_SPEC')],
    ]);
    running.child.kill('SIGKILL');
    await running.ended;
    // Nobody wrote down how it ended: its session is in its log.
    const cut = await project.run(['teleport', 'slow', '--run', 'live']);
    expect([cut.code, cut.stdout]).toEqual([0, expect.stringMatching(/live\/slow' && .*--resume [0-9a-f-]{36}\n$/)]);
  });
});

describe('continuing', () => {
  test('without a terminal the command is printed; a worktree that was removed is there again', async () => {
    const { sessionId, worktree } = await taskOfDone('good');
    expect(worktree).toBeNull();
    const ended = await project.run(['teleport', 'good', '--run', 'done']);
    const folder = path.join(project.home, 'my räpo ✓.orch', 'done', 'good');
    expect(ended.stdout).toBe(`cd '${folder}' && ${process.execPath} ${AGENT} --resume ${sessionId}\n`);
    expect(ended.stderr).toContain('the worktree was made again from refs/heads/orch/done/good');
    expect(ended.stderr).toContain('FROM_SPEC, FROM_TASK');
    expect(readFileSync(path.join(folder, 'good.txt'), 'utf8')).toBe('good\n');
  });

  test.runIf(hasTerminals)('on a terminal the client runs in the worktree, with what its agent had and without what orch told it', async () => {
    const { code, screen, started } = await onTerminal('bad');
    const { sessionId, worktree } = await taskOfDone('bad');
    expect(code, screen).toBe(0);
    expect(screen).toContain('a person is here');
    expect(started).toMatchObject({ args: ['--resume', sessionId], cwd: worktree, isTTY: true, env: { FROM_SPEC: '1', FROM_TASK: '2' } });
    expect(Object.keys(started.env).filter((name) => name.startsWith('ORCH_') || name.startsWith('GIT_TRACE'))).toEqual([]);
    expect(readFileSync(path.join(worktree ?? '', 'bad.txt'), 'utf8')).toBe('bad\n');
  });

  test.runIf(hasTerminals)('commits by hand stay on the branch and are told of; a retry saves them before it begins anew', async () => {
    const { code, screen } = await onTerminal('late', { BY_HAND: 'commit', BY_HAND_EXIT: '7' });
    expect([code, screen]).toEqual([1, expect.stringMatching(/orch\/done\/late is at [0-9a-f]{10} now; orch merge takes[\s\S]*exit 7/)]);
    expect(refsWith('by-hand.txt', 'refs/heads/orch/done/late')).toHaveLength(1);
    await onTerminal('bad');
    const again = await project.run(['resume', 'done', '--failed']);
    expect(again.code, again.stderr).toBe(1);
    expect(new Set(refsWith('by-hand.txt', 'refs/orch/rescue/done').map((ref) => ref.split('/')[4]?.split('@')[0]))).toEqual(new Set(['bad', 'late']));
  });

  test.runIf(hasTerminals)('orch clean keeps what was done by hand, and with --force saves it first', async () => {
    await onTerminal('lost');
    const { branch } = await taskOfDone('lost');
    const folder = path.join(project.home, 'my räpo ✓.orch', 'done', 'lost');
    expect((await project.run(['teleport', 'lost', '--run', 'done', '--print'])).stderr).not.toContain('made again');
    expect((await project.run(['clean', 'done', '--yes'])).stdout).toContain(`${folder}: it has changes that are not saved`);
    expect(readFileSync(path.join(folder, 'by-hand.txt'), 'utf8')).toBe('by hand\n');
    expect((await project.run(['clean', 'done', '--yes', '--force'])).code).toBe(0);
    expect([existsSync(folder), project.git('for-each-ref', `refs/heads/${branch}`)]).toEqual([false, '']);
    expect(refsWith('by-hand.txt', 'refs/orch/rescue/done/lost*')).toHaveLength(1);
  });
});
