// An orch that is killed with -9: what is left of its agents, tier by tier, and what the next start does about it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readlinkSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import type { ProcessSpec, Spawned, Tier } from '../../src/effects/effects.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { sessionContainment } from '../../src/effects/processes/containment.ts';
import { createTable, psTable } from '../../src/effects/processes/table.ts';
import { firmestContainment, firmnessNote, probeTiers } from '../../src/effects/processes/tiers.ts';
import { findTools } from '../../src/effects/processes/tools.ts';
import { bundle } from '../support/bundle.ts';
import { eachProcessRig } from '../support/each.ts';
import { hostileScript, taggedSurvivors, tagGone } from '../support/hostile.ts';
import { createProcessRig, isAlive, type ProcessRig } from '../support/process-rig.ts';

const clock = createClock();
const reports = await probeTiers(clock);
const working = reports.filter(({ containment }) => containment !== null).map(({ tier }) => tier);
for (const { tier, name, containment, reason } of reports) if (containment === null) console.warn(`Skipped: tier ${tier}, ${name}: ${reason}`);
const processes = createProcesses({ clock });

let driverRig: ProcessRig;
let driver: string;
beforeAll(async () => {
  driverRig = createProcessRig();
  driver = await bundle('test/support/tier-driver.ts', driverRig.at('driver.mjs'));
});
afterAll(() => driverRig.dispose());
let rig: ProcessRig;
eachProcessRig((made) => { rig = made; });

/** An orch with hostile agents under it, all of them started. */
async function orch(tier: Tier, { count = 1, worst = tier < 4 } = {}): Promise<{ readonly child: ChildProcess; readonly spawned: readonly Spawned[] }> {
  const specs = Array.from({ length: count }, (_, n): ProcessSpec => rig.shell(hostileScript({ tag: rig.run, ready: rig.at(`ready-${n}`), worst }), { graceMs: 200 }));
  const child = spawn(process.execPath, [driver], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin?.end(JSON.stringify({ tier, specs }));
  const spawned: Spawned[] = [];
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface(child.stdout)) {
    spawned.push(JSON.parse(line) as Spawned);
    if (spawned.length === count) break;
  }
  for (let n = 0; n < count; n += 1) await rig.appeared(`ready-${n}`);
  return { child, spawned };
}

async function kill9(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

describe.each(working.filter((tier) => tier <= 3))('kill -9 of orch in tier %i', (tier) => {
  it('leaves nothing of ten hostile agents', async () => {
    const { child } = await orch(tier, { count: 10 });
    expect(taggedSurvivors(rig.run).length).toBeGreaterThan(90);
    await kill9(child);
    expect(await tagGone(rig.run, 20_000)).toEqual([]);
  });

  it('and of the wrapper leaves nothing, or what the next start finds', async () => {
    // Nothing finds who cleared its environment as well, once the subreaper is gone: the price of tier 3.
    const { child, spawned } = await orch(tier, { worst: tier <= 2 });
    // First the wrapper, so that it cannot do its work when orch goes.
    child.kill('SIGSTOP');
    process.kill(spawned[0]?.pid ?? 0, 'SIGKILL');
    await kill9(child);
    if (tier <= 2) expect(await tagGone(rig.run, 20_000)).toEqual([]);
    else {
      expect(await processes.reap({ run: rig.run, spawned })).toBeGreaterThanOrEqual(5);
      expect(taggedSurvivors(rig.run)).toEqual([]);
    }
  });
});

describe('kill -9 of orch in tier 4', () => {
  it('leaves everything, which the next start ends', async () => {
    const { child, spawned } = await orch(4, { count: 3 });
    await kill9(child);
    expect(taggedSurvivors(rig.run).length).toBeGreaterThanOrEqual(18);
    expect(await processes.reap({ run: rig.run, spawned })).toBeGreaterThanOrEqual(18);
    expect(taggedSurvivors(rig.run)).toEqual([]);
  });
});

const recordOf = (pid: number): Spawned => sessionContainment(createTable()).identify(pid);

/** A session whose members have no marker in their environment. */
async function unmarked(): Promise<{ readonly leader: ChildProcess; readonly member: number }> {
  const leader = spawn('sh', ['-c', `perl -e 'sleep 1 while 1' ${rig.run} & echo $! > pid.tmp; mv pid.tmp pid; wait`], { cwd: rig.dir, detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '' } });
  const member = Number(await rig.appeared('pid'));
  return { leader, member };
}
const reap = (spawned: Spawned) => processes.reap({ run: rig.run, spawned: [spawned] });

