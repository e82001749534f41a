import * as fc from 'fast-check';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { OrchError } from '../../../src/errors.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { encodeLine } from '../../../src/journal/line.ts';
import { loadJournal } from '../../../src/journal/load.ts';
import { acquire } from '../../../src/journal/lock.ts';
import { sampleEvents } from './events.ts';
import { segmentBytes, temporaryDir, writeEpoch } from './sample.ts';
import { tries } from '../../support/tries.ts';

const SAMPLE = sampleEvents(20);
const BYTES = segmentBytes(1, null, SAMPLE);
const lineEnds = [...BYTES.entries()].filter(([, byte]) => byte === 0x0a).map(([index]) => index + 1);

async function errorOf(promise: Promise<unknown>): Promise<OrchError> {
  const error: unknown = await promise.then(() => null, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OrchError);
  return error as OrchError;
}

function put(dir: string, epoch: number, bytes: Buffer): string {
  const file = path.join(dir, `journal.${epoch}.ndjson`);
  writeFileSync(file, bytes);
  return file;
}

test('an empty or absent folder is an empty journal', async () => {
  const dir = temporaryDir();
  const empty = { events: [], tail: null, torn: [], stamp: '' };
  expect(await loadJournal(dir)).toEqual(empty);
  expect(await loadJournal(path.join(dir, 'absent'))).toEqual(empty);
});

test('cut at any byte: every whole line is there, the rest is torn, and nothing is altered', async () => {
  const dir = temporaryDir();
  for (let cut = 0; cut <= BYTES.length; cut += 1) {
    const file = put(dir, 1, BYTES.subarray(0, cut));
    const good = lineEnds.findLast((end) => end <= cut) ?? 0;
    const lines = lineEnds.filter((end) => end <= cut).length;
    const loaded = await loadJournal(dir);
    expect(loaded.events).toEqual(SAMPLE.slice(0, Math.max(0, lines - 1)));
    expect(loaded.torn).toEqual(good === cut ? [] : [{ file, offset: good, bytes: cut - good }]);
    expect(loaded.tail).toEqual(lines === 0 ? null : { epoch: 1, seq: lines - 1 });
    expect(readFileSync(file).equals(BYTES.subarray(0, cut))).toBe(true);
  }
});

test('cut and opened again: the torn bytes are kept beside, the next epoch goes on without a gap', async () => {
  for (const cut of [0, 5, lineEnds[0] ?? 0, (lineEnds[0] ?? 0) + 3, (lineEnds[6] ?? 0) - 1, (lineEnds[6] ?? 0) + 30, BYTES.length - 1]) {
    const dir = temporaryDir();
    const file = put(dir, 1, BYTES.subarray(0, cut));
    const good = lineEnds.findLast((end) => end <= cut) ?? 0;
    const before = await loadJournal(dir);
    await using lock = await acquire({ dir });
    const journal = await Journal.open({ dir, epoch: lock.epoch });
    expect(readFileSync(file)).toEqual(BYTES.subarray(0, good));
    const saved = path.join(dir, 'journal.1.torn-1');
    expect(journal.repaired).toEqual(good === cut ? [] : [{ file, offset: good, bytes: cut - good, saved }]);
    if (good !== cut) expect(readFileSync(saved)).toEqual(BYTES.subarray(good, cut));
    const more = sampleEvents(3, before.events.length + 1);
    await journal.append(more);
    await journal.close();
    expect((await loadJournal(dir)).events).toEqual([...before.events, ...more]);
    expect((await loadJournal(dir)).torn).toEqual([]);
  }
});

