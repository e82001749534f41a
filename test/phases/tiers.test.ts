// What holds in every tier, and what only the firm ones promise. Tiers that do not work on this machine are skipped, aloud.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import type { Spawned, StopRequest } from '../../src/effects/effects.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { createTable } from '../../src/effects/processes/table.ts';
import { probeTiers } from '../../src/effects/processes/tiers.ts';
import { findTools } from '../../src/effects/processes/tools.ts';
import { eachProcessRig } from '../support/each.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { isAlive, type ProcessRig } from '../support/process-rig.ts';
import { hostileScript, taggedSurvivors } from '../support/hostile.ts';

const clock = createClock();
const reports = await probeTiers(clock);
for (const { tier, name, containment, reason } of reports) if (containment === null) console.warn(`Skipped: tier ${tier}, ${name}: ${reason}`);
const tiers = reports.flatMap(({ tier, containment }) => (containment === null ? [] : [{ tier, containment, processes: createProcesses({ clock, containment }) }]));
const withoutPerl = (await probeTiers(clock, { ...findTools(), perl: null }))
  .flatMap(({ tier, containment }) => (tier > 2 || containment === null ? [] : [{ tier, processes: createProcesses({ clock, containment }) }]));

let rig: ProcessRig;
eachProcessRig((made) => { rig = made; });
const stopFor = (request: Partial<StopRequest> = {}): StopRequest => ({ reason: 'interrupted', forced: false, ...request });

