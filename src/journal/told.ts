// How far people have been told of a run that went on without them: the journal is the queue, and the name of one empty
// file in the run's folder says up to which event it was delivered. Every step is one rename, so that each event is
// delivered once, also to commands that run at the same time. No file = nobody waits to be told.
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pid } from 'node:process';
import { errnoOf } from './journal-error.ts';
import { isProcessThere } from './process-identity.ts';

const NAME = /^told-(\d+)(?:\.(\d+))?$/;

/** The right to deliver what comes after `seq`, which nobody else has meanwhile. */
export interface Claim {
  readonly seq: number;
  /** Everything up to this event was delivered. */
  advance(seq: number): Promise<void>;
  /** There is nothing more to deliver. */
  end(): Promise<void>;
}

/** From now on somebody is to be told of what the run in `dir` does after event `seq`; changes nothing if that was said before. */
export async function queueAfter(dir: string, seq: number): Promise<void> {
  if ((await readdir(dir)).some((name) => NAME.test(name))) return;
  await writeFile(path.join(dir, `told-${seq}`), '', { mode: 0o600 });
}

/** Takes the queue of a run; null when it has none, or another living process is delivering. */
export async function claimQueue(dir: string, own: number = pid): Promise<Claim | null> {
  const name = (await readdir(dir).catch(() => [])).find((each) => NAME.test(each));
  const [, seq = '', holder] = NAME.exec(name ?? '') ?? [];
  if (name === undefined || (holder !== undefined && isProcessThere(Number(holder)))) return null;
  const mine = path.join(dir, `told-${seq}.${own}`);
  if (!(await isRenamed(path.join(dir, name), mine))) return null;
  return {
    seq: Number(seq),
    // A run that was removed meanwhile has nothing more to tell.
    advance: async (after) => { await isRenamed(mine, path.join(dir, `told-${after}`)); },
    end: async () => { await rm(mine, { force: true }); },
  };
}

async function isRenamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