// What ps makes of other scripts depends on its locale.
describe.each([['/proc', createTable(), '/tmp/my räpo ✓/a=b c'], ['ps', psTable(), '/tmp/my repo/a=b c']] as const)('reaping by the folder of a run, seen by %s', (_, table, dir) => {
  it('finds it whatever its name has in it', async () => {
    const here = createProcesses({ clock, containment: sessionContainment(table) });
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', ORCH_RUN_ID: rig.run, ORCH_RUN_DIR: dir, LAST: 'x' } });
    await once(child, 'spawn');
    expect(await here.reap({ run: rig.run, dir: `${dir}/other` })).toBe(0);
    expect(await here.reap({ run: rig.run, dir })).toBe(1);
  });
});

describe('reaping by record', () => {
  it('ends the tree of a process that is still the one of the record', async () => {
    const { leader, member } = await unmarked();
    // The shell's last small helper may still be there.
    expect(await reap(recordOf(leader.pid ?? 0))).toBeGreaterThanOrEqual(2);
    expect(isAlive(member)).toBe(false);
  });

  it('finds the rest of a session whose leader is gone', async () => {
    const { leader, member } = await unmarked();
    const record = recordOf(leader.pid ?? 0);
    await kill9(leader);
    expect(isAlive(member)).toBe(true);
    // The shell's last small helper may still be there.
    expect(await reap(record)).toBeGreaterThanOrEqual(1);
    expect(isAlive(member)).toBe(false);
  });

  it('spares who has the pid now: another start time, or another boot', async () => {
    const { leader, member } = await unmarked();
    const record = recordOf(leader.pid ?? 0);
    for (const other of [{ startTime: record.startTime - 1 }, { startTime: record.startTime + 1 }, { bootId: 'another' }]) {
      expect(await reap({ ...record, ...other })).toBe(0);
      expect([leader.pid ?? 0, member].map(isAlive)).toEqual([true, true]);
    }
    expect(await reap(record)).toBeGreaterThanOrEqual(2);
  });

  it('never ends orch itself or who started it', async () => {
    expect(await reap(recordOf(process.pid))).toBe(0);
    expect(await reap(recordOf(process.ppid))).toBe(0);
  });
});

/** An executable of the rig with this name. */
function fake(name: string, text: string): string {
  writeFileSync(rig.at(name), `#!/bin/sh\n${text}\n`);
  chmodSync(rig.at(name), 0o755);
  return rig.at(name);
}

describe('probing', () => {
  const tools = findTools();
  it('tells why a tier does not work, in one line', async () => {
    const nothing = await probeTiers(clock, { bwrap: null, setpriv: null, unshare: null, perl: null, sh: '/bin/sh' });
    expect(nothing.map(({ tier, containment, reason }) => [tier, containment !== null, reason])).toEqual([
      [1, false, 'bwrap is not installed (install bubblewrap)'],
      [2, false, 'setpriv is not installed (install util-linux)'],
      [3, false, 'perl is not installed (install perl)'],
      [4, true, 'a daemon that leaves its session and clears its environment escapes'],
    ]);
    const forbidden = await probeTiers(clock, { ...tools, bwrap: fake('bwrap', 'echo "bwrap: No permissions to create new namespace" >&2; exit 1'), perl: fake('perl', 'exit 2') });
    expect(forbidden[0]?.reason).toBe('cannot start /bin/sh contained: bwrap: No permissions to create new namespace');
    expect(forbidden[2]?.reason).toBe('cannot start /bin/sh contained: the wrapper ended (exit code 2)');
  });

  it('is not deceived by a wrapper that only pretends', async () => {
    const pretended = await probeTiers(clock, { ...tools, bwrap: fake('bwrap', 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"') });
    expect(pretended[0]).toMatchObject({ containment: null, reason: 'it ran, but not in a pid namespace of its own' });
  });

  it('leads to a choice that is never lowered silently', async () => {
    expect((await firmestContainment(clock)).tier).toBe(reports.find(({ containment }) => containment !== null)?.tier);
    const tools = { bwrap: null, setpriv: null, unshare: null, perl: null, sh: '/bin/sh' };
    expect((await firmestContainment(clock, tools)).tier).toBe(4);
    expect([firmnessNote(1, null), firmnessNote(3, null), firmnessNote(1, 1), firmnessNote(1, 3), firmnessNote(4, 4)?.includes('may outlive')]).toEqual([null, null, null, null, true]);
    expect(firmnessNote(2, 1)).toBe('note: agents are held together less firmly than before in this run (tier 2, pid namespace (unshare); it was tier 1, pid namespace (bubblewrap)): orch doctor shows why');
  });

  it('shows the tier in which a process really was', async () => {
    for (const { containment } of reports) {
      if (containment === null) continue;
      const end = await createProcesses({ clock, containment }).run(rig.shell('readlink /proc/self/ns/pid'));
      expect([end.tier, end.stdoutTail.trim() !== readlinkSync('/proc/self/ns/pid')]).toEqual([containment.tier, containment.tier <= 2]);
    }
  });
});