describe.each(tiers)('in tier $tier', ({ tier, containment, processes }) => {
  it('exit codes and signals come through as they are', async () => {
    for (const code of [0, 1, 7, 126, 127, 129, 137, 143, 255]) {
      expect((await processes.run(rig.shell(`exit ${code}`))).exit).toEqual({ kind: 'code', code });
    }
    for (const signal of ['TERM', 'KILL', 'SEGV', 'HUP', 'USR1']) {
      expect((await processes.run(rig.shell(`kill -${signal} $$; sleep 9`))).exit).toEqual({ kind: 'signal', signal: `SIG${signal}` });
    }
    expect((await processes.run(rig.shell('exit 0'))).tier).toBe(tier);
  });

  it.skipIf(tier === 4 || process.platform !== 'linux')('what runs is what the kernel ends first when memory runs out, and the supervisor is not', async () => {
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
    const end = await processes.run(rig.shell('cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj; exec sleep 0'));
    expect(end.stdoutTail.trim().split('\n').map(Number)).toEqual([Math.max(own, 500), own]);
  });

  it('input, output, folder and environment are as without it', async () => {
    const input = 'ünïcödé\n'.repeat(100_000);
    const env = { PATH: process.env['PATH'] ?? '', ORCH_RUN_ID: rig.run, PERL5OPT: '-Mno_such_module', PERL_BADLANG: '1', LC_ALL: 'no_SUCH.locale', ODD: 'a\nb="c" \\$' };
    const end = await processes.run(rig.shell('wc -c; pwd; echo problem >&2; env -0 | tr "\\n\\0" "|\\n" | sort; ls /proc/self/fd | wc -l', { stdin: input, env }));
    const lines = end.stdoutTail.trim().split('\n').filter((line) => !/^(PWD|_|SHLVL|OLDPWD|ORCH_NONCE)=/.test(line));
    const seen = ['ODD=a|b="c" \\$', 'LC_ALL=no_SUCH.locale', `ORCH_RUN_ID=${rig.run}`, `PATH=${env.PATH}`, 'PERL5OPT=-Mno_such_module', 'PERL_BADLANG=1'].sort();
    expect([lines[0]?.trim(), lines[1], ...lines.slice(2, -1).sort()]).toEqual([String(Buffer.byteLength(input)), rig.dir, ...seen]);
    expect(end.stderrTail).toBe('problem\n');
    expect(end.stdoutTail).toContain('\nORCH_NONCE=');
  });

  it('input may be left unread, and the program may close its output early', async () => {
    expect((await processes.run(rig.shell('exec 0<&-; exit 5', { stdin: 'x'.repeat(4_000_000) }))).exit).toEqual({ kind: 'code', code: 5 });
    expect((await processes.run(rig.shell('echo a; exec >&- 2>&-; sleep 0.05; exit 6')))).toMatchObject({ exit: { kind: 'code', code: 6 }, stdoutTail: 'a\n' });
  });

  it('the program is given no descriptor but the usual three', async () => {
    const listed = (await processes.run(rig.shell('for fd in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && readlink /proc/$$/fd/$fd; done; true'))).stdoutTail;
    expect(listed).toBe('');
  });

  it('a program that cannot be started is named with the reason', async () => {
    const message = async (command: string, args: readonly string[] = []) => (await processes.run(rig.shell('', { command, args }))).exit;
    expect(await message('no-such-program')).toEqual({ kind: 'spawn-error', message: 'program not found on PATH: no-such-program (ENOENT)' });
    expect(await message('./missing')).toEqual({ kind: 'spawn-error', message: `program not found: ${rig.at('missing')} (ENOENT)` });
    expect(await message(rig.dir)).toEqual({ kind: 'spawn-error', message: `program is not executable: ${rig.dir} (EACCES)` });
    expect(await message('/bin/sh', ['x'.repeat(200_000)])).toEqual({ kind: 'spawn-error', message: 'cannot start /bin/sh: its arguments and environment are too long (E2BIG)' });
  });

  it('a stop reaches the program itself, which has its time and its exit', async () => {
    const clock = createFakeClock();
    const running = createProcesses({ clock, containment }).run(rig.agent([`on-term ${rig.at('tidied')} 7`, `touch ${rig.at('ready')}`, 'hang'], { timeoutMs: 500, graceMs: 20_000 }));
    await rig.appeared('ready');
    clock.advance(500);
    expect((await running).exit).toEqual({ kind: 'timeout', afterMs: 500, idle: false, forced: false });
    expect(readFileSync(rig.at('tidied'), 'utf8')).toBe('tidy');
  });

  it('a program that is stopped is woken to end', async () => {
    const end = await processes.run(rig.shell('kill -STOP $$; exec sleep 60', { timeoutMs: 300, graceMs: 20_000 }));
    expect(end.exit).toMatchObject({ kind: 'timeout', forced: false });
  });

  it('the deaf are killed after the grace, or at once when forced', async () => {
    for (const forced of [false, true]) {
      const stop = new AbortController();
      const running = processes.run(rig.agent(['deaf', `touch ${rig.at(`ready-${forced}`)}`, 'hang'], { graceMs: forced ? 60_000 : 200 }), stop.signal);
      await rig.appeared(`ready-${forced}`);
      stop.abort(stopFor({ forced }));
      expect((await running).exit).toEqual({ kind: 'killed', by: 'interrupted', forced: true });
    }
  });

  it('a stop at any moment of the start leaves nothing and does not hang', async () => {
    for (let delay = 0; delay < 30; delay += 3) {
      const stop = new AbortController();
      const running = processes.run(rig.shell(`exec perl -e 'sleep 1 while 1' ${rig.run}`, { graceMs: 60_000 }), stop.signal);
      setTimeout(() => stop.abort(stopFor()), delay);
      expect((await running).exit).toMatchObject({ kind: 'killed', by: 'interrupted' });
      expect(taggedSurvivors(rig.run)).toEqual([]);
    }
  });

  it('what was left behind is stopped and counted, what is about to end may end', async () => {
    expect(await processes.run(rig.shell('(sleep 0.05; echo late) & exit 0'))).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'late\n', leftovers: 0 });
    expect(await processes.run(rig.shell('setsid sleep 60 & exit 3', { graceMs: 200 }))).toMatchObject({ exit: { kind: 'code', code: 3 }, leftovers: 1 });
    const end = await processes.run(rig.agent([`daemon ${rig.at('a')}`, `deaf-daemon ${rig.at('b')}`, `wait ${rig.at('a')}`, `wait ${rig.at('b')}`, 'fail 4'], { graceMs: 200 }));
    expect(end.exit).toEqual({ kind: 'code', code: 4 });
    expect(end.leftovers).toBeGreaterThanOrEqual(2);
  });

  it('nothing of a hostile program outlives its stop', async () => {
    const stop = new AbortController();
    const running = processes.run(rig.shell(hostileScript({ tag: rig.run, ready: rig.at('ready'), worst: tier < 4 }), { graceMs: 100 }), stop.signal);
    await rig.appeared('ready');
    stop.abort(stopFor());
    expect((await running).exit).toMatchObject({ kind: 'killed', forced: true });
    expect(taggedSurvivors(rig.run)).toEqual([]);
  });

  it('the caller is told of the spawn, and its refusal stops the program', async () => {
    const told: Spawned[] = [];
    await processes.run({ ...rig.shell('exit 0'), onSpawned: async (spawned) => void told.push(spawned) });
    expect(told).toEqual([{ pid: expect.any(Number), startTime: expect.any(Number), bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), tier }]);
    const refused = processes.run({ ...rig.shell('sleep 60'), onSpawned: () => Promise.reject(new Error('disk full')) });
    await expect(refused).rejects.toThrow('disk full');
  });
});