test('a flipped bit is found, or it is in the torn tail: never a wrong event, never one out of the middle', async () => {
  const dir = temporaryDir();
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(BYTES.length - 1), fc.integer({ min: 0, max: 7 }), async (at, bit) => {
      const bytes = Buffer.from(BYTES);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      const file = put(dir, 1, bytes);
      const damagedLine = lineEnds.filter((end) => end <= at).length + 1;
      const loaded = await loadJournal(dir).catch((error: unknown) => error);
      if (loaded instanceof OrchError) {
        refused += 1;
        expect(loaded).toMatchObject({ code: 'journal-corrupt', exitCode: 3 });
        expect(loaded.message.startsWith(`${file}:${damagedLine} (byte ${lineEnds[damagedLine - 2] ?? 0})`)).toBe(true);
      } else {
        const { events, torn } = loaded as Awaited<ReturnType<typeof loadJournal>>;
        expect(damagedLine).toBeGreaterThanOrEqual(lineEnds.length - 1);
        expect(events).toEqual(SAMPLE.slice(0, damagedLine - 2));
        expect(torn).toHaveLength(1);
      }
      expect(readFileSync(file).equals(bytes)).toBe(true);
    }),
    { numRuns: tries(1000) },
  );
  expect(refused).toBeGreaterThan(100);
});

test('a tail of zeros is torn, with or without line feeds in it', async () => {
  const dir = temporaryDir();
  for (const tail of [Buffer.alloc(4096), Buffer.alloc(3_000_000), Buffer.concat([Buffer.alloc(100), Buffer.from('\n\n'), Buffer.alloc(50)])]) {
    const file = put(dir, 1, Buffer.concat([BYTES, tail]));
    const loaded = await loadJournal(dir);
    expect(loaded.events).toEqual(SAMPLE);
    expect(loaded.torn).toEqual([{ file, offset: BYTES.length, bytes: tail.length }]);
  }
});

test('damage in the middle is refused with file, line and byte, and the data is kept', async () => {
  const dir = temporaryDir();
  const bytes = Buffer.concat([BYTES.subarray(0, lineEnds[4]), Buffer.from('garbage\n'), BYTES.subarray(lineEnds[4])]);
  const file = put(dir, 1, bytes);
  const error = await errorOf(loadJournal(dir));
  expect(error.message).toBe(`${file}:6 (byte ${lineEnds[4]}): this line is damaged, and line 7 after it is not`);
  await using lock = await acquire({ dir });
  await errorOf(Journal.open({ dir, epoch: lock.epoch }));
  expect(readFileSync(file)).toEqual(bytes);
  expect(readdirSync(dir).filter((name) => name.startsWith('journal'))).toEqual(['journal.1.ndjson']);
});

test.each([
  ['a line twice', [1, 2, 2, 3], 'event 2 stands where 3 should'],
  ['a line missing', [1, 2, 4], 'event 4 stands where 3 should'],
  ['two lines swapped', [2, 1, 3], 'event 2 stands where 1 should'],
])('%s is refused, also as the last line', async (_, order, message) => {
  const dir = temporaryDir();
  put(dir, 1, segmentBytes(1, null, order.map((seq) => SAMPLE[seq - 1] ?? {})));
  expect((await errorOf(loadJournal(dir))).message).toContain(message);
});

test('events of another run are refused', async () => {
  const dir = temporaryDir();
  put(dir, 1, segmentBytes(1, null, [...sampleEvents(2), ...sampleEvents(1, 3, 'other')]));
  expect((await errorOf(loadJournal(dir))).message).toContain('event of another run, other');
});

test('what is not JSON or not an event is refused although its checksum is right', async () => {
  const dir = temporaryDir();
  put(dir, 1, Buffer.concat([BYTES, Buffer.from(encodeLine('a'))]));
  const error = await errorOf(loadJournal(dir));
  expect(error.message).toContain('not a JSON object, though its checksum is right');
});

test('a newer format or an unknown event is refused and names its writer', async () => {
  const dir = temporaryDir();
  const header = { v: 2, type: 'journal', epoch: 1, after: null, writer: 'orch 7.0.0' };
  put(dir, 1, Buffer.from(encodeLine(JSON.stringify(header))));
  expect(await errorOf(loadJournal(dir))).toMatchObject({ code: 'format-newer', exitCode: 3, message: expect.stringContaining('journal format 2, written by orch 7.0.0') as string });
  put(dir, 1, segmentBytes(1, null, [...SAMPLE, { ...SAMPLE[2], seq: 21, v: 2 }]));
  expect((await errorOf(loadJournal(dir))).code).toBe('format-newer');
  put(dir, 1, segmentBytes(1, null, [...SAMPLE, { ...SAMPLE[2], seq: 21, type: 'toString' }]));
  expect((await errorOf(loadJournal(dir))).message).toContain('event type "toString", written by orch 0.0.0-test');
});

