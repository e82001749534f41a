// Runs in the background: -d, Ctrl+B, a terminal that goes away before and after, and how one comes back. On a terminal the
// run is in a process of its own, which must not be noticed.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { processesOf } from '../support/invariants.ts';
import { CLI } from '../support/orch.ts';
import { agentsOf, script, type Project } from '../support/project.ts';
import { hasTerminals, runInTerminal, type Terminal } from '../support/pty.ts';
import type { Screen } from '../support/screen.ts';
import { appears } from '../support/wait.ts';

let project: Project;
eachProject((made) => { project = made; });
const at = (name: string): string => project.at(name);
const go = (): void => { writeFileSync(at('go'), ''); };
const delay = async (ms: number): Promise<void> => { await new Promise((resolve) => { setTimeout(resolve, ms); }); };
const shows = (text: string) => (screen: Screen): boolean => screen.everything().some((line) => line.includes(text));
const DETACH = '\u0002';

/** A manifest with one task that says `hello`, and works until it is told. */
function waiting(...steps: string[]): string {
  return project.manifest(`tasks:\n  a: { prompt: ${script('say hello', 'edit half.txt half', ...steps, `touch ${at('ready')}`, `wait ${at('go')}`, 'edit a.txt done')} }\n`);
}
function typed(command: string): Terminal {
  return runInTerminal(`'${process.execPath}' '${CLI}' ${command}`, { columns: 80, rows: 24, cwd: project.path });
}

