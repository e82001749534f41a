// How firmly agents are held is never less than before without a word.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { probeTiers } from '../../src/effects/processes/tiers.ts';
import { makeProject } from '../support/project.ts';

const works = (await probeTiers(createClock())).flatMap(({ tier, containment }) => (containment === null ? [] : [tier]));

test.skipIf(!works.includes(1) || works.length < 2)('a run that is resumed where bubblewrap does not work any more says so, and one where it does says nothing', async () => {
  const project = makeProject();
  const tasks = project.manifest('max-parallel: 1\ntasks: { a: { run: "echo a > a.txt" }, b: { run: "echo b > b.txt" }, c: { run: "echo c > c.txt" } }\n');
  const crashed = await project.run(['run', tasks, '--run-id', 'held'], { env: { ORCH_CRASH_AT: 'attempt-begun:2' } });
  expect(crashed.signal).toBe('SIGKILL');
  expect(crashed.stderr).not.toContain('firmly');
  const again = await project.run(['resume', 'held'], { env: { ORCH_CRASH_AT: 'attempt-begun:2' } });
  expect(again.stderr).not.toContain('firmly');
  const bin = path.join(project.home, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: not permitted" >&2\nexit 1\n', { mode: 0o755 });
  const lowered = await project.run(['resume', 'held'], { env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
  expect(lowered.code, lowered.stderr).toBe(0);
  expect(lowered.stderr).toMatch(/less firmly than before in this run \(tier [234], .*; it was tier 1, pid namespace \(bubblewrap\)\): orch doctor shows why/);
  project.dispose();
});
