// How far people were told: once, whoever asks at the same time and whoever dies.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimQueue, queueAfter } from '../../../src/journal/told.ts';

/** Greater than any process number. */
const DEAD = 2 ** 30;
let dir: string;
beforeEach(() => { dir = mkdtempSync(path.join(tmpdir(), 'told-')); });
afterEach(() => { rmSync(dir, { recursive: true }); });

test('no queue, nobody to tell; a queue begins once', async () => {
  expect(await claimQueue(dir)).toBeNull();
  expect(await claimQueue(path.join(dir, 'gone'))).toBeNull();
  await queueAfter(dir, 4);
  await queueAfter(dir, 9);
  expect(readdirSync(dir)).toEqual(['told-4']);
});

test('one of many delivers; what it delivered is not delivered again, and in the end nothing is left', async () => {
  await queueAfter(dir, 4);
  const claims = (await Promise.all([claimQueue(dir), claimQueue(dir, process.ppid), claimQueue(dir)])).filter((claim) => claim !== null);
  expect(claims.map(({ seq }) => seq)).toEqual([4]);
  await claims[0]?.advance(17);
  const next = await claimQueue(dir);
  expect(next?.seq).toBe(17);
  expect(await claimQueue(dir, process.ppid)).toBeNull();
  await next?.end();
  expect(readdirSync(dir)).toEqual([]);
});

test('a delivery that was cut off is taken up by the next, from where it began', async () => {
  await queueAfter(dir, 4);
  expect((await claimQueue(dir, DEAD))?.seq).toBe(4);
  expect((await claimQueue(dir))?.seq).toBe(4);
});

test('a run that is removed while it is told of is no error', async () => {
  const run = path.join(dir, 'run');
  mkdirSync(run);
  await queueAfter(run, 4);
  const claim = await claimQueue(run);
  rmSync(run, { recursive: true });
  await claim?.advance(9);
  await claim?.end();
  expect(readdirSync(dir)).toEqual([]);
});
