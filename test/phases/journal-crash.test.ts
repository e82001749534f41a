// The journal and its lock against real kills, races, stops and full disks.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { loadJournal } from '../../src/journal/load.ts';
import { acquire } from '../../src/journal/lock.ts';
import { sampleEvents } from '../unit/journal/events.ts';
import { temporaryDir } from '../unit/journal/sample.ts';
import { buildChild, startChild } from './journal/children.ts';
import type { Child } from './journal/children.ts';

let folder = '';
let program = '';
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'orch-child-'));
  program = await buildChild(folder);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

// A file system of one megabyte, in a mount namespace of its own, copied at the end; not every machine lets its users do this.
const withSmallDisk = (dir: string): string[] => ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', `mount -t tmpfs -o size=1m none '${dir}/disk' && "$@"; cp -r '${dir}/disk' '${dir}/copy'`, 'sh'];
const canMount = ((): boolean => {
  try {
    execFileSync('unshare', ['--user', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', os.tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** The highest sequence number that a child said was acknowledged. */
function lastAcked(lines: readonly string[]): number {
  return Math.max(0, ...lines.map((line) => Number(/^acked (\d+)$/.exec(line)?.[1] ?? 0)));
}

test('thirty writers killed at random moments: every acknowledged event is there, in order', async () => {
  const dir = temporaryDir();
  let acked = 0;
  for (let round = 1; round <= 30; round += 1) {
    const child = startChild(program, ['write', dir]);
    const [word, epoch, seq] = (await child.next())?.split(' ') ?? [];
    expect([word, Number(epoch)]).toEqual(['open', round]);
    expect(Number(seq)).toBeGreaterThanOrEqual(acked);
    await delay(Math.random() * 25);
    child.kill('SIGKILL');
    acked = Math.max(acked, lastAcked(await child.rest()));
    const { events } = await loadJournal(dir);
    expect(events.length).toBeGreaterThanOrEqual(acked);
    expect(events.every((event, index) => event.seq === index + 1)).toBe(true);
  }
  expect(acked).toBeGreaterThan(300);
  const { events } = await loadJournal(dir);
  expect(events.slice(0, 100)).toEqual(sampleEvents(100));
});

test('ten racers, forty rounds: one winner each, whether the last one was killed or let go', async () => {
  const dir = temporaryDir();
  const racers = Array.from({ length: 10 }, () => startChild(program, ['race', dir]));
  await Promise.all(racers.map((racer) => racer.next()));
  let highest = 0;
  for (let round = 0; round < 40; round += 1) {
    for (const racer of racers) racer.process.stdin.write('go\n');
    const answers = await Promise.all(racers.map((racer) => racer.next()));
    const winner = answers.findIndex((answer) => answer?.startsWith('won ') === true);
    expect(answers.filter((_, index) => index !== winner)).toEqual(Array.from({ length: 9 }, () => 'lost run-locked'));
    const epoch = Number(answers[winner]?.split(' ')[1]);
    expect(epoch).toBeGreaterThan(highest);
    highest = epoch;
    if (round % 3 === 0) racers[winner] = await replaced(racers[winner], dir);
    else await letGo(racers[winner]);
  }
  expect(readdirSync(dir)).toEqual([`lock.${highest}`]);
});

async function letGo(winner: Child | undefined): Promise<void> {
  winner?.process.stdin.write('release\n');
  expect(await winner?.next()).toBe('released');
}

async function replaced(winner: Child | undefined, dir: string): Promise<Child> {
  winner?.kill('SIGKILL');
  await winner?.ended;
  const racer = startChild(program, ['race', dir]);
  await racer.next();
  return racer;
}

test('a storm of takers and leavers: never two inside, never a number twice', async () => {
  const dir = temporaryDir();
  const children = Array.from({ length: 6 }, () => startChild(program, ['storm', dir, '25']));
  const lines = (await Promise.all(children.map((child) => child.rest()))).flat();
  expect(lines.filter((line) => !line.startsWith('won '))).toEqual([]);
  const epochs = lines.map((line) => Number(line.split(' ')[1]));
  expect(new Set(epochs).size).toBe(150);
});

test('a stopped holder keeps its lock; a killed one is followed at once', async () => {
  const dir = temporaryDir();
  const holder = startChild(program, ['hold', dir]);
  expect(await holder.next()).toBe('won 1');
  holder.kill('SIGSTOP');
  await expect(acquire({ dir })).rejects.toMatchObject({ code: 'run-locked', exitCode: 3, message: expect.stringContaining(`process ${holder.process.pid} `) as string });
  holder.kill('SIGKILL');
  await holder.ended;
  await using lock = await acquire({ dir });
  expect(lock.epoch).toBe(2);
});

test.runIf(canMount)('a run taken over by force while its writer writes: the writer stops, and nothing it was promised is lost', async () => {
  // From here a process in another pid namespace can be seen as little as one on another machine.
  const elsewhere = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  for (let round = 0; round < 8; round += 1) {
    const dir = temporaryDir();
    const writer = startChild(program, ['write', dir], elsewhere);
    expect(await writer.next()).toBe('open 1 0');
    await delay(Math.random() * 20);
    await expect(acquire({ dir })).rejects.toMatchObject({ code: 'run-locked', hint: expect.stringContaining('--force') as string });
    await using lock = await acquire({ dir, force: true });
    await using journal = await Journal.open({ dir, epoch: lock.epoch });
    const from = journal.lastSeq;
    await journal.append(sampleEvents(5, from + 1));
    const lines = await writer.rest();
    expect(lines.at(-1)).toBe('failed ESTALE 74');
    expect(lastAcked(lines)).toBeGreaterThan(0);
    expect(lastAcked(lines)).toBeLessThanOrEqual(from);
    expect((await loadJournal(dir)).events).toHaveLength(from + 5);
  }
});

test.runIf(canMount)('a disk that fills up: exit 74, and exactly what was acknowledged is there', async () => {
  const dir = temporaryDir();
  mkdirSync(path.join(dir, 'disk'));
  const child = startChild(program, ['write', path.join(dir, 'disk')], withSmallDisk(dir));
  const lines = await child.rest();
  expect(lines.at(-1)).toBe('failed ENOSPC 74');
  expect(lastAcked(lines)).toBeGreaterThan(500);
  const { events, torn } = await loadJournal(path.join(dir, 'copy'));
  expect(events).toHaveLength(lastAcked(lines));
  expect(torn).toEqual([]);
});

test.runIf(canMount)('a read-only folder: refused with exit 74', async () => {
  const dir = temporaryDir();
  const wrapper = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', `mount -t tmpfs -o ro none '${dir}' && "$@"`, 'sh'];
  expect(await startChild(program, ['create', dir], wrapper).rest()).toEqual(['refused state-not-writable 74']);
});
