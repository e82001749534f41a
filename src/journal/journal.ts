// The journal of a run: facts in, durable when the promise resolves. One writer, the holder of the run's lock; one file
// per epoch. Never repairs itself after a failed write: the first failure ends it, and with it the run.
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { crashPoint } from '../lib/crash-point.ts';
import type { RunEvent } from '../run/events.ts';
import { syncDirectory } from './durable.ts';
import { JournalError, errnoOf, messageOf } from './journal-error.ts';
import { MAX_LINE_BYTES, encodeLine } from './line.ts';
import { loadJournal, loadStamp } from './load.ts';
import type { LoadedJournal } from './load.ts';
import { lockFile } from './lock-files.ts';
import { repairTail } from './repair.ts';
import type { RepairedTail } from './repair.ts';
import { FORMAT, segmentFile } from './segment.ts';
import type { Header } from './segment.ts';

/** The part of a file handle that a journal needs; a seam for tests of failing disks. */
export interface JournalFile {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface JournalOptions {
  /** The run's directory. */
  readonly dir: string;
  /** What `acquire` returned; its lock must be held until the journal is closed. */
  readonly epoch: number;
  /** What `loadJournal` returned since then, to save a second reading; read anew if it is out of date. */
  readonly loaded?: LoadedJournal;
  /** Program and version, for the message that an older orch shows. */
  readonly writer?: string;
  readonly openFile?: (file: string) => Promise<JournalFile>;
}

interface Batch {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: JournalError) => void;
}

interface Lock {
  readonly file: string;
  readonly identity: string;
}

/** An open journal. `append` from anywhere, `close` (or `await using`) once. */
export class Journal implements AsyncDisposable {
  /** Torn tails of earlier epochs that opening cut off; each deserves a notice. */
  readonly repaired: readonly RepairedTail[];
  readonly #path: string;
  readonly #lock: Lock;
  readonly #file: JournalFile;
  #lastSeq: number;
  #durableBytes = 0;
  #waiting: Batch[] = [];
  #flushing: Promise<void> | null = null;
  #failure: JournalError | null = null;
  #closing: Promise<void> | null = null;

  private constructor(init: { path: string; lock: Lock; file: JournalFile; lastSeq: number; repaired: readonly RepairedTail[] }) {
    this.#path = init.path;
    this.#lock = init.lock;
    this.#file = init.file;
    this.#lastSeq = init.lastSeq;
    this.repaired = init.repaired;
  }

  /**
   * Begins this epoch's file, after what earlier epochs left was checked and their torn tail cut off. Throws what
   * `loadJournal` throws, and `journal-failed` (exit 74) when it cannot be written.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const { dir, epoch } = options;
    const file = segmentFile(dir, epoch);
    const lock = { file: lockFile(dir, epoch), identity: requireLock(lockFile(dir, epoch), file) };
    const loaded = options.loaded?.stamp === (await loadStamp(dir)) ? options.loaded : await loadJournal(dir);
    const header: Header = { v: FORMAT, type: 'journal', epoch, after: loaded.tail, writer: (options.writer ?? 'orch').slice(0, 200) };
    try {
      const repaired = await Promise.all(loaded.torn.map(repairTail));
      const journal = new Journal({
        path: file,
        lock,
        file: await (options.openFile ?? openNew)(file),
        lastSeq: loaded.tail?.seq ?? 0,
        repaired,
      });
      await journal.#begin(header, dir);
      return journal;
    } catch (error) {
      throw error instanceof JournalError ? error : failure(file, error);
    }
  }

  /** Sequence number of the last event that was given to `append`, by this process or an earlier one; 0 before the first. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /**
   * Resolves when the events are on disk. Whatever comes while a flush is in the air shares the next one. Rejects with
   * `JournalError` once anything failed, for ever after; an event out of sequence is a bug and is not written.
   */
  append(events: readonly RunEvent[]): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closing !== null) return Promise.reject(new Error('the journal is closed'));
    const lines: string[] = [];
    for (const [index, event] of events.entries()) {
      const expected = this.#lastSeq + 1 + index;
      if (event.seq !== expected) return Promise.reject(new Error(`event ${event.seq} (${event.type}) appended where ${expected} is due`));
      const line = encodeLine(JSON.stringify(event));
      if (Buffer.byteLength(line) > MAX_LINE_BYTES) return Promise.reject(new Error(`event ${event.seq} (${event.type}) is longer than ${MAX_LINE_BYTES} bytes`));
      lines.push(line);
    }
    if (lines.length === 0) return Promise.resolve();
    this.#lastSeq += lines.length;
    return this.#enqueue(lines.join(''));
  }

  /** Flushes what was appended and closes the file; a failure was already told to those who appended. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#flushing;
    await this.#file.close();
  }

  /** The name of the file must be durable before the first event is acknowledged. */
  async #begin(header: Header, dir: string): Promise<void> {
    try {
      await this.#enqueue(encodeLine(JSON.stringify(header)));
      crashPoint('journal-named');
      await syncDirectory(dir);
      crashPoint('journal-opened');
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #enqueue(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async #flush(): Promise<void> {
    // A burst of appends in one turn of the loop shares the first write, too.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batches = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(Buffer.from(batches.map((batch) => batch.text).join('')));
        for (const batch of batches) batch.resolve();
      } catch (error) {
        await this.#fail(error, batches);
      }
    }
    this.#flushing = null;
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#durableBytes + done);
      if (bytesWritten === 0) throw new Error('nothing more could be written');
      done += bytesWritten;
    }
    crashPoint('journal-written');
    // A successor deletes our lock before it reads. So if the lock is still there now, after the write, then whatever is
    // acknowledged here is something that every successor has seen. After the sync: then it held for all of it.
    await this.#file.datasync();
    if (requireLock(this.#lock.file, this.#path) !== this.#lock.identity) throw lost(this.#path);
    this.#durableBytes += bytes.length;
    crashPoint('journal-synced');
  }

  /** Never a second try: after a failed sync the system may call pages clean that never reached the disk. */
  async #fail(cause: unknown, batches: readonly Batch[]): Promise<void> {
    const reason = cause instanceof JournalError ? cause : failure(this.#path, cause);
    this.#failure = reason;
    // Without the lock the file is no longer ours to cut.
    if (reason.errno !== 'ESTALE') await this.#file.truncate(this.#durableBytes).catch(() => undefined);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const batch of [...batches, ...waiting]) batch.reject(reason);
  }
}

function openNew(file: string): Promise<JournalFile> {
  return open(file, 'wx', 0o600);
}

/** Which file a lock is, to the moment when it was written: not one that took its name since. Throws ESTALE if it is released or gone. At once, as it is asked for every batch. */
function requireLock(lock: string, file: string): string {
  const found = statSync(lock, { throwIfNoEntry: false });
  if (found === undefined || found.size === 0) throw lost(file);
  return `${found.ino} ${found.mtimeMs}`;
}

function lost(file: string): JournalError {
  return new JournalError({ file, errno: 'ESTALE', message: 'this process does not hold the lock of the run (any more)' });
}

function failure(file: string, error: unknown): JournalError {
  return new JournalError({ file, errno: errnoOf(error), message: `cannot be written: ${messageOf(error)}`, cause: error });
}
