// Folders and journal files for the tests of the journal.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { acquire } from '../../../src/journal/lock.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { encodeLine } from '../../../src/journal/line.ts';
import type { RunEvent } from '../../../src/run/events.ts';

/** A folder that goes when the test ends. */
export function temporaryDir(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'orch-journal-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Writes events as one epoch, through the real lock and journal, and releases the lock. */
export async function writeEpoch(dir: string, events: readonly RunEvent[]): Promise<number> {
  await using lock = await acquire({ dir });
  await using journal = await Journal.open({ dir, epoch: lock.epoch, writer: 'orch 0.0.0-test' });
  await journal.append(events);
  return lock.epoch;
}

/** A segment as bytes, made without the writer. */
export function segmentBytes(epoch: number, after: { epoch: number; seq: number } | null, events: readonly object[]): Buffer {
  const header = { v: 1, type: 'journal', epoch, after, writer: 'orch 0.0.0-test' };
  return Buffer.from([header, ...events].map((value) => encodeLine(JSON.stringify(value))).join(''));
}
