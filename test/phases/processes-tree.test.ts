// Trees of processes that do not want to end. Whatever they try, nothing may be alive when `run` resolves, and nothing
// that is not theirs may be hurt.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { createTable, psRow, psTable } from '../../src/effects/processes/table.ts';
import { ProcessTree } from '../../src/effects/processes/tree.ts';
import { eachProcessRig } from '../support/each.ts';
import { isAlive, type ProcessRig } from '../support/process-rig.ts';

const processes = createProcesses({ clock: createClock() });
let rig: ProcessRig;
eachProcessRig((made) => { rig = made; });

const KINDS = ['child', 'daemon', 'deaf-daemon', 'bare-daemon'] as const;

describe('after a normal end', () => {
  it.each(KINDS)('a %s that was left behind is stopped and counted', async (kind) => {
    const end = await processes.run(rig.agent([`${kind} ${rig.at('pid')}`, `wait ${rig.at('pid')}`, 'say bye'], { graceMs: 200 }));
    expect(end).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'bye\n' });
    expect(end.leftovers).toBeGreaterThanOrEqual(1);
    expect(isAlive(Number(await rig.appeared('pid')))).toBe(false);
  });

  it('the last program of a pipeline may finish without being called a leftover', async () => {
    const end = await processes.run(rig.shell('(sleep 0.05; echo late) & exit 0'));
    expect(end).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'late\n', leftovers: 0 });
  });

  it('a process that escaped and holds the output open delays the end by no more than the drain', async () => {
    // The one known hole of this tier: neither lineage nor session nor environment tells whose it is.
    const end = await processes.run(rig.shell(`env -i setsid sh -c 'echo $$ > ${rig.at('pid')}.tmp; mv ${rig.at('pid')}.tmp ${rig.at('pid')}; exec sleep 60' & while ! [ -f ${rig.at('pid')} ]; do sleep 0.01; done; sleep 0.2`));
    const escaped = Number(await rig.appeared('pid'));
    if (isAlive(escaped)) process.kill(escaped, 'SIGKILL');
    expect(end.exit).toEqual({ kind: 'code', code: 0 });
  }, 30_000);
});

describe('a stop', () => {
  it('ends every kind at once', async () => {
    const stop = new AbortController();
    const steps = [...KINDS.map((kind) => `${kind} ${rig.at(kind)}`), 'deaf', ...KINDS.map((kind) => `wait ${rig.at(kind)}`), `touch ${rig.at('ready')}`, 'hang'];
    const running = processes.run(rig.agent(steps, { graceMs: 200 }), stop.signal);
    await rig.appeared('ready');
    stop.abort({ reason: 'interrupted', forced: false });
    expect((await running).exit).toEqual({ kind: 'killed', by: 'interrupted', forced: true });
    for (const kind of KINDS) expect(isAlive(Number(await rig.appeared(kind))), kind).toBe(false);
  });

  it('reaches a daemon without environment while its parent lives', async () => {
    const pidFile = rig.at('pid');
    const stop = new AbortController();
    const running = processes.run(rig.shell(`(env -i setsid -w /bin/sh -c 'echo $$ > ${pidFile}.tmp; mv ${pidFile}.tmp ${pidFile}; exec sleep 60') & while :; do sleep 1; done`), stop.signal);
    const pid = Number(await rig.appeared('pid'));
    stop.abort({ reason: 'interrupted', forced: false });
    expect((await running).exit).toMatchObject({ kind: 'killed' });
    expect(isAlive(pid)).toBe(false);
  });

  it('wins against a program that forks without end', async () => {
    const script = `f() { (trap '' TERM; sleep 0.005; f) & }; trap '' TERM; f; echo on > ${rig.at('ready')}; while :; do sleep 1; done`;
    const stop = new AbortController();
    const running = processes.run(rig.shell(script, { graceMs: 100 }), stop.signal);
    await rig.appeared('ready');
    stop.abort({ reason: 'interrupted', forced: false });
    expect((await running).exit).toMatchObject({ kind: 'killed', forced: true });
  });
});

