// A journal that grows while it is read: only what is new, line by line. Read-only; believes nothing unchecked.
import { open, stat } from 'node:fs/promises';
import type { RunEvent } from '../run/events.ts';
import { decodeLine } from './line.ts';
import type { LoadedJournal } from './load.ts';
import { loadEpochs, segmentFile } from './segment.ts';

const CHUNK_BYTES = 1024 * 1024;

/** What came since the last look; `reload` = another process has taken over: read it from the beginning. */
export type TailNews = readonly RunEvent[] | 'reload';

/** Begins where a journal was loaded. */
export class JournalTail {
  readonly #dir: string;
  readonly #epoch: number | null;
  #seq: number;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(dir: string, { tail }: Pick<LoadedJournal, 'tail'>) {
    this.#dir = dir;
    this.#epoch = tail?.epoch ?? null;
    this.#seq = tail?.seq ?? 0;
  }

  /** Rejects when the file cannot be read. */
  async next(): Promise<TailNews> {
    const newest = (await loadEpochs(this.#dir)).at(-1) ?? null;
    const news = this.#epoch === null ? [] : await this.#read(segmentFile(this.#dir, this.#epoch));
    if (news === 'reload' || news.length > 0 || newest === this.#epoch) return news;
    return 'reload';
  }

  async #read(file: string): Promise<TailNews> {
    const events: RunEvent[] = [];
    const { size } = await stat(file);
    if (size <= this.#offset) return events;
    const handle = await open(file, 'r');
    try {
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, this.#offset);
        if (bytesRead === 0) return events;
        this.#offset += bytesRead;
        if (!this.#take(Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]), events)) return 'reload';
      }
    } finally {
      await handle.close();
    }
  }

  /** False for a line that nobody can have acknowledged: who reads it all will say what it is. */
  #take(bytes: Buffer, events: RunEvent[]): boolean {
    let from = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
      const json = decodeLine(bytes.subarray(from, at));
      from = at + 1;
      const event = json === null ? null : (JSON.parse(json) as Partial<RunEvent>);
      // The header has no number, and what was loaded before is known.
      if (event !== null && (event.seq === undefined || event.seq <= this.#seq)) continue;
      if (event?.seq !== this.#seq + 1) return false;
      this.#seq += 1;
      events.push(event as RunEvent);
    }
    this.#rest = bytes.subarray(from);
    return true;
  }
}