test('a woken writer of an older epoch is not believed, whatever it wrote and whenever', async () => {
  const dir = temporaryDir();
  const all = sampleEvents(30);
  const stale = sampleEvents(10, 6).map((event) => Object.assign(event, { at: 1 }));
  // Epoch 2 read through 5; epoch 3 read what epoch 1 had by then, and never saw a line of epoch 2.
  put(dir, 1, Buffer.concat([segmentBytes(1, null, [...all.slice(0, 10), ...stale.slice(5)]), Buffer.from('torn')]));
  put(dir, 2, segmentBytes(2, { epoch: 1, seq: 5 }, stale));
  put(dir, 3, segmentBytes(3, { epoch: 1, seq: 10 }, all.slice(10, 20)));
  put(dir, 4, segmentBytes(4, { epoch: 3, seq: 20 }, []));
  put(dir, 5, Buffer.concat([segmentBytes(5, { epoch: 4, seq: 20 }, all.slice(20, 25)), Buffer.from('12')]));
  put(dir, 6, Buffer.from('half of a head'));
  const loaded = await loadJournal(dir);
  expect(loaded.events).toEqual(all.slice(0, 25));
  expect(loaded.tail).toEqual({ epoch: 5, seq: 25 });
  expect(loaded.torn.map((torn) => [path.basename(torn.file), torn.bytes])).toEqual([['journal.6.ndjson', 14], ['journal.5.ndjson', 2]]);
});

test('an older epoch that lost what a newer one has seen is refused', async () => {
  const dir = temporaryDir();
  const first = put(dir, 1, segmentBytes(1, null, sampleEvents(4)));
  put(dir, 2, segmentBytes(2, { epoch: 1, seq: 5 }, sampleEvents(2, 6)));
  expect((await errorOf(loadJournal(dir))).message).toBe(`${first}:6 (byte ${statSync(first).size}): event 5 is missing or damaged, which a later epoch has seen`);
  put(dir, 2, segmentBytes(2, { epoch: 1, seq: 3 }, sampleEvents(2, 4)));
  expect((await loadJournal(dir)).events).toEqual([...sampleEvents(3), ...sampleEvents(2, 4)]);
  put(dir, 4, segmentBytes(4, { epoch: 3, seq: 5 }, []));
  expect((await errorOf(loadJournal(dir))).message).toContain('journal.3.ndjson:1 (byte 0): this file is missing');
  put(dir, 3, Buffer.from('damaged\n'));
  expect((await errorOf(loadJournal(dir))).message).toContain('journal.3.ndjson:1 (byte 0): this line is damaged');
});

test('a clock that jumps back changes nothing: seq is the order', async () => {
  const dir = temporaryDir();
  const events = sampleEvents(9).map((event) => Object.assign(event, { at: 2_000_000_000_000 - event.seq * 86_400_000 }));
  await writeEpoch(dir, events.slice(0, 4));
  await writeEpoch(dir, events.slice(4));
  expect((await loadJournal(dir)).events).toEqual(events);
});

test('a journal of format 1 loads for ever', async () => {
  const dir = temporaryDir();
  const fixtures = new URL('../../journals/', import.meta.url);
  for (const epoch of [1, 2, 4]) put(dir, epoch, readFileSync(new URL(`v1-epoch-${epoch}.ndjson`, fixtures)));
  const loaded = await loadJournal(dir);
  expect(loaded.events).toEqual(JSON.parse(readFileSync(new URL('v1-events.json', fixtures), 'utf8')));
  expect(loaded.tail).toEqual({ epoch: 4, seq: loaded.events.length });
  expect(loaded.torn).toMatchObject([{ bytes: 38 }]);
});
