// Signals beyond the plain ones: before anything runs, from npm, Ctrl-Z, and a terminal or reader that goes away. Agents
// are never left alone.
import { mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { processesOf } from '../support/invariants.ts';
import { type Running } from '../support/orch.ts';
import { agentsOf, script, type Project } from '../support/project.ts';
import { hasTerminals, runInTerminal } from '../support/pty.ts';
import type { Screen } from '../support/screen.ts';
import { CLI } from '../support/orch.ts';
import { appears, until } from '../support/wait.ts';

let project: Project;
const at = (name: string): string => project.at(name);
eachProject((made) => { project = made; }, { name: 'repo' });
const delay = async (ms: number): Promise<void> => { await new Promise((resolve) => { setTimeout(resolve, ms); }); };
/** A letter, as `ps` has it; a shell's `sleep` may be gone by the time that it is looked at. */
function stateOf(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '?';
  } catch {
    return 'gone';
  }
}

async function begin(...steps: string[]): Promise<Running> {
  const running = project.start(['run', project.manifest(`tasks:\n  a: { prompt: ${script('edit half.txt half', ...steps, `touch ${at('ready')}`, `wait ${at('go')}`, 'edit a.txt done')} }\n`), '--run-id', `signals-${process.pid}`]);
  await appears(at('ready'));
  return running;
}

test('npm sends Ctrl-C a second time: agents still get their grace', async () => {
  // It takes longer than all of the signals: one that meets a process at its very end ends that.
  const running = await begin(`on-term ${at('tidy')} 0 500`);
  running.child.kill('SIGINT');
  running.child.kill('SIGINT');
  await delay(100);
  running.child.kill('SIGINT');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(130);
  expect(readFileSync(at('tidy'), 'utf8')).toBe('tidy');
});

test('a signal that comes before there is anything to stop is not lost', async () => {
  const runs = path.join(project.path, '.git', 'orch', 'runs');
  mkdirSync(runs, { recursive: true });
  const begun = new Promise<void>((resolve) => {
    const watcher = watch(runs, () => { watcher.close(); resolve(); });
  });
  const running = project.start(['run', project.manifest('tasks:\n  a: { run: "sleep 20" }\n')]);
  await begun;
  running.child.kill('SIGTERM');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(143);
  expect((await project.run(['status'])).code).toBe(0);
});

test('Ctrl-Z stops orch and its timers, not its agents; fg goes on', async () => {
  // A shell: of the timeout, as little as can be is spent on a start.
  const waits = JSON.stringify(`touch '${at('ready')}'; until test -e '${at('go')}'; do sleep 0.05; done; echo done > a.txt`);
  const running = project.start(['run', project.manifest(`tasks:\n  a: { timeout: 3s, run: ${waits} }\n`)]);
  await appears(at('ready'));
  const pid = running.child.pid ?? 0;
  running.child.kill('SIGTSTP');
  await until('orch is stopped', () => stateOf(pid) === 'T');
  expect(agentsOf(project).length).toBeGreaterThan(0);
  for (const agent of agentsOf(project)) expect(stateOf(Number.parseInt(agent, 10))).not.toBe('T');
  // Longer than the timeout: that it does not count is what is tested.
  await delay(3200);
  running.child.kill('SIGCONT');
  writeFileSync(at('go'), '');
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(0);
});

test.each(['stderr', 'stdout and stderr'])('a reader of %s that goes away ends nothing: the run comes to its end', async (which) => {
  const running = await begin();
  running.child.stderr?.destroy();
  if (which !== 'stderr') running.child.stdout?.destroy();
  writeFileSync(at('go'), '');
  const ended = await running.ended;
  expect(ended).toMatchObject({ code: 0, signal: null });
  expect(await project.task('a')).toMatchObject({ outcome: 'completed' });
});

test('a command whose reader has seen enough is no error', async () => {
  expect(await project.run(['run', 'edit a.txt a'])).toMatchObject({ code: 0 });
  const running = project.start(['status', '--json']);
  running.child.stdout?.destroy();
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
});

test.runIf(hasTerminals)('a terminal that is closed: the agent is stopped, its work saved, the run can be resumed', async () => {
  const manifest = project.manifest(`tasks:\n  a: { prompt: ${script('edit half.txt half', `touch ${at('ready')}`, `wait ${at('go')}`, 'edit a.txt done')} }\n`);
  const run = `hangup-${process.pid}`;
  const terminal = runInTerminal(`'${process.execPath}' '${CLI}' run '${manifest}' --run-id ${run}`, { columns: 80, rows: 24, cwd: project.path });
  await appears(at('ready'));
  terminal.kill();
  await terminal.ended;
  await until('the agent is gone', () => agentsOf(project).length === 0);
  await until('orch has ended', async () => (await project.status(run)).state !== 'running');
  const status = await project.status(run);
  expect(status).toMatchObject({ state: 'interrupted', exitCode: 129 });
  expect(project.git('show', `${status.tasks[0]?.head}:half.txt`)).toBe('half');
  await until('no process of the run is left', () => processesOf(project).length === 0);
  writeFileSync(at('go'), '');
  expect((await project.run(['resume', run])).code).toBe(0);
});

test.runIf(hasTerminals)('Ctrl-Z on a terminal gives the shell back, fg goes on', async () => {
  const manifest = project.manifest(`tasks:\n  a: { prompt: ${script(`touch ${at('ready')}`, `wait ${at('go')}`, 'edit a.txt done')} }\n`);
  const terminal = runInTerminal('bash --norc --noprofile -i', { columns: 80, rows: 24, cwd: project.path });
  const shows = (text: string) => (screen: Screen): boolean => screen.everything().some((line) => line.includes(text));
  terminal.type(`'${process.execPath}' '${CLI}' run '${manifest}'\r`);
  await appears(at('ready'));
  await terminal.until((screen) => !screen.cursorVisible);
  terminal.type('\u001A');
  await terminal.until(shows('Stopped'));
  expect(terminal.screen.cursorVisible).toBe(true);
  terminal.type('fg\r');
  await terminal.until((screen) => !screen.cursorVisible);
  writeFileSync(at('go'), '');
  await terminal.until((screen) => screen.cursorVisible);
  terminal.type('exit $?\r');
  expect(await terminal.ended).toBe(0);
  expect(await project.task('a')).toMatchObject({ outcome: 'completed' });
});

test('a run that was stopped is not begun again in silence: orch run says so, and begins a new one', async () => {
  const running = await begin();
  running.child.kill('SIGKILL');
  await running.ended;
  writeFileSync(at('go'), '');
  const manifest = path.join(project.home, 'manifests', 'tasks1.yml');
  const again = await project.run(['run', manifest]);
  expect(again.code, again.stderr).toBe(0);
  expect(again.stderr).toContain(`signals-${process.pid} of this manifest was stopped before its end: orch resume signals-${process.pid}`);
  expect((await project.status(`signals-${process.pid}`)).state).toBe('interrupted');
  expect((await project.run(['resume', `signals-${process.pid}`])).code).toBe(0);
  expect((await project.run(['run', manifest])).stderr).not.toContain('stopped before its end');
});
