// A journal that is read while it grows: every event once, none before it is whole, and a takeover is noticed.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from '../../../src/journal/journal.ts';
import { encodeLine } from '../../../src/journal/line.ts';
import { loadJournal } from '../../../src/journal/load.ts';
import { acquire } from '../../../src/journal/lock.ts';
import { segmentFile } from '../../../src/journal/segment.ts';
import { JournalTail } from '../../../src/journal/tail.ts';
import type { RunEvent } from '../../../src/run/events.ts';

let dir: string;
beforeEach(() => { dir = mkdtempSync(path.join(os.tmpdir(), 'orch-tail-')); });
afterEach(() => { rmSync(dir, { recursive: true, force: true }); });

const event = (seq: number): RunEvent => ({ v: 1, seq, at: seq, run: 'r', ...(seq === 1 ? { type: 'run-started', format: 1, name: 'r', base: '0', target: null, tasks: 1, plan: '' } : { type: 'run-resumed', failed: false }) });
const seqs = (news: readonly RunEvent[] | 'reload'): unknown => (news === 'reload' ? news : news.map(({ seq }) => seq));

test('what is loaded is not told again; what comes is, also when a line comes in pieces', async () => {
  const lock = await acquire({ dir });
  const journal = await Journal.open({ dir, epoch: lock.epoch });
  await journal.append([event(1), event(2)]);
  const tail = new JournalTail(dir, await loadJournal(dir));
  expect(seqs(await tail.next())).toEqual([]);
  await journal.append([event(3), event(4)]);
  expect(seqs(await tail.next())).toEqual([3, 4]);
  await journal.close();
  const line = encodeLine(JSON.stringify(event(5)));
  appendFileSync(segmentFile(dir, lock.epoch), line.slice(0, 20));
  expect(seqs(await tail.next())).toEqual([]);
  appendFileSync(segmentFile(dir, lock.epoch), line.slice(20));
  expect(seqs(await tail.next())).toEqual([5]);
  appendFileSync(segmentFile(dir, lock.epoch), 'damaged\n');
  expect(await tail.next()).toBe('reload');
  await lock.release();
});

test('a run that nobody has begun, and one that another process takes over, are to be read again', async () => {
  const tail = new JournalTail(dir, await loadJournal(dir));
  expect(seqs(await tail.next())).toEqual([]);
  const first = await acquire({ dir });
  const one = await Journal.open({ dir, epoch: first.epoch });
  expect(await tail.next()).toBe('reload');
  const again = new JournalTail(dir, await loadJournal(dir));
  await one.append([event(1)]);
  await one.close();
  await first.release();
  const second = await acquire({ dir });
  const two = await Journal.open({ dir, epoch: second.epoch });
  await two.append([event(2)]);
  // First what the first one wrote, which the second has seen.
  expect(seqs(await again.next())).toEqual([1]);
  expect(await again.next()).toBe('reload');
  await two.close();
  await second.release();
});
