// Who may write a run: the epoch lock. `lock.<n>` is published whole by link(2); the highest n holds, and n is also the
// number of the journal file that its holder writes, so that a robbed holder cannot reach its successor's. A lock is
// released by emptying it: that needs no space, and the number stays taken. No lock ever expires.
import { randomBytes } from 'node:crypto';
import { readFile, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, OrchError } from '../errors.ts';
import { crashPoint } from '../lib/crash-point.ts';
import { writeSynced } from './durable.ts';
import { errnoOf, messageOf } from './journal-error.ts';
import { loadNumbers, lockFile, publishLock } from './lock-files.ts';
import { loadIdentity, loadLiveness } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** The content of a lock file. */
export interface Holder extends ProcessIdentity {
  /** Milliseconds since the Unix epoch, for people. */
  readonly acquiredAt: number;
}

/** The right to write a run, until `release` or the death of this process. */
export interface RunLock extends AsyncDisposable {
  /** Higher than that of every holder before. */
  readonly epoch: number;
  /** Lets the next one in; idempotent. */
  release(): Promise<void>;
}

type Occupant =
  | { readonly kind: 'none' }
  | { readonly kind: 'alive' | 'dead' | 'foreign'; readonly holder: Holder }
  | { readonly kind: 'unreadable'; readonly file: string };

const ROUNDS = 100;

/**
 * Takes the lock of a run's directory or throws at once: `run-locked` (exit 3) when its holder lives, or when that cannot
 * be known from here and `force` is not given. `force` never takes it from a process that is seen to live.
 */
export async function acquire(options: { dir: string; force?: boolean }): Promise<RunLock> {
  const { dir, force = false } = options;
  const self = await loadIdentity();
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const epoch = await tryAcquire({ dir, force, self });
      if (epoch !== null) {
        crashPoint('lock-taken');
        return heldLock(dir, epoch);
      }
      await delay(Math.random() * 5);
    }
  } catch (error) {
    throw error instanceof OrchError ? error : cannotLock(dir, error);
  }
  throw cannotLock(dir, new Error('too many others are trying'));
}

/**
 * Who holds a run now: a living process, or one that cannot be judged from here. null = nobody. Throws `run-locked` for a
 * lock that says nothing readable.
 */
export async function loadHolder(dir: string): Promise<Holder | null> {
  const { top } = await loadNumbers(dir);
  const occupant = await loadOccupant(dir, top, await loadIdentity());
  if (occupant.kind === 'unreadable') throw foreign(dir, occupant);
  return occupant.kind === 'alive' || occupant.kind === 'foreign' ? occupant.holder : null;
}

interface Try {
  readonly dir: string;
  readonly force: boolean;
  readonly self: ProcessIdentity;
}

/** null = another one moved at the same time: look again. */
async function tryAcquire({ dir, force, self }: Try): Promise<number | null> {
  const { top, epochs } = await loadNumbers(dir);
  const occupant = await loadOccupant(dir, top, self);
  if (occupant.kind === 'alive') throw locked(dir, occupant.holder);
  if ((occupant.kind === 'foreign' || occupant.kind === 'unreadable') && !force) throw foreign(dir, occupant);
  const epoch = Math.max(top, epochs) + 1;
  // A new file for each try: one that was given back may have been emptied by a holder that went late.
  const content = path.join(dir, `lock.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeSynced(content, `${JSON.stringify({ ...self, acquiredAt: Date.now() } satisfies Holder)}\n`);
    return (await publishLock({ dir, epoch, content })) ? epoch : null;
  } finally {
    await rm(content, { force: true }).catch(() => undefined);
  }
}

function heldLock(dir: string, epoch: number): RunLock {
  let released: Promise<void> | null = null;
  const release = (): Promise<void> => {
    // Where this fails, the end of the process releases as well.
    released ??= truncate(lockFile(dir, epoch)).catch(() => undefined);
    return released;
  };
  return { epoch, release, [Symbol.asyncDispose]: release };
}

async function loadOccupant(dir: string, top: number, self: ProcessIdentity): Promise<Occupant> {
  if (top === 0) return { kind: 'none' };
  const file = lockFile(dir, top);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    // Deleted by the holder of a higher one; the caller's attempt to take the next number will find out.
    if (errnoOf(error) === 'ENOENT') return { kind: 'none' };
    throw error;
  }
  if (text === '') return { kind: 'none' };
  const holder = parseHolder(text);
  if (holder === null) return { kind: 'unreadable', file };
  return { kind: await loadLiveness(holder, self), holder };
}

function parseHolder(text: string): Holder | null {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    const isWhole = Number.isSafeInteger(value.pid) && typeof value.host === 'string' && typeof value.acquiredAt === 'number';
    return isWhole ? ({ startTime: null, bootId: null, pidNamespace: null, ...value } as Holder) : null;
  } catch {
    return null;
  }
}

function locked(dir: string, holder: Holder): OrchError {
  return new OrchError({
    code: 'run-locked',
    message: `run ${path.basename(dir)} is being worked on by process ${holder.pid} on ${holder.host}, since ${new Date(holder.acquiredAt).toISOString()}`,
    hint: `watch it with: orch status ${path.basename(dir)} --watch`,
    exitCode: EXIT.preflight,
  });
}

function foreign(dir: string, occupant: Exclude<Occupant, { kind: 'none' }>): OrchError {
  const who = occupant.kind === 'unreadable'
    ? `by ${occupant.file}, which says nothing readable`
    : `by process ${occupant.holder.pid} on ${occupant.holder.host}, another machine or container, where this one cannot look`;
  return new OrchError({
    code: 'run-locked',
    message: `run ${path.basename(dir)} is locked ${who}`,
    hint: 'if you know that it has ended, take the run over with: --force',
    exitCode: EXIT.preflight,
  });
}

function cannotLock(dir: string, error: unknown): OrchError {
  return new OrchError({
    code: 'lock-failed',
    message: `${dir}: cannot be locked: ${messageOf(error)}`,
    hint: 'the folder must be writable, with room on its disk, on a file system that has hard links',
    exitCode: EXIT.stateNotWritable,
    cause: error,
  });
}
