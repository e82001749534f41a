import * as fc from 'fast-check';
import { open } from 'node:fs/promises';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { JournalError } from '../../../src/journal/journal-error.ts';
import { Journal } from '../../../src/journal/journal.ts';
import type { JournalFile } from '../../../src/journal/journal.ts';
import { loadJournal } from '../../../src/journal/load.ts';
import { acquire } from '../../../src/journal/lock.ts';
import { sampleEvents } from './events.ts';
import { temporaryDir, writeEpoch } from './sample.ts';
import { tries } from '../../support/tries.ts';

/** A real file whose calls can be counted, held back and made to fail. */
interface Faults {
  writes: number;
  syncs: number;
  /** Awaited before each sync. */
  beforeSync?: () => Promise<void>;
  failWrite?: (write: number) => string | null;
  failSync?: (sync: number) => string | null;
  /** Bytes that one write takes at most. */
  atMost?: number;
}

function fail(code: string | null | undefined): void {
  if (typeof code === 'string') throw Object.assign(new Error(`${code}: injected`), { code });
}

function faulty(faults: Faults): (file: string) => Promise<JournalFile> {
  return async (file) => {
    const handle = await open(file, 'wx');
    return {
      write: async (bytes, offset, length, position) => {
        faults.writes += 1;
        const code = faults.failWrite?.(faults.writes);
        // A failing disk takes half of it first.
        if (typeof code === 'string') await handle.write(bytes, offset, Math.floor(length / 2), position);
        fail(code);
        return await handle.write(bytes, offset, Math.min(length, faults.atMost ?? length), position);
      },
      datasync: async () => {
        faults.syncs += 1;
        await faults.beforeSync?.();
        fail(faults.failSync?.(faults.syncs));
        await handle.datasync();
      },
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    };
  };
}

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => 'ok', (error: unknown) => error);
}

test('what comes during a flush shares the next one', async () => {
  const dir = temporaryDir();
  await using lock = await acquire({ dir });
  const gates: (() => void)[] = [];
  let reached: (() => void) | null = null;
  const faults: Faults = { writes: 0, syncs: 0 };
  await using journal = await Journal.open({ dir, epoch: lock.epoch, openFile: faulty(faults) });
  expect(faults.syncs).toBe(1);
  faults.beforeSync = () => new Promise<void>((resolve) => {
    gates.push(resolve);
    reached?.();
  });
  const nextSync = (): Promise<void> => new Promise((resolve) => {
    reached = resolve;
  });
  const events = sampleEvents(100);
  const done: number[] = [];
  const append = (from: number, to: number): Promise<void>[] => events.slice(from, to).map((event) => journal.append([event]).then(() => void done.push(event.seq)));
  let sync = nextSync();
  const burst = append(0, 10);
  await sync;
  const during = append(10, 100);
  expect(done).toEqual([]);
  expect(faults.writes).toBe(2);
  sync = nextSync();
  gates.shift()?.();
  await Promise.all(burst);
  expect(done).toEqual(events.slice(0, 10).map((event) => event.seq));
  await sync;
  gates.shift()?.();
  await Promise.all(during);
  expect(faults).toMatchObject({ writes: 3, syncs: 3 });
});

test('concurrent appends in random batches load as the same events in order, over any number of epochs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 12 }), { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 400 }), async (epochs, atMost) => {
      const dir = temporaryDir();
      const all = sampleEvents(300);
      let next = 0;
      for (const sizes of epochs) {
        await using lock = await acquire({ dir });
        await using journal = await Journal.open({ dir, epoch: lock.epoch, openFile: faulty({ writes: 0, syncs: 0, atMost }) });
        const appends: Promise<void>[] = [];
        for (const size of sizes) {
          appends.push(journal.append(all.slice(next, next + size)));
          next += size;
          if (size === 3) await appends.at(-1);
        }
        await Promise.all(appends);
        expect(journal.lastSeq).toBe(next);
      }
      expect((await loadJournal(dir)).events).toEqual(all.slice(0, next));
    }),
    { numRuns: tries(40) },
  );
});

test.each([
  ['a write', { failWrite: (n: number) => (n === 4 ? 'ENOSPC' : null) }, 'ENOSPC'],
  ['a sync', { failSync: (n: number) => (n === 4 ? 'EIO' : null) }, 'EIO'],
])('%s that fails ends the journal: all who wait are told, nothing is tried again, what was acknowledged is there', async (_, fault, errno) => {
  const dir = temporaryDir();
  await using lock = await acquire({ dir });
  const faults: Faults = { writes: 0, syncs: 0, ...fault };
  const journal = await Journal.open({ dir, epoch: lock.epoch, openFile: faulty(faults) });
  const events = sampleEvents(40);
  await journal.append(events.slice(0, 5));
  await journal.append(events.slice(5, 10));
  const failing = journal.append(events.slice(10, 12));
  await Promise.resolve();
  await Promise.resolve();
  const waiting = journal.append(events.slice(12, 13));
  const results = [await outcome(failing), await outcome(waiting), await outcome(journal.append(events.slice(13, 14)))];
  for (const result of results) {
    expect(result).toBeInstanceOf(JournalError);
    expect(result).toMatchObject({ code: 'journal-failed', exitCode: 74, errno });
  }
  const { writes, syncs } = faults;
  await journal.close();
  expect(faults).toMatchObject({ writes, syncs });
  const loaded = await loadJournal(dir);
  expect(loaded.events).toEqual(events.slice(0, 10));
  expect(loaded.torn).toEqual([]);
});

