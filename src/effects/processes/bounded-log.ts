// A log file that keeps the beginning and the end of what is written and never grows by more than that: a head in the file
// itself, after what it held before, then two segments beside it that overwrite each other; `close` joins them. Writing never fails the writer: a
// full disk cuts the log short.
import { closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { open, mkdir, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

export interface LogLimits {
  readonly headBytes: number;
  /** Of each of the two segments; between one and two of them survive. */
  readonly segmentBytes: number;
}
export const LOG_LIMITS: LogLimits = { headBytes: 8 * 1024 * 1024, segmentBytes: 8 * 1024 * 1024 };

// Beyond this the writer is asked to wait.
const HIGH_WATER_BYTES = 1024 * 1024;
const COPY_BYTES = 1024 * 1024;

/** One log, opened by its first write. */
export class BoundedLog {
  readonly #file: string;
  readonly #limits: LogLimits;
  readonly #onDrain: () => void;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #pumping: Promise<void> | null = null;
  #handle: FileHandle | null = null;
  /** -1 = the head; otherwise how many segments were begun before this one. */
  #segment = -1;
  /** What the file held before: several processes of one attempt may share a log. */
  #earlierBytes = 0;
  #usedBytes = 0;
  #totalBytes = 0;
  #isBroken = false;

  constructor(file: string, onDrain: () => void, limits: LogLimits = LOG_LIMITS) {
    this.#file = file;
    this.#limits = limits;
    this.#onDrain = onDrain;
  }

  /** Takes bytes in order; false = stop until `onDrain` is called. */
  write(chunk: Buffer): boolean {
    if (chunk.length === 0 || this.#isBroken) return true;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#pumping ??= this.#pump();
    return this.#queuedBytes < HIGH_WATER_BYTES;
  }

  /** Writes what is queued and joins the parts. True = the file is not everything that was written. */
  async close(): Promise<boolean> {
    if (this.#handle === null && this.#pumping === null && !this.#isBroken) this.#leaveEmpty();
    else await this.#pumping;
    const isCut = await this.#join().catch(() => true);
    await this.#handle?.close().catch(() => undefined);
    this.#handle = null;
    // Looked for at once: most logs never had any, and a trip through the thread pool costs more than the look.
    const segments = [0, 1].map((n) => this.#segmentFile(n)).filter((file) => existsSync(file));
    await Promise.all(segments.map((file) => rm(file, { force: true }).catch(() => undefined)));
    return isCut || this.#isBroken;
  }

  async #pump(): Promise<void> {
    try {
      if (this.#handle === null) await this.#begin();
      while (this.#queue.length > 0) {
        const chunk = this.#queue.length === 1 ? (this.#queue[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#queue);
        this.#queue = [];
        await this.#append(chunk);
        this.#queuedBytes -= chunk.length;
        this.#onDrain();
      }
    } catch {
      this.#isBroken = true;
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#onDrain();
    }
    this.#pumping = null;
  }

  /** Nothing was printed: the file is there all the same, without a trip through the thread pool for each step. */
  #leaveEmpty(): void {
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true });
      closeSync(openSync(this.#file, constants.O_RDWR | constants.O_CREAT));
    } catch {
      this.#isBroken = true;
    }
  }

  async #begin(): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    this.#handle = await open(this.#file, constants.O_RDWR | constants.O_CREAT);
    this.#earlierBytes = (await this.#handle.stat()).size;
  }

  async #append(chunk: Buffer): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const limit = this.#segment < 0 ? this.#limits.headBytes : this.#limits.segmentBytes;
      if (this.#usedBytes >= limit) {
        await this.#turn();
        continue;
      }
      const part = chunk.subarray(from, from + limit - this.#usedBytes);
      const { bytesWritten } = (await this.#handle?.write(part, 0, part.length, this.#usedBytes + (this.#segment < 0 ? this.#earlierBytes : 0))) ?? { bytesWritten: part.length };
      from += bytesWritten;
      this.#usedBytes += bytesWritten;
      this.#totalBytes += bytesWritten;
    }
  }

  async #turn(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
    this.#segment += 1;
    this.#usedBytes = 0;
    this.#handle = await open(this.#segmentFile(this.#segment % 2), 'w');
  }

  #segmentFile(n: number): string {
    return `${this.#file}.tail${n}`;
  }

  async #join(): Promise<boolean> {
    if (this.#segment < 0) return false;
    await this.#handle?.close();
    this.#handle = null;
    const { headBytes, segmentBytes } = this.#limits;
    const keptBytes = this.#usedBytes + (this.#segment > 0 ? segmentBytes : 0);
    const cutBytes = this.#totalBytes - headBytes - keptBytes;
    const target = await open(this.#file, 'r+');
    try {
      let at = this.#earlierBytes + headBytes;
      if (cutBytes > 0) {
        const note = Buffer.from(`\n[orch: ${cutBytes} bytes of output are left out here]\n`);
        at += (await target.write(note, 0, note.length, at)).bytesWritten;
      }
      if (this.#segment > 0) at = await copyInto(target, at, this.#segmentFile((this.#segment - 1) % 2));
      at = await copyInto(target, at, this.#segmentFile(this.#segment % 2));
    } finally {
      await target.close();
    }
    return cutBytes > 0;
  }
}

async function copyInto(target: FileHandle, at: number, from: string): Promise<number> {
  const source = await open(from, 'r');
  const bytes = Buffer.allocUnsafe(COPY_BYTES);
  let to = at;
  try {
    for (;;) {
      const { bytesRead } = await source.read(bytes, 0, bytes.length, null);
      if (bytesRead === 0) return to;
      await target.write(bytes, 0, bytesRead, to);
      to += bytesRead;
    }
  } finally {
    await source.close();
  }
}
