// What can be asked of a run from another terminal: cancel, retry and add, of a live run by its socket, of a stopped one by
// its records. Agents wait for files, so that nothing here guesses at time.
import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { retryTasks } from '../../src/commands/retry.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { eachProject } from '../support/each.ts';
import { processesOf } from '../support/invariants.ts';
import { type Running } from '../support/orch.ts';
import { agentsOf, script, type Project } from '../support/project.ts';
import { appears } from '../support/wait.ts';

let project: Project;
eachProject((made) => { project = made; });
const at = (name: string): string => project.at(name);
const runDir = (run: string): string => path.join(project.path, '.git', 'orch', 'runs', run);
const go = (name: string): void => { writeFileSync(at(name), ''); };

/** `a` works until `go-a`, `b` until `go-b`, `c` needs `a`; `bad` fails until it may succeed. */
async function begin(): Promise<Running> {
  const running = project.start(['run', project.manifest(`
tasks:
  a: ${script('edit a.txt half', `touch ${at('a')}`, `wait ${at('go-a')}`, 'edit a.txt whole')}
  b: ${script(`touch ${at('b')}`, `wait ${at('go-b')}`, 'edit b.txt whole')}
  c: { needs: a, prompt: ${script('edit c.txt c')} }
  bad: { run: 'test -e ${at('mended')}' }
`), '--run-id', 'live']);
  await Promise.all([appears(at('a')), appears(at('b')), running.saw('[bad] failed')]);
  return running;
}

test('a live run: one task is cancelled and its work saved, one retried, others added, the rest comes to its end', async () => {
  const running = await begin();
  const socket = path.join(runDir('live'), 'control.sock');
  expect(lstatSync(socket).isSocket()).toBe(true);
  expect(statSync(socket).mode & 0o777).toBe(0o600);

  const cancelled = await project.run(['cancel', 'a']);
  expect(cancelled, cancelled.stderr).toMatchObject({ code: 0, stdout: 'cancelled: a\n' });
  await running.saw('[c] skipped');
  expect(await project.task('b')).toMatchObject({ state: 'running' });

  expect(await project.run(['retry', 'b'])).toMatchObject({ code: 3, stderr: expect.stringContaining('b has not ended') as string });
  expect(await project.run(['retry', 'c'])).toMatchObject({ code: 3, stderr: expect.stringContaining('orch retry a c') as string });
  expect(await project.run(['cancel', 'bb'])).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean b?') as string });
  go('mended');
  const retried = await project.run(['retry', 'bad']);
  expect(retried, retried.stderr).toMatchObject({ code: 0, stdout: 'tried again: bad\n' });
  await running.saw('[bad] completed');

  const prompt = await project.run(['add', 'edit one.txt 1', 'edit one.txt 2']);
  expect(prompt, prompt.stderr).toMatchObject({ code: 0, stdout: 'added to live: edit-one-txt-1, edit-one-txt-2\n' });
  const more = project.manifest(`tasks:\n  after: { needs: [b, edit-one-txt-1], prompt: "nothing", run: null }\n`);
  expect(await project.run(['add', more])).toMatchObject({ code: 2 });
  writeFileSync(more, `agents: { other: { command: [${JSON.stringify(process.execPath)}, -e, "require('fs').writeFileSync('other.txt', 'x')"], prompt: stdin, output: text } }
tasks:
  after: { needs: [b, edit-one-txt-1], prompt: edit after.txt x }
  other: { agent: other, prompt: x }\n`);
  const added = await project.run(['add', more]);
  expect(added, added.stderr).toMatchObject({ code: 0, stdout: 'added to live: after, other\n' });
  expect(await project.run(['add', more])).toMatchObject({ code: 2, stderr: expect.stringContaining('the run has a task "after" already') as string });
  await running.saw('[other] completed');
  go('go-b');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(1);
  const { tasks } = await project.status('live');
  expect(tasks.map(({ id, outcome, reason }) => `${id} ${outcome}${reason === null ? '' : ` ${reason}`}`)).toEqual([
    'a cancelled cancelled', 'b completed', 'c skipped dependency', 'bad completed', 'edit-one-txt-1 completed', 'edit-one-txt-2 completed', 'after completed', 'other completed',
  ]);
  expect(project.git('show', `${tasks[0]?.head}:a.txt`)).toBe('half');
  // It started from the merge of its needs.
  expect(project.git('ls-tree', '--name-only', tasks[6]?.branch ?? '')).toMatch(/after\.txt[\s\S]*b\.txt[\s\S]*one\.txt/);
  expect(processesOf(project)).toEqual([]);
  expect(existsSync(socket)).toBe(false);
});

