// Events, plans and folders for the tests of the journal.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { acquire } from '../../../src/journal/lock.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { encodeLine } from '../../../src/journal/line.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { RunEvent } from '../../../src/run/events.ts';

/** A folder that goes when the test ends. */
export function temporaryDir(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'orch-journal-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** `count` events from seq `first`; every seventh is a big one with text beyond ASCII. */
export function sampleEvents(count: number, first = 1, run = 'sample'): RunEvent[] {
  return Array.from({ length: count }, (_, index): RunEvent => {
    const seq = first + index;
    const stamp = { v: 1, seq, at: 1_790_000_000_000 + seq * 10, run } as const;
    if (seq === 1) return { ...stamp, type: 'run-started', format: 1, name: 'sample', base: 'a'.repeat(40), target: 'main', tasks: 3, plan: 'b'.repeat(64) };
    if (seq % 7 === 0) return { ...stamp, type: 'task-settled', task: `task-${seq}`, outcome: 'failed', reason: 'verify-failed', message: 'ünïcødé ✓ \u{1f600} \ud800 "quoted"\nnext line' };
    return { ...stamp, type: 'phase-started', phase: 'work', task: `task-${seq}`, attempt: 1 };
  });
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

/** A small plan; the store looks at `format`, `run` and `tasks` only. */
export function samplePlan(run: string): Plan {
  return {
    format: 1, run, name: 'sample', manifest: 'tasks.yml', base: { ref: 'main', sha: 'a'.repeat(40) }, target: 'main', maxParallel: 2, maxFail: null,
    maxWaitMs: 0, graceMs: 1000, agents: {}, worktrees: { root: '/nowhere', copy: [], link: [], keep: 'failed' }, passEnv: [], tasks: [],
  };
}
