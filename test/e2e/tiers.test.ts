// How firmly agents are held is never less than before without a word.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { probeTiers } from '../../src/effects/processes/tiers.ts';
import { appears } from '../support/wait.ts';
import { agentsOf, makeProject, type Project } from '../support/project.ts';

const works = (await probeTiers(createClock())).flatMap(({ tier, containment }) => (containment === null ? [] : [tier]));

/** A folder of programs that refuse to hold anything together, to come first on PATH. */
function refusing(project: Project, names: readonly string[]): Record<string, string> {
  const bin = path.join(project.home, 'bin');
  mkdirSync(bin);
  for (const name of names) writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${name}: not permitted" >&2\nexit 1\n`, { mode: 0o755 });
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}

test.skipIf(!works.includes(1) || works.length < 2)('a run that is resumed where bubblewrap does not work any more says so, and one where it does says nothing', async () => {
  const project = makeProject();
  const tasks = project.manifest('max-parallel: 1\ntasks: { a: { run: "echo a > a.txt" }, b: { run: "echo b > b.txt" }, c: { run: "echo c > c.txt" } }\n');
  const crashed = await project.run(['run', tasks, '--run-id', 'held'], { env: { ORCH_CRASH_AT: 'attempt-begun:2' } });
  expect(crashed.signal).toBe('SIGKILL');
  expect(crashed.stderr).not.toContain('firmly');
  const again = await project.run(['resume', 'held'], { env: { ORCH_CRASH_AT: 'attempt-begun:2' } });
  expect(again.stderr).not.toContain('firmly');
  const lowered = await project.run(['resume', 'held'], { env: refusing(project, ['bwrap']) });
  expect(lowered.code, lowered.stderr).toBe(0);
  expect(lowered.stderr).toMatch(/less firmly than before in this run \(tier [234], .*; it was tier 1, pid namespace \(bubblewrap\)\): orch doctor shows why/);
  project.dispose();
});

test('where nothing holds agents together it is said, and what outlives a killed orch is stopped by the next before it begins', async () => {
  const project = makeProject();
  const [first, ready] = ['first', 'ready'].map((name) => project.at(name));
  const tasks = project.manifest(`tasks: { a: { run: ${JSON.stringify(`if mkdir '${first}' 2>/dev/null; then setsid sleep 300 & touch '${ready}'; sleep 300; fi; echo a > a.txt`)} } }`);
  const env = refusing(project, ['bwrap', 'unshare', 'perl']);
  const running = project.start(['run', tasks, '--run-id', 'loose'], { env });
  await appears(ready ?? '');
  running.child.kill('SIGKILL');
  expect((await running.ended).stderr).toContain('one that hides may outlive its task');
  expect(agentsOf(project).length).toBeGreaterThan(1);
  const resumed = await project.run(['resume', 'loose'], { env });
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stderr).toMatch(/what the last orch had left running was stopped \(\d+ processes\)/);
  expect(agentsOf(project)).toEqual([]);
  project.dispose();
});
