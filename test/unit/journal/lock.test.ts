import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { acquire, loadHolder } from '../../../src/journal/lock.ts';
import type { Holder } from '../../../src/journal/lock.ts';
import { publishLock } from '../../../src/journal/lock-files.ts';
import { loadIdentity, loadLiveness } from '../../../src/journal/process-identity.ts';
import { temporaryDir } from './sample.ts';

async function writeHolder(dir: string, epoch: number, change: Partial<Holder>): Promise<string> {
  const file = path.join(dir, `lock.${epoch}`);
  writeFileSync(file, JSON.stringify({ ...(await loadIdentity()), acquiredAt: 1_790_000_000_000, ...change }));
  return file;
}

async function refusal(dir: string, force = false): Promise<unknown> {
  return await acquire({ dir, force }).then(() => 'acquired', (error: unknown) => error);
}

/** A process that does nothing until it is killed. */
async function idleProcess(): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  onTestFinished(end);
  return { pid: child.pid ?? -1, end };
}

async function startTimeOf(pid: number): Promise<string> {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

test('a lock excludes, names its holder, and is free after its release', async () => {
  const dir = temporaryDir();
  const lock = await acquire({ dir });
  expect(lock.epoch).toBe(1);
  expect(await loadHolder(dir)).toMatchObject({ pid: process.pid });
  expect(await refusal(dir)).toMatchObject({ code: 'run-locked', exitCode: 3, message: expect.stringContaining(`process ${process.pid} on `) as string });
  expect(await refusal(dir, true)).toMatchObject({ code: 'run-locked' });
  await lock.release();
  await lock.release();
  expect(await loadHolder(dir)).toBeNull();
});

test('the number rises after each release, and also when only a journal remembers it', async () => {
  const dir = temporaryDir();
  for (const expected of [1, 2, 3]) {
    await using lock = await acquire({ dir });
    expect(lock.epoch).toBe(expected);
  }
  expect(readdirSync(dir)).toEqual(['lock.3']);
  rmSync(path.join(dir, 'lock.3'));
  writeFileSync(path.join(dir, 'journal.12.ndjson'), '');
  await using lock = await acquire({ dir });
  expect(lock.epoch).toBe(13);
});

test('a late release does not empty the lock of a successor', async () => {
  const dir = temporaryDir();
  const lock = await acquire({ dir });
  rmSync(path.join(dir, 'lock.1'));
  writeFileSync(path.join(dir, 'journal.1.ndjson'), '');
  await using successor = await acquire({ dir });
  await lock.release();
  expect(successor.epoch).toBe(2);
  expect(await loadHolder(dir)).toMatchObject({ pid: process.pid });
});

test('dead holders are taken over: no such pid, a reused pid, an earlier boot', async () => {
  const gone = await idleProcess();
  await gone.end();
  const other = await idleProcess();
  const dead: Partial<Holder>[] = [{ pid: gone.pid }, { pid: other.pid, startTime: '1' }, { bootId: 'an-earlier-boot' }];
  for (const change of dead) {
    const dir = temporaryDir();
    await writeHolder(dir, 7, change);
    expect(await loadHolder(dir)).toBeNull();
    await using lock = await acquire({ dir });
    expect(lock.epoch).toBe(8);
    expect(readdirSync(dir)).toEqual(['lock.8']);
  }
});

test('a living holder is not: also when it is stopped, or its host was renamed', async () => {
  const other = await idleProcess();
  const startTime = await startTimeOf(other.pid);
  process.kill(other.pid, 'SIGSTOP');
  for (const change of [{ pid: other.pid, startTime }, { pid: other.pid, startTime, host: 'renamed' }]) {
    const dir = temporaryDir();
    await writeHolder(dir, 1, change);
    expect(await refusal(dir)).toMatchObject({ code: 'run-locked', message: expect.stringContaining(`process ${other.pid}`) as string });
    expect(await refusal(dir, true)).toMatchObject({ code: 'run-locked' });
    expect(readdirSync(dir)).toEqual(['lock.1']);
  }
});

test('a holder on another machine or in another container is taken over by force only', async () => {
  for (const change of [{ host: 'elsewhere', bootId: 'theirs' }, { pidNamespace: 'pid:[1]' }]) {
    const dir = temporaryDir();
    await writeHolder(dir, 1, change);
    expect(await refusal(dir)).toMatchObject({ code: 'run-locked', exitCode: 3, hint: expect.stringContaining('--force') as string });
    expect(await loadHolder(dir)).toMatchObject({ acquiredAt: 1_790_000_000_000 });
    await using lock = await acquire({ dir, force: true });
    expect(lock.epoch).toBe(2);
  }
});

test.each(['garbage', '{}', 'null', '{"pid":"1","host":"h","acquiredAt":1}'])('a lock that says %j is not guessed at', async (text) => {
  const dir = temporaryDir();
  writeFileSync(path.join(dir, 'lock.4'), text);
  expect(await refusal(dir)).toMatchObject({ code: 'run-locked', message: expect.stringContaining('lock.4') as string });
  await using lock = await acquire({ dir, force: true });
  expect(lock.epoch).toBe(5);
});

test('temporary files of killed processes go with the next lock; names that only look alike stay', async () => {
  const dir = temporaryDir();
  const names = ['lock.0123456789ab.tmp', 'lock.bak', 'lock.01', 'lock.-1'];
  for (const name of names) writeFileSync(path.join(dir, name), '');
  utimesSync(path.join(dir, 'lock.0123456789ab.tmp'), 1, 1);
  await using lock = await acquire({ dir });
  expect(lock.epoch).toBe(1);
  expect(readdirSync(dir).sort()).toEqual(['lock.-1', 'lock.01', 'lock.1', 'lock.bak']);
});

test('a number that was chosen too late is given back: below a lock, at or below a journal, or taken', async () => {
  for (const [name, epoch] of [['lock.5', 3], ['lock.5', 4], ['journal.3.ndjson', 3], ['journal.9.ndjson', 3], ['lock.3', 3]] as const) {
    const dir = temporaryDir();
    writeFileSync(path.join(dir, 'content'), 'mine');
    writeFileSync(path.join(dir, name), 'theirs');
    writeFileSync(path.join(dir, 'lock.2'), 'old');
    expect(await publishLock({ dir, epoch, content: path.join(dir, 'content') })).toBe(false);
    expect(readdirSync(dir).sort()).toEqual(['content', name, 'lock.2'].sort());
    expect(readFileSync(path.join(dir, name), 'utf8')).toBe('theirs');
  }
});

test('a lock appears whole: it is the file that was written before', async () => {
  const dir = temporaryDir();
  writeFileSync(path.join(dir, 'content'), 'mine');
  expect(await publishLock({ dir, epoch: 1, content: path.join(dir, 'content') })).toBe(true);
  expect(statSync(path.join(dir, 'lock.1')).ino).toBe(statSync(path.join(dir, 'content')).ino);
});

test('a folder that cannot hold a lock is exit 74', async () => {
  expect(await refusal(path.join(temporaryDir(), 'absent'))).toMatchObject({ code: 'lock-failed', exitCode: 74 });
});

test('a zombie is dead', async () => {
  const self = await loadIdentity();
  // The child outlives the shell, which becomes a program that never asks for its end.
  const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const state = (): string => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0] ?? '';
  while (state() !== 'Z') await new Promise((resolve) => setImmediate(resolve));
  expect(await loadLiveness({ ...self, pid, startTime: await startTimeOf(pid) }, self)).toBe('dead');
});

test('without boot ids and start times only the pid on this host is asked', async () => {
  const blank = { startTime: null, bootId: null, pidNamespace: null };
  const self = { ...(await loadIdentity()), ...blank };
  expect(await loadLiveness(self, self)).toBe('alive');
  expect(await loadLiveness({ ...self, host: 'elsewhere' }, self)).toBe('foreign');
  const gone = await idleProcess();
  await gone.end();
  expect(await loadLiveness({ ...self, pid: gone.pid }, self)).toBe('dead');
});