test('a disk that is full from the start is exit 74, and leaves nothing that is in the way', async () => {
  const dir = temporaryDir();
  const lock = await acquire({ dir });
  const faults: Faults = { writes: 0, syncs: 0, failWrite: () => 'ENOSPC' };
  expect(await outcome(Journal.open({ dir, epoch: lock.epoch, openFile: faulty(faults) }))).toMatchObject({ code: 'journal-failed', errno: 'ENOSPC' });
  await lock.release();
  expect(await writeEpoch(dir, sampleEvents(3))).toBe(2);
  expect((await loadJournal(dir)).events).toEqual(sampleEvents(3));
});

test('the disk being full for real (/dev/full) is seen', async () => {
  const dir = temporaryDir();
  await using lock = await acquire({ dir });
  expect(await outcome(Journal.open({ dir, epoch: lock.epoch, openFile: () => open('/dev/full', 'w') }))).toMatchObject({ errno: 'ENOSPC' });
});

test('events out of sequence are a bug, not a line', async () => {
  const dir = temporaryDir();
  await using lock = await acquire({ dir });
  const journal = await Journal.open({ dir, epoch: lock.epoch });
  await journal.append(sampleEvents(2));
  expect(await outcome(journal.append(sampleEvents(1, 4)))).toMatchObject({ message: 'event 4 (phase-started) appended where 3 is due' });
  expect(await outcome(journal.append([...sampleEvents(1, 3), ...sampleEvents(1, 3)]))).toBeInstanceOf(Error);
  await journal.append(sampleEvents(1, 3));
  await journal.append([]);
  await journal.close();
  await journal.close();
  expect(await outcome(journal.append(sampleEvents(1, 4)))).toMatchObject({ message: 'the journal is closed' });
  expect((await loadJournal(dir)).events).toEqual(sampleEvents(3));
});

test('closing waits for what was appended', async () => {
  const dir = temporaryDir();
  await using lock = await acquire({ dir });
  const journal = await Journal.open({ dir, epoch: lock.epoch });
  const appended = journal.append(sampleEvents(50));
  await journal.close();
  await appended;
  expect((await loadJournal(dir)).events).toHaveLength(50);
});

test('a holder that was robbed is told at its next append, and its successor loses nothing', async () => {
  const dir = temporaryDir();
  const lock = await acquire({ dir });
  const journal = await Journal.open({ dir, epoch: lock.epoch });
  await journal.append(sampleEvents(3));
  const file = path.join(dir, `lock.${lock.epoch}`);
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"0"').replace(/"host":"[^"]*"/, '"host":"elsewhere"'));
  await using successor = await acquire({ dir, force: true });
  await using theirs = await Journal.open({ dir, epoch: successor.epoch });
  const told = await outcome(journal.append(sampleEvents(2, 4)));
  expect(told).toMatchObject({ code: 'journal-failed', errno: 'ESTALE', exitCode: 74 });
  await theirs.append(sampleEvents(4, 4));
  await journal.close();
  await lock.release();
  expect((await loadJournal(dir)).events).toEqual(sampleEvents(7));
});

test.each([
  ['released', (_dir: string, release: () => Promise<void>) => release()],
  ['removed', (dir: string) => Promise.resolve(rmSync(path.join(dir, 'lock.1')))],
  ['written anew', (dir: string) => Promise.resolve(writeFileSync(path.join(dir, 'lock.1'), '{}'))],
])('without its lock (%s) a journal writes nothing that counts', async (_, lose) => {
  const dir = temporaryDir();
  const lock = await acquire({ dir });
  await using journal = await Journal.open({ dir, epoch: lock.epoch });
  await lose(dir, () => lock.release());
  expect(await outcome(journal.append(sampleEvents(1)))).toMatchObject({ errno: 'ESTALE' });
});

test('a journal is not opened, and nothing repaired, without the lock', async () => {
  const dir = temporaryDir();
  await writeEpoch(dir, sampleEvents(2));
  writeFileSync(path.join(dir, 'journal.1.ndjson'), 'torn', { flag: 'a' });
  const { size } = statSync(path.join(dir, 'journal.1.ndjson'));
  expect(await outcome(Journal.open({ dir, epoch: 2 }))).toMatchObject({ errno: 'ESTALE' });
  expect(statSync(path.join(dir, 'journal.1.ndjson')).size).toBe(size);
});

test('an outdated reading is not trusted when a journal is opened', async () => {
  const dir = temporaryDir();
  await writeEpoch(dir, sampleEvents(2));
  const outdated = await loadJournal(dir);
  await writeEpoch(dir, sampleEvents(2, 3));
  const current = await loadJournal(dir);
  await using lock = await acquire({ dir });
  const journal = await Journal.open({ dir, epoch: lock.epoch, loaded: outdated });
  expect(journal.lastSeq).toBe(4);
  await journal.append(sampleEvents(1, 5));
  await journal.close();
  await lock.release();
  await using next = await acquire({ dir });
  await using another = await Journal.open({ dir, epoch: next.epoch, loaded: current });
  expect(another.lastSeq).toBe(5);
});
