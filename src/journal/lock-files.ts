// The files of the epoch lock: their names, their numbers, and the one way in which a new one appears. Decides nothing
// about who may have it.
import { link, readdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { crashPoint } from '../lib/crash-point.ts';
import { errnoOf } from './journal-error.ts';
import { segmentEpochs } from './segment.ts';

const LOCK_NAME = /^lock\.([1-9]\d{0,14})$/;
const TEMPORARY_NAME = /^lock\.[0-9a-f]{12}\.tmp$/;

/** Path of an epoch's lock in a run's directory. */
export function lockFile(dir: string, epoch: number): string {
  return path.join(dir, `lock.${epoch}`);
}

/** What a directory says about who came last; 0 = nobody. */
export interface LockNumbers {
  /** The highest lock: it alone can be valid. */
  readonly top: number;
  /** The highest journal segment. */
  readonly epochs: number;
  readonly names: readonly string[];
}

/** Looks at a run's directory. */
export async function loadNumbers(dir: string): Promise<LockNumbers> {
  const names = await readdir(dir);
  const top = Math.max(0, ...names.map((name) => Number(LOCK_NAME.exec(name)?.[1] ?? 0)));
  return { top, epochs: segmentEpochs(names).at(-1) ?? 0, names };
}

/**
 * Links `content`, a whole file, as the lock of an epoch, and then removes older ones. false = another one was faster, or is
 * already beyond this epoch: nothing has changed.
 */
export async function publishLock({ dir, epoch, content }: { dir: string; epoch: number; content: string }): Promise<boolean> {
  try {
    await link(content, lockFile(dir, epoch));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  crashPoint('lock-linked');
  // The look that chose the number may be old: a lock below the highest one was never valid.
  const { top, epochs, names } = await loadNumbers(dir);
  if (top > epoch || epochs >= epoch) {
    await unlink(lockFile(dir, epoch)).catch(ignoreMissing);
    return false;
  }
  await removeOlder(dir, epoch, names);
  return true;
}

/** Also how an old holder that still lives learns that it was robbed: its file is gone before the new one reads a line. */
async function removeOlder(dir: string, epoch: number, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const number = Number(LOCK_NAME.exec(name)?.[1] ?? epoch);
    if (number < epoch || (TEMPORARY_NAME.test(name) && (await isAbandoned(path.join(dir, name))))) await unlink(path.join(dir, name)).catch(ignoreMissing);
  }
}

/** Temporary files live for milliseconds; one that is a minute old belonged to a process that was killed. */
async function isAbandoned(file: string): Promise<boolean> {
  return await stat(file).then((found) => Math.abs(Date.now() - found.mtimeMs) > 60_000, () => false);
}

/** For what another process may delete first. */
export function ignoreMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