test('-d: what is wrong is told as ever; else the id is printed, the run goes on, and is waited for', async () => {
  const wrong = await project.run(['run', '-d', project.manifest('tasks: { a: { needs: b, run: "true" } }')]);
  expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('there is no task "b"') as string });
  expect((await project.run(['run', '-d', '--agent', 'nobody', 'x'])).code).toBe(2);
  expect(await project.run(['run', '-d', '--json', 'x'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--json: a run in the background') as string });
  expect(await project.run(['run', '-d', 'x'], { env: { ORCH_DISABLE_BACKGROUND: '1' } })).toMatchObject({ code: 2, stderr: expect.stringContaining('ORCH_DISABLE_BACKGROUND is set') as string });
  expect(project.traces()).toEqual([]);
  const junit = path.join(project.home, 'junit.xml');
  const started = await project.run(['run', '-d', waiting(), '--run-id', 'away', '--reporter', `junit=${junit}`]);
  expect(started, started.stderr).toMatchObject({ code: 0, stdout: 'away\n', stderr: expect.stringContaining('orch status --watch') as string });
  await appears(at('ready'));
  const waits = [project.start(['wait']), project.start(['wait', 'a']), project.start(['status', '--watch']), project.start(['status', '--watch', '--json'])];
  await waits[2]?.saw('[a] hello');
  expect(await project.run(['run', '-d', 'x', '--run-id', 'away'])).toMatchObject({ code: 2 });
  go();
  const ended = await Promise.all(waits.map(async (one) => await one.ended));
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  // From the first event on, although it came later.
  const events = (ended[3]?.stdout ?? '').trim().split('\n').map((line) => JSON.parse(line) as { seq: number; type: string });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  expect([events[0]?.type, events.at(-1)?.type]).toEqual(['run-started', 'run-finished']);
  expect(await project.run(['wait', 'away'])).toMatchObject({ code: 0 });
  expect(await project.run(['wait', 'nothing'])).toMatchObject({ code: 2 });
  expect(readFileSync(junit, 'utf8')).toContain('<testsuite');
  expect(readFileSync(path.join(project.path, '.git', 'orch', 'runs', 'away', 'orch.log'), 'utf8')).toContain('[a] completed');
  expect(processesOf(project)).toEqual([]);
});

test('-d: the starter’s death and SIGHUP mean nothing to it; SIGTERM stops it, and wait returns its exit code', async () => {
  const started = await project.run(['run', '-d', waiting(), '--run-id', 'away']);
  expect(started.code, started.stderr).toBe(0);
  await appears(at('ready'));
  const { pid } = JSON.parse(readFileSync(path.join(project.path, '.git', 'orch', 'runs', 'away', 'lock.1'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGHUP');
  await delay(300);
  expect(agentsOf(project).length).toBeGreaterThan(0);
  const [run, task] = [project.start(['wait']), project.start(['wait', 'a'])];
  const watch = project.start(['status', '--watch']);
  await watch.saw('run away');
  watch.child.kill('SIGINT');
  expect((await watch.ended).code).toBe(0);
  expect(agentsOf(project).length).toBeGreaterThan(0);
  process.kill(pid, 'SIGTERM');
  expect((await run.ended).code).toBe(143);
  expect((await task.ended).code).toBe(1);
  expect(processesOf(project)).toEqual([]);
});

test.runIf(hasTerminals)('Ctrl+B gives the shell back and closing the terminal ends nothing; no agent is started twice', async () => {
  const manifest = waiting();
  const terminal = runInTerminal('bash --norc --noprofile -i', { columns: 80, rows: 24, cwd: project.path });
  terminal.type(`'${process.execPath}' '${CLI}' run '${manifest}' --run-id keyed\r`);
  await appears(at('ready'));
  await terminal.until(shows('hello'));
  const agents = agentsOf(project);
  terminal.type(DETACH);
  await terminal.until(shows('keyed goes on in the background'));
  expect(terminal.screen.cursorVisible).toBe(true);
  terminal.type('stty -a; echo "was $?"\r');
  await terminal.until(shows('was 0'));
  expect(terminal.screen.everything().join(' ')).toMatch(/ icanon .* echo /);
  terminal.kill();
  await terminal.ended;
  expect(agentsOf(project)).toEqual(agents);
  const wait = project.start(['wait', 'keyed']);
  go();
  expect((await wait.ended).code).toBe(0);
  expect(await project.task('a')).toMatchObject({ outcome: 'completed', attempts: 1 });
  expect(processesOf(project)).toEqual([]);
});

test.runIf(hasTerminals)('on a terminal: Ctrl-C stops, its second kills; the exit code and the last words are the run’s', async () => {
  const terminal = typed(`run '${waiting('deaf')}' --run-id typed`);
  await appears(at('ready'));
  await terminal.until((screen) => !screen.cursorVisible);
  terminal.type('\u0003');
  await terminal.until(shows('stopping: Ctrl-C again to kill'));
  await delay(1100);
  terminal.type('\u0003');
  expect(await terminal.ended).toBe(130);
  expect(terminal.screen.cursorVisible).toBe(true);
  expect(terminal.screen.unknown).toEqual([]);
  expect(shows('orch resume typed')(terminal.screen)).toBe(true);
  expect(processesOf(project)).toEqual([]);
  expect((await project.status()).tasks[0]).toMatchObject({ reason: 'interrupted' });
});

test.runIf(hasTerminals)('the starter is killed: the run is stopped, its work saved', async () => {
  const manifest = waiting();
  const terminal = runInTerminal(`bash --norc --noprofile -c 'echo pid-$$; exec "${process.execPath}" "${CLI}" run "${manifest}" --run-id orphan'`, { columns: 80, rows: 24, cwd: project.path });
  await appears(at('ready'));
  const pid = Number(/pid-(\d+)/.exec(terminal.screen.everything().join('\n'))?.[1]);
  process.kill(pid, 'SIGKILL');
  await terminal.ended;
  expect((await project.run(['wait'])).code).toBe(129);
  expect((await project.status()).state).toBe('interrupted');
  expect(project.git('show', `${(await project.task('a')).head}:half.txt`)).toBe('half');
  expect(processesOf(project)).toEqual([]);
});

test.runIf(hasTerminals)('the run’s process dies: what it said last is shown, and the run can be resumed', async () => {
  const terminal = typed(`run '${waiting()}' --run-id dead`);
  await appears(at('ready'));
  const dir = path.join(project.path, '.git', 'orch', 'runs', 'dead');
  const { pid } = JSON.parse(readFileSync(path.join(dir, 'lock.1'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  expect(await terminal.ended).toBe(137);
  expect(shows('orch resume dead goes on with it')(terminal.screen)).toBe(true);
  go();
  const resumed = typed('resume');
  expect(await resumed.ended).toBe(0);
  expect(shows('dead: 1 task, 1 completed')(resumed.screen)).toBe(true);
  expect(processesOf(project)).toEqual([]);
});

test.runIf(hasTerminals)('ORCH_DISABLE_BACKGROUND: the run is in the process that was started, and Ctrl+B is a key like any other', async () => {
  const terminal = runInTerminal(`'${process.execPath}' '${CLI}' run '${waiting()}' --run-id here`, { columns: 80, rows: 24, cwd: project.path, env: { ORCH_DISABLE_BACKGROUND: '1' } });
  await appears(at('ready'));
  terminal.type(DETACH);
  go();
  expect(await terminal.ended).toBe(0);
  expect(existsSync(path.join(project.path, '.git', 'orch', 'runs', 'here', 'orch.log'))).toBe(false);
  expect(readdirSync(path.join(project.path, '.git', 'orch', 'runs'))).toEqual(['here']);
});
