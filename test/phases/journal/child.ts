// A process of its own for the tests of the journal: writes, or races for a lock, as its first argument says. Speaks in
// lines on stdout; bundled and started by children.ts.
import { once } from 'node:events';
import { readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { OrchError } from '../../../src/errors.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { JournalError } from '../../../src/journal/journal-error.ts';
import { loadJournal } from '../../../src/journal/load.ts';
import { acquire } from '../../../src/journal/lock.ts';
import { createRun } from '../../../src/journal/store.ts';
import { samplePlan, sampleEvents } from '../../unit/journal/events.ts';

const [mode, dir = ''] = process.argv.slice(2);

/** Synchronous, so that what was said is said even if the process is killed right after. */
function say(...words: readonly (string | number)[]): void {
  let rest = Buffer.from(`${words.join(' ')}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // The pipe is full and does not block: wait for its reader.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Appends from several producers at once for ever; says each sequence number once it is acknowledged. */
async function write(): Promise<void> {
  const lock = await acquire({ dir });
  const journal = await Journal.open({ dir, epoch: lock.epoch, loaded: await loadJournal(dir) });
  say('open', lock.epoch, journal.lastSeq);
  const produce = async (producer: number): Promise<void> => {
    for (;;) {
      const events = sampleEvents(1 + (producer % 3), journal.lastSeq + 1);
      await journal.append(events);
      say('acked', events.at(-1)?.seq ?? 0);
    }
  };
  try {
    await Promise.all([0, 1, 2, 3, 4].map(produce));
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    say('failed', error.errno, error.exitCode);
    await journal.close();
    await lock.release();
  }
}

/** On each `go`: tries once. On `release`: lets go. */
async function race(): Promise<void> {
  let held: Awaited<ReturnType<typeof acquire>> | null = null;
  say('ready');
  for await (const command of createInterface({ input: process.stdin })) {
    if (command === 'go') {
      try {
        held = await acquire({ dir });
        say('won', held.epoch);
      } catch (error) {
        say('lost', error instanceof OrchError ? error.code : String(error));
      }
    } else {
      await held?.release();
      held = null;
      say('released');
    }
  }
}

/** Takes and releases the lock as fast as it can, `wins` times, and checks that nobody else is inside. */
async function storm(): Promise<void> {
  const inside = path.join(dir, 'inside');
  for (let wins = 0; wins < Number(process.argv[4]); ) {
    try {
      await using lock = await acquire({ dir });
      writeFileSync(inside, String(process.pid), { flag: 'wx' });
      await new Promise((resolve) => setImmediate(resolve));
      unlinkSync(inside);
      wins += 1;
      say('won', lock.epoch);
    } catch (error) {
      if (!(error instanceof OrchError) || error.code !== 'run-locked') {
        say('broken', String(error), readFileSync(inside, 'utf8'));
        process.exitCode = 1;
        return;
      }
    }
  }
}

async function create(): Promise<void> {
  try {
    await createRun({ commonDir: dir, plan: samplePlan('one'), manifestText: null });
    say('created');
  } catch (error) {
    say('refused', error instanceof OrchError ? `${error.code} ${error.exitCode}` : String(error));
  }
}

const modes = new Map([['write', write], ['race', race], ['storm', storm], ['create', create]]);
await modes.get(mode ?? '')?.();
if (mode === 'hold') {
  const lock = await acquire({ dir });
  say('won', lock.epoch);
  await once(process.stdin.resume(), 'end');
}
