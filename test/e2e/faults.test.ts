// The 62 faults that orch was designed against, each with the test that makes it happen, or the reason why none does; and
// the ones that have no other home.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { expectTidy } from '../support/invariants.ts';
import { orch } from '../support/orch.ts';
import { agentsOf, script, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { appears } from '../support/wait.ts';

/** Fault → files and the titles in them (as they stand in the source), or why it cannot be made to happen here. */
const FAULTS: Readonly<Record<number, readonly (readonly [file: string, title: string])[] | { readonly reason: string }>> = {
  1: [['e2e/crash.test.ts', '%s, time %i']], // recorded, journal-written
  2: [['e2e/crash.test.ts', '%s, time %i']], // attempt-begun
  3: [['e2e/soak.test.ts', 'kills at random moments'], ['e2e/signals.test.ts', 'kill -9 of orch: the next start stops the orphan']],
  4: [['e2e/crash.test.ts', '%s, time %i'], ['phases/reconcile.test.ts', 'a worktree removed by hand after a crash at %s']], // end-saved … result-saved
  5: [['e2e/crash.test.ts', '%s, time %i']], // tree-written, work-saved, old-work-saved
  6: [['e2e/crash.test.ts', '%s, time %i'], ['phases/reconcile.test.ts', 'what a person, or half a verification, left']],
  7: { reason: 'merging into a branch is not part of this release’s driver; its own tests cover the landing' },
  8: { reason: 'as 7: the landing, and what is recorded of it, have their own tests' },
  9: [['e2e/crash.test.ts', '%s, time %i']], // left-saved, files-discarded, worktree-removed
  10: [['phases/workspaces-create.test.ts', 'of a git worktree add that was killed are replaced']],
  11: [['e2e/signals.test.ts', 'kill -9 of orch: the next start stops the orphan'], ['e2e/soak.test.ts', 'kills at random moments']],
  12: [['phases/tiers-crash.test.ts', 'and of the wrapper leaves nothing, or what the next start finds']],
  13: [['e2e/faults-signals.test.ts', 'a terminal that is closed: the agent is stopped'], ['e2e/signals.test.ts', '%s stops gently, saves the work']],
  14: [['e2e/signals.test.ts', '%s stops gently, saves the work'], ['e2e/signals.test.ts', 'a second Ctrl-C kills what is deaf'], ['unit/run/interrupt.test.ts', 'once stops, twice kills, three times leaves']],
  15: [['e2e/faults.test.ts', 'ten that resume the same run at once: one wins'], ['phases/journal-crash.test.ts', 'ten racers, forty rounds']],
  16: [['unit/journal/lock.test.ts', 'dead holders are taken over: no such pid, a reused pid']],
  17: [['unit/journal/lock.test.ts', 'a holder on another machine or in another container is taken over by force only']],
  18: [['phases/journal-crash.test.ts', 'a stopped holder keeps its lock'], ['e2e/faults-signals.test.ts', 'Ctrl-Z stops orch and its timers']],
  19: [['unit/journal/load.test.ts', 'a clock that jumps back changes nothing']],
  20: [['e2e/bad-input.test.ts', 'a timeout of a month'], ['phases/processes.test.ts', 'may be longer than a timer can count']],
  21: [['e2e/faults-disk.test.ts', '%s number %i fails with %s: exit 74, resumable'], ['e2e/faults-disk.test.ts', 'that an agent fills: exit 74']],
  22: [['phases/processes-volume.test.ts', 'goes on when the log cannot be written']],
  23: [['e2e/faults-disk.test.ts', '%s number %s fails with %s on %s: no bug, nothing lost, resumable']],
  24: [['e2e/faults-disk.test.ts', 'that is read-only: refused before any agent starts'], ['e2e/faults-disk.test.ts', 'cannot even begin: %s fails with %s']],
  25: [['e2e/faults-disk.test.ts', '%s number %i fails with %s: exit 74, resumable'], ['unit/journal/journal.test.ts', 'the disk being full for real']],
  26: [['unit/journal/load.test.ts', 'cut at any byte: every whole line is there'], ['e2e/crash.test.ts', '%s, time %i']], // journal-written
  27: [['unit/journal/load.test.ts', 'damage in the middle is refused with file, line and byte']],
  28: [['unit/journal/load.test.ts', 'a newer format or an unknown event is refused']],
  29: [['e2e/faults-disk.test.ts', 'too few descriptors: tasks wait and are tried again']],
  30: [['e2e/bad-input.test.ts', 'an agent that is %s'], ['phases/processes.test.ts', 'is named with the reason']],
  31: [['e2e/faults.test.ts', 'a worktree that vanishes before its agent starts']],
  32: [['e2e/bad-input.test.ts', 'git too old, and no git']],
  33: [['e2e/faults.test.ts', 'an agent that the system kills']],
  34: [['phases/processes-volume.test.ts', 'costs neither memory nor disk beyond the bound'], ['phases/processes-volume.test.ts', 'may be a single line']],
  35: [['phases/tiers.test.ts', 'the deaf are killed after the grace'], ['e2e/hostile-agents.test.ts', 'no process of any agent is left']],
  36: [['phases/tiers.test.ts', 'nothing of a hostile program outlives its stop'], ['e2e/hostile-agents.test.ts', 'no process of any agent is left']],
  37: [['phases/tiers.test.ts', 'kill -9 -1 harms nobody else']],
  38: [['e2e/hostile-agents.test.ts', '%s → %s (%s)']],
  39: [['e2e/hostile-agents.test.ts', 'the half-done work of %s is safe on a ref']],
  40: [['phases/workspaces-damage.test.ts', 'deletes it: commits and what was staged are kept']],
  41: [['e2e/hostile-agents.test.ts', 'what was done on another branch is on a rescue ref']],
  42: [['phases/tamper.test.ts', '%s: put back, and the attempt has failed'], ['phases/tamper.test.ts', 'the user commits, branches and configures meanwhile']],
  43: [['phases/reconcile.test.ts', 'a branch whose commit the agent has destroyed goes']],
  44: [['phases/tamper.test.ts', 'host git runs nothing that an agent planted'], ['phases/workspaces-damage.test.ts', 'replaces .git by a repository of its own']],
  45: [['phases/reconcile.test.ts', 'locks that a killed git left on what is the task’s own are removed']],
  46: [['e2e/faults.test.ts', 'two runs at once in one repository, and its user at work'], ['phases/tamper.test.ts', 'the user commits, branches and configures meanwhile']],
  47: [['e2e/real-input.test.ts', 'the user’s checkout is what it was: status, HEAD, index bytes, stash, config']],
  48: [['phases/workspaces-create.test.ts', 'that conflict are named, with the files']],
  49: [['e2e/bad-input.test.ts', 'invalid YAML'], ['e2e/bad-input.test.ts', 'a duplicate key']],
  50: [['e2e/bad-input.test.ts', 'an unknown key, with what was meant']],
  51: [['e2e/bad-input.test.ts', 'a cycle, printed'], ['e2e/bad-input.test.ts', 'a missing need, with what was meant']],
  52: [['e2e/bad-input.test.ts', 'an alias bomb'], ['e2e/bad-input.test.ts', 'a file of more than 5 MB'], ['e2e/bad-input.test.ts', 'deep nesting']],
  53: [['e2e/bad-input.test.ts', 'a chain of 10,000 needs'], ['e2e/bad-input.test.ts', '10,000 independent tasks']],
  54: [['e2e/bad-input.test.ts', 'a path as id'], ['e2e/bad-input.test.ts', '__proto__ as id'], ['e2e/bad-input.test.ts', 'an id of 300 characters']],
  55: [['e2e/bad-input.test.ts', 'a prompt of 2 MB that begins with -- reaches the agent whole'], ['e2e/bad-input.test.ts', 'NUL in a prompt']],
  56: [['phases/workspaces-carry.test.ts', 'refuses what leads out of the repository']],
  57: [['e2e/hostile-agents.test.ts', 'escape codes reach the terminal nowhere'], ['unit/lib/terminal.test.ts', 'nothing that a terminal obeys']],
  58: [['phases/processes.test.ts', 'do not reach log, lines or tails']],
  59: [['phases/sandbox.test.ts', 'is found by trying: absent, forbidden, or only pretended'], ['phases/tiers-crash.test.ts', 'leads to a choice that is never lowered silently']],
  60: { reason: 'no network or case-insensitive file system can be mounted here; a file system without link(2) is e2e/faults-disk “cannot even begin: link”' },
  61: [['phases/reconcile.test.ts', 'a worktree removed by hand after a crash at %s']],
  62: [['unit/run/gate.test.ts', 'never opens before what the provider asked for'], ['clients/claude.test.ts', 'rate']],
};

test('each of the 62 faults has its test, by name, or a reason', () => {
  expect(Object.keys(FAULTS).map(Number)).toEqual(Array.from({ length: 62 }, (_, i) => i + 1));
  const missing = Object.entries(FAULTS).flatMap(([fault, tests]) => {
    if ('reason' in tests) return tests.reason.length > 5 ? [] : [fault];
    return tests.filter(([file, title]) => !readFileSync(path.join(import.meta.dirname, '..', file), 'utf8').includes(title)).map(([file, title]) => `${fault}: ${file} has no “${title}”`);
  });
  expect(missing).toEqual([]);
});

let project: Project;
const at = (name: string): string => project.at(name);
eachProject((made) => { project = made; }, { name: 'repo' });

describe('one run, several orchs', () => {
  test('ten that resume the same run at once: one wins, the others name it and leave with 3', async () => {
    const manifest = project.manifest(`tasks:\n  a: { prompt: ${script('edit a.txt a', `touch ${at('ready')}`, `wait ${at('go')}`, 'edit b.txt b')} }\n`);
    for (let round = 0; round < 3; round += 1) {
      const crashed = await project.run(['run', manifest, '--run-id', `race-${round}`], { env: { ORCH_CRASH_AT: 'attempt-begun' } });
      expect(crashed.signal).toBe('SIGKILL');
      const racers = Array.from({ length: 10 }, () => project.start(['resume', `race-${round}`]));
      const losers = racers.map(async (racer) => await racer.ended);
      await appears(at('ready'));
      // Nine leave while the winner's agent waits.
      let left = 0;
      await new Promise<void>((resolve) => {
        for (const loser of losers) void loser.then(() => { if ((left += 1) === 9) resolve(); });
      });
      writeFileSync(at('go'), '');
      const ends = await Promise.all(losers);
      expect(ends.map(({ code }) => String(code)).sort()).toEqual(['0', ...Array.from({ length: 9 }, () => '3')]);
      for (const { code, stderr } of ends) if (code === 3) expect(stderr).toMatch(/process \d+/);
      expectTidy(project, `race-${round}`);
      for (const name of readdirSync(at(''))) execFileSync('rm', [at(name)]);
    }
  });

  test('two runs at once in one repository, and its user at work: nobody disturbs anybody', async () => {
    const manifest = project.manifest(`
max-parallel: 3
tasks:
${Array.from({ length: 6 }, (_, i) => `  t${i}: { verify: "test -f t${i}.txt", prompt: ${script(`edit t${i}.txt ${i}`, 'sleep 100', 'commit Mine', `edit more${i}.txt ${i}`)} }`).join('\n')}
  all: { needs: [t0, t1, t2], run: "cat t0.txt t1.txt t2.txt > all.txt" }
`);
    const runs = ['left', 'right'].map((run) => project.start(['run', manifest, '--run-id', run]));
    let isOver = false;
    const over = Promise.all(runs.map(async (run) => await run.ended)).finally(() => { isOver = true; });
    let commits = 0;
    while (!isOver) {
      commits += 1;
      project.commit(`Mine ${commits}`, { 'mine.txt': `${commits}\n` });
      project.git('switch', '-q', '-C', commits % 2 === 0 ? 'side' : 'main');
      project.git('gc', '-q');
      project.git('log', '--all', '--oneline');
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    for (const ended of await over) {
      expect(ended.code, ended.stderr).toBe(0);
      expect(ended.stderr).not.toMatch(/tampered|somebody/);
    }
    for (const run of ['left', 'right']) {
      expectTidy(project, run);
      expect(project.git('show', `orch/${run}/all:all.txt`)).toBe('0\n1\n2');
    }
    expect(commits).toBeGreaterThan(1);
    expect(project.git('status', '--porcelain')).toBe('');
    expect(project.git('show', 'HEAD:mine.txt')).toBe(String(commits));
  });
});

test('an agent that the system kills (memory) is said to have been, and its work is saved', async () => {
  const ended = await project.run(['run', project.manifest(`tasks:\n  a: { prompt: ${script('edit a.txt half', 'die')} }\n`)]);
  expect(ended.code).toBe(1);
  const task = await project.task('a');
  expect(task).toMatchObject({ outcome: 'failed', reason: 'agent-error' });
  expect(task.message).toMatch(/SIGKILL|killed/);
  expect(project.git('show', `${task.head}:a.txt`)).toBe('half');
});

test('a worktree that vanishes before its agent starts is made again, and no program is blamed', async () => {
  const manifest = project.manifest(`tasks:\n  a: { setup: "rm -rf \\"$PWD\\"", run: "echo a > a.txt" }\n`);
  const checkout = checkoutState(project);
  const ended = await project.run(['run', manifest]);
  expect(ended.stderr).not.toContain('ENOENT');
  expect(ended.code, ended.stderr).toBe(1);
  expect(await project.task('a')).toMatchObject({ outcome: 'failed' });
  expect(agentsOf(project)).toEqual([]);
  expect(checkoutState(project)).toEqual(checkout);
}, 120_000);

test('git that is gone in the middle of a run fails what it fails, and orch is no bug', async () => {
  const bin = path.join(project.home, 'bin');
  mkdirSync(bin);
  const real = spawnSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).stdout.trim();
  writeFileSync(path.join(bin, 'git'), `#!/bin/sh\ntest -e '${at('gone')}' && exit 127\nexec '${real}' "$@"\n`, { mode: 0o755 });
  const manifest = project.manifest(`tasks:\n  a: { run: "echo a > a.txt; touch ${at('gone')}" }\n`);
  const ended = await orch(['run', manifest, '--run-id', 'gone'], { cwd: project.path, env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
  expect(ended.stderr).not.toContain('bug in orch');
  expect(ended.code, ended.stderr).not.toBe(0);
  execFileSync('rm', [at('gone')]);
  const resumed = await project.run(['resume', 'gone', '--failed']);
  expect(resumed.code, resumed.stderr).toBe(0);
  expectTidy(project, 'gone');
});