describe('innocent processes', () => {
  it('survive: neighbours, our own children, and who has another nonce', async () => {
    const stranger = spawn('sleep', ['60'], { detached: true, env: { ...process.env, ORCH_NONCE: 'another' } });
    const ours = spawn('sleep', ['60'], { env: process.env });
    const stop = new AbortController();
    const running = processes.run(rig.agent(['deaf', `touch ${rig.at('ready')}`, 'hang'], { graceMs: 100 }), stop.signal);
    await rig.appeared('ready');
    stop.abort({ reason: 'interrupted', forced: true });
    await running;
    expect([isAlive(stranger.pid ?? 0), isAlive(ours.pid ?? 0)]).toEqual([true, true]);
    for (const child of [stranger, ours]) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('are spared when a pid or a group number is used again', async () => {
    const table = createTable();
    const innocent = spawn('sleep', ['60'], { detached: true, env: { ORCH_RUN_ID: rig.run, ORCH_NONCE: 'theirs' } });
    const pid = innocent.pid ?? 0;
    // A tree whose root had this very pid, earlier.
    const reused = new ProcessTree({ table, root: { pid, start: table.startOf(pid) - 1 }, markers: ['ORCH_NONCE=ours'] });
    expect((await reused.signal('SIGKILL')).members).toEqual([]);
    expect(isAlive(pid)).toBe(true);
    // And the same tree without the trick does see it, or this test would prove nothing.
    const real = new ProcessTree({ table, root: { pid, start: table.startOf(pid) }, markers: ['ORCH_NONCE=ours'] });
    expect((await real.scan()).members.map((row) => row.pid)).toEqual([pid]);
    innocent.kill('SIGKILL');
    await once(innocent, 'exit');
  });
});

async function leave(name: string, env: Record<string, string>, trap = ''): Promise<number> {
  const child = spawn('sh', ['-c', `setsid sh -c '${trap} echo $$ > ${name}.tmp; mv ${name}.tmp ${name}; while :; do sleep 1; done' &`], { cwd: rig.dir, detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '', ...env } });
  await once(child, 'exit');
  return Number(await rig.appeared(name));
}

describe('reap', () => {
  it('stops what an earlier orch left of a run or of one task, and nothing else', async () => {
    const one = await leave('one', { ORCH_RUN_ID: rig.run, ORCH_TASK_ID: 'one' }, 'trap "" TERM;');
    const two = await leave('two', { ORCH_RUN_ID: rig.run, ORCH_TASK_ID: 'two' });
    const other = await leave('other', { ORCH_RUN_ID: `${rig.run}-2`, ORCH_TASK_ID: 'one' });
    expect(await processes.reap({ run: rig.run, task: 'one' })).toBeGreaterThanOrEqual(1);
    expect([one, two, other].map(isAlive)).toEqual([false, true, true]);
    expect(await processes.reap({ run: rig.run })).toBeGreaterThanOrEqual(1);
    expect([two, other].map(isAlive)).toEqual([false, true]);
    process.kill(other, 'SIGKILL');
    expect(await processes.reap({ run: rig.run })).toBe(0);
  });

  it('never stops orch itself when it runs inside of an agent', async () => {
    process.env['ORCH_RUN_ID'] = rig.run;
    expect(await processes.reap({ run: rig.run })).toBe(0);
    delete process.env['ORCH_RUN_ID'];
  });
});

describe('a system without /proc', () => {
  it('is read through ps', async () => {
    const own = createProcesses({ clock: createClock(), containment: (await import('../../src/effects/processes/containment.ts')).sessionContainment(psTable()) });
    const end = await own.run(rig.agent([`daemon ${rig.at('pid')}`, `child ${rig.at('child')}`, `wait ${rig.at('pid')}`, `wait ${rig.at('child')}`], { graceMs: 500 }));
    expect(end.exit).toEqual({ kind: 'code', code: 0 });
    expect([Number(await rig.appeared('pid')), Number(await rig.appeared('child'))].map(isAlive)).toEqual([false, false]);
  });

  it('has lines that can be taken apart', () => {
    expect(psRow('  812   1   812   501 Ss   Fri Nov 20 10:01:02 2026     /bin/sh -c x PATH=/bin ORCH_NONCE=1')).toMatchObject({ pid: 812, ppid: 1, pgid: 812, uid: 501 });
    expect(psRow('  813   1   812   501 Z    Fri Nov 20 10:01:02 2026     (sh)')).toBeNull();
  });
});