test('cancel --all ends a live run for good: a resume takes nothing up, a retry does what it is told', async () => {
  const running = await begin();
  expect(await project.run(['cancel'])).toMatchObject({ code: 2 });
  expect(await project.run(['cancel', '--all', 'a'])).toMatchObject({ code: 2 });
  const cancelled = await project.run(['cancel', '--all']);
  expect(cancelled, cancelled.stderr).toMatchObject({ code: 0, stdout: 'cancelled: a, b, c\n' });
  expect((await running.ended).code).toBe(1);
  expect(agentsOf(project)).toEqual([]);
  expect(await project.run(['cancel', '--all'])).toMatchObject({ code: 3, stderr: expect.stringContaining('every task has ended') as string });
  for (const name of ['go-a', 'go-b', 'mended']) go(name);
  expect((await project.run(['resume'])).code).toBe(1);
  expect((await project.status()).counts).toMatchObject({ cancelled: 3, failed: 1 });
  const retried = await project.run(['retry', 'a', 'bad']);
  expect(retried.code, retried.stderr).toBe(1);
  expect((await project.status()).tasks.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(['a completed', 'b cancelled', 'c cancelled', 'bad completed']);
  // As a view with keys does it: in the background.
  const here = process.cwd();
  process.chdir(project.path);
  try {
    const repo = await openRepository(project.path);
    await expect(retryTasks(repo, 'live', ['a'])).rejects.toMatchObject({ code: 'completed' });
    expect(await retryTasks(repo, 'live', ['b', 'c'])).toMatchObject({ tasks: ['b', 'c'] });
  } finally {
    process.chdir(here);
  }
  expect((await project.run(['wait'])).code).toBe(0);
  expect(await project.run(['add', 'edit x.txt x'])).toMatchObject({ code: 3, stderr: expect.stringContaining('nobody is working on run live') as string });
});

test('a run that was killed: cancel records it, saves what was left, and starts nothing', async () => {
  const running = await begin();
  running.child.kill('SIGKILL');
  await running.ended;
  // The socket of the dead process is there still, and nobody is taken in by it.
  expect(existsSync(path.join(runDir('live'), 'control.sock'))).toBe(true);
  expect(await project.run(['wait'])).toMatchObject({ code: 1, stderr: expect.stringContaining('orch resume live') as string });
  const one = await project.run(['cancel', 'a']);
  expect(one, one.stderr).toMatchObject({ code: 0, stdout: 'cancelled: a\n' });
  expect(processesOf(project)).toEqual([]);
  const status = await project.status();
  expect(status).toMatchObject({ state: 'interrupted', exitCode: 130 });
  expect(status.tasks.map(({ id, outcome, reason, attempts }) => `${id} ${outcome} ${reason} ${attempts}`)).toEqual(['a cancelled cancelled 1', 'b cancelled interrupted 1', 'c skipped dependency 0', 'bad failed agent-error 1']);
  for (const name of ['go-a', 'go-b']) go(name);
  expect((await project.run(['resume'])).code).toBe(1);
  expect((await project.status()).tasks.map(({ outcome }) => outcome)).toEqual(['cancelled', 'completed', 'skipped', 'failed']);
  const log = readFileSync(path.join(runDir('live'), 'journal.1.ndjson'), 'utf8');
  expect(log).not.toContain('task-cancelling');
});

test('the socket answers strangers with a reason, and outlives what they send', async () => {
  const running = await begin();
  const say = async (text: string): Promise<string> => await new Promise((resolve, reject) => {
    const socket = createConnection(path.join(runDir('live'), 'control.sock'));
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.includes('\n')) socket.destroy();
    }).on('close', () => resolve(answer)).on('error', reject);
    socket.write(text);
  });
  expect(JSON.parse(await say('{"v":1,"type":"ping"}\n'))).toMatchObject({ v: 1, ok: true, run: 'live', pid: running.child.pid });
  expect(JSON.parse(await say('{"v":2,"type":"ping"}\n'))).toMatchObject({ ok: false, code: 'version' });
  expect(JSON.parse(await say('{"v":1,"type":"dance"}\n'))).toMatchObject({ ok: false, code: 'bad-request' });
  expect(JSON.parse(await say('{"v":1,"type":"cancel","tasks":[1]}\n'))).toMatchObject({ ok: false, code: 'bad-request' });
  const task = { id: 'x', branch: 'main', needs: ['nobody'] };
  expect(JSON.parse(await say(`${JSON.stringify({ v: 1, type: 'add', tasks: [task] })}\n`))).toMatchObject({ ok: false, code: 'bad-tasks', exitCode: 2 });
  expect(JSON.parse(await say('nonsense\n'))).toMatchObject({ ok: false, code: 'bad-request' });
  expect(JSON.parse(await say('{"v":1,"type":"stop"}\n'))).toMatchObject({ ok: true });
  expect((await running.ended).code).toBe(130);
  expect((await project.status()).tasks.map(({ reason }) => reason)).toEqual(['interrupted', 'interrupted', 'interrupted', 'agent-error']);
});