describe.each(tiers.filter(({ tier }) => tier <= 2))('in tier $tier', ({ processes }) => {
  it('kill -9 -1 harms nobody else, and not even the program', async () => {
    const end = await processes.run(rig.shell(`perl -e 'sleep 1 while 1' ${rig.run} & kill -9 -1; echo alive; exit 3`));
    expect(end).toMatchObject({ exit: { kind: 'code', code: 3 }, stdoutTail: 'alive\n', leftovers: 0 });
  });

  it('the program can neither stop nor see its supervisor from outside', async () => {
    const end = await processes.run(rig.shell('kill -STOP 1; kill -KILL 1; echo $$; ls -d /proc/[0-9]* | wc -l'));
    expect(end.exit).toEqual({ kind: 'code', code: 0 });
    expect(Number(end.stdoutTail.split('\n')[0])).toBeLessThan(20);
    expect(Number(end.stdoutTail.split('\n')[1])).toBeLessThan(20);
  });
});

describe.each(tiers.filter(({ tier }) => tier === 3))('in tier 3', ({ processes }) => {
  it('a program that kills or stops its supervisor is ended all the same', async () => {
    const killed = await processes.run(rig.shell(`(setsid perl -e 'sleep 1 while 1' ${rig.run} >/dev/null 2>&1 &); sleep 0.05; kill -9 $PPID; sleep 60`, { graceMs: 200 }));
    expect(killed.exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    expect(killed.leftovers).toBeGreaterThanOrEqual(2);
    const stopped = await processes.run(rig.shell('kill -STOP $PPID; exec sleep 60', { timeoutMs: 300, graceMs: 200 }));
    expect(stopped.exit).toMatchObject({ kind: 'timeout' });
  });
});

describe('many trees', () => {
  it('that are looked at together share one look, which is never older than the question', async () => {
    const table = createTable();
    const [first, second] = await Promise.all([table.rows(null), table.rows(null)]);
    expect(first).toBe(second);
    const child = spawn('sleep', ['60']);
    const later = await table.rows(null);
    expect(later.map((row) => row.pid)).toContain(child.pid);
    expect(first?.map((row) => row.pid)).not.toContain(child.pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});

describe.each(withoutPerl)('without perl, in tier $tier', ({ processes }) => {
  it('codes, streams, leftovers and stops are as with it', async () => {
    expect(await processes.run(rig.shell('cat; [ -e /proc/$$/fd/3 ] || exit 7', { stdin: 'input' }))).toMatchObject({ exit: { kind: 'code', code: 7 }, stdoutTail: 'input', stderrTail: '' });
    expect((await processes.run(rig.shell('kill -KILL $$'))).exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    expect((await processes.run(rig.shell('setsid sleep 60 & exit 4'))).leftovers).toBe(1);
    const stop = new AbortController();
    const running = processes.run(rig.agent([`on-term ${rig.at('tidied')} 0`, `touch ${rig.at('ready')}`, 'hang'], { graceMs: 20_000 }), stop.signal);
    await rig.appeared('ready');
    stop.abort(stopFor());
    expect((await running).exit).toEqual({ kind: 'killed', by: 'interrupted', forced: false });
    expect(existsSync(rig.at('tidied'))).toBe(true);
    expect(isAlive(process.pid)).toBe(true);
  });
});
