// Stopping a run and going on with it: signals once and twice, kill -9, resume. Processes are awaited, never guessed at.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { type Running } from '../support/orch.ts';
import { agentsOf, makeProject, script, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { appears } from '../support/wait.ts';

let project: Project;
let before: Record<string, string>;
const at = (name: string): string => project.at(name);
eachProject((made) => { project = made; });
beforeEach(() => { before = checkoutState(project); });
afterEach(() => { expect(checkoutState(project)).toEqual(before); });

/** Starts three tasks: one that is done at once, one that works until it is told, one that waits for the second. */
async function begin(...agent: string[]): Promise<Running> {
  const running = project.start(['run', project.manifest(`
tasks:
  quick: ${script('edit quick.txt done')}
  long: ${script('edit half.txt half', ...agent, `touch ${at('ready')}`, `wait ${at('go')}`, 'edit whole.txt whole')}
  next: { needs: long, prompt: ${script('edit next.txt next')} }
`)]);
  await Promise.all([appears(at('ready')), running.saw('[quick] completed')]);
  return running;
}

async function resumesToTheEnd(): Promise<void> {
  mkdirSync(at('go'), { recursive: true });
  const resumed = await project.run(['resume']);
  expect(resumed.code, resumed.stderr).toBe(0);
  const status = await project.status();
  expect(status.tasks.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(['quick completed', 'long completed', 'next completed']);
  const [quick, long, next] = status.tasks;
  // What was completed is not done again.
  expect(quick?.attempts).toBe(1);
  expect(long?.attempts).toBe(2);
  expect(project.git('ls-tree', '-r', '--name-only', next?.branch ?? '')).toMatch(/half\.txt[\s\S]*next\.txt[\s\S]*whole\.txt/);
}

test.each([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const)('%s stops gently, saves the work and exits %i; resume goes on', async (signal, code) => {
  const running = await begin();
  expect(agentsOf(project).length).toBeGreaterThan(0);
  running.child.kill(signal);
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(code);
  expect(agentsOf(project)).toEqual([]);
  const status = await project.status();
  expect(status).toMatchObject({ state: 'interrupted', exitCode: code });
  const long = status.tasks.find(({ id }) => id === 'long');
  expect(long).toMatchObject({ outcome: 'cancelled', reason: 'interrupted' });
  expect(project.git('show', `${long?.head}:half.txt`)).toBe('half');
  expect(ended.stderr).toContain(`orch resume ${status.run}`);
  await resumesToTheEnd();
  // The half of the first attempt is still there.
  expect(project.git('show', `${long?.head}:half.txt`)).toBe('half');
  expect(project.git('for-each-ref', '--contains', long?.head ?? '', '--format=%(refname)')).not.toBe('');
});

test('a second Ctrl-C kills what is deaf to the first, and its work is saved even so', async () => {
  const deaf = makeProject({ config: { grace: '5m' } });
  const ready = path.join(deaf.home, 'ready');
  const running = deaf.start(['run', deaf.manifest(`tasks:\n  a: ${script('deaf', 'edit half.txt half', `touch ${ready}`, 'hang')}\n`)]);
  await appears(ready);
  running.child.kill('SIGINT');
  // A repeat within a second is taken for npm's echo: this delay is the rule under test.
  await new Promise((resolve) => { setTimeout(resolve, 1100); });
  running.child.kill('SIGINT');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(130);
  expect(agentsOf(deaf)).toEqual([]);
  expect(deaf.git('show', `${(await deaf.task('a')).head}:half.txt`)).toBe('half');
  deaf.dispose();
});

test('kill -9 of orch: the next start stops the orphan, loses nothing and arrives', async () => {
  const running = await begin(`daemon ${at('daemon')}`);
  await appears(at('daemon'));
  running.child.kill('SIGKILL');
  await running.ended;
  expect(await project.status()).toMatchObject({ state: 'interrupted', exitCode: null });
  await resumesToTheEnd();
  expect(agentsOf(project)).toEqual([]);
  const { run } = await project.status();
  expect(project.git('show', `refs/orch/rescue/${run}/long:half.txt`)).toBe('half');
});

test('a run that somebody is working on is not resumed by another (exit 3)', async () => {
  const running = await begin();
  const ended = await project.run(['resume']);
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain(String(running.child.pid));
  expect(await project.status()).toMatchObject({ state: 'running' });
  expect((await project.run(['clean', (await project.status()).run])).code).toBe(3);
  running.child.kill('SIGINT');
  await running.ended;
});

test('logs -f follows until the task has ended', async () => {
  const running = await begin('say one');
  const follow = project.start(['logs', 'long', '-f']);
  await follow.saw('one');
  mkdirSync(at('go'), { recursive: true });
  expect((await running.ended).code).toBe(0);
  expect((await follow.ended).code).toBe(0);
});

test('--json streams the journal, gapless, run-started first and run-finished last', async () => {
  const ended = await project.run(['run', 'edit a.txt a', 'edit b.txt b', '--json']);
  expect(ended.code).toBe(0);
  const events = ended.stdout.trim().split('\n').map((line) => JSON.parse(line) as { v: number; seq: number; type: string; run: string });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  expect([events[0]?.type, events.at(-1)?.type]).toEqual(['run-started', 'run-finished']);
  const journal = path.join(project.commonDir, `orch/runs/${events[0]?.run}/journal.1.ndjson`);
  for (const { seq } of events) expect(readFileSync(journal, 'utf8')).toContain(`"seq":${seq},`);
  // The narration is on the other stream.
  expect(ended.stderr).toContain('2 completed');
});

test('a resume does not touch a run of the same name in another repository', async () => {
  const other = makeProject();
  const [ready, go] = [other.at('ready'), other.at('go')];
  const theirs = other.start(['run', other.manifest(`tasks:\n  a: ${script(`touch ${ready}`, `wait ${go}`, 'edit a.txt a')}\n`), '--run-id', 'same']);
  await appears(ready);
  await project.run(['run', project.manifest(`tasks:\n  a: ${script('edit a.txt a', 'fail 1')}\n`), '--run-id', 'same']);
  expect((await project.run(['resume', '--failed'])).code).toBe(1);
  mkdirSync(go);
  expect((await theirs.ended).code).toBe(0);
  other.dispose();
});
