// `orch tasks` on a terminal: a run looked into and acted on with keys, and the terminal given back.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { CLI } from '../support/orch.ts';
import { script, type Project } from '../support/project.ts';
import { hasTerminals, runInTerminal } from '../support/pty.ts';
import type { Screen } from '../support/screen.ts';
import { appears } from '../support/wait.ts';

let project: Project;
eachProject((made) => { project = made; });
const shows = (text: string | RegExp) => (screen: Screen): boolean => screen.isAlternate && (typeof text === 'string' ? screen.lines().some((line) => line.includes(text)) : text.test(screen.lines().join('\n')));

test.runIf(hasTerminals)('a live run: details, diff, filter, cancel; then q, and SIGTERM, give the terminal back', async () => {
  const manifest = project.manifest(`tasks:\n  a: { prompt: ${script('say hello', 'edit a.txt new')} }\n  b: { prompt: ${script(`touch ${project.at('ready')}`, `wait ${project.at('never')}`)} }\n`);
  const started = await project.run(['run', '-d', manifest, '--run-id', 'seen']);
  expect(started.code, started.stderr).toBe(0);
  await appears(project.at('ready'));
  const size = { columns: 80, rows: 24, cwd: project.path };
  const list = runInTerminal(`sh -c 'echo before; "${process.execPath}" "${CLI}" tasks; echo "after $?"'`, size);
  await list.until(shows(/✓ a +completed[\s\S]*▶ b +running/));
  list.type('\r');
  await list.until(shows(/a {2}details[\s\S]*prompt[\s\S]*changes[\s\S]*a\.txt[\s\S]*hello/));
  list.type('d');
  await list.until(shows('+new'));
  list.type('q/b\r');
  await list.until(shows('/b: 1 of 2'));
  list.type('x');
  await list.until(shows('cancel b? y / n'));
  list.type('y');
  await list.until(shows(/○ b +cancelled/));
  list.type('q');
  await list.until((screen) => !screen.isAlternate && screen.everything().includes('after 0'));
  expect(list.screen.everything()).toEqual(['before', 'after 0']);
  expect([list.screen.cursorVisible, list.screen.autowrap, list.screen.unknown]).toEqual([true, true, []]);
  expect(await project.task('b')).toMatchObject({ outcome: 'cancelled' });

  const pid = project.at('pid');
  const ended = runInTerminal(`sh -c 'echo before; echo $$ > "${pid}"; exec "${process.execPath}" "${CLI}" tasks seen'`, size);
  await ended.until(shows('✓ a'));
  process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM');
  expect(await ended.ended).toBe(143);
  expect([ended.screen.isAlternate, ended.screen.cursorVisible, ended.screen.everything()]).toEqual([false, true, ['before']]);
});
