// What agents print, read from the files that it is kept in: as their adapter would tell it to a person.
import { open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { StreamReader } from '../agents/adapter.ts';
import { adapterFor } from '../agents/adapters.ts';
import type { Plan, PlannedTask } from '../plan/plan.ts';

/** Turns the bytes of a log into lines for people, not yet safe to print; an unfinished line waits for its end. `plan`: with all tasks. */
export function progressLines(plan: Plan, task: PlannedTask | undefined): (bytes: Buffer) => string[] {
  const agent = task?.work.kind === 'agent' ? plan.agents[task.work.agent] : undefined;
  // A `run` task's lines mean themselves.
  const reader: Pick<StreamReader, 'line'> = agent === undefined ? { line: (text) => text } : adapterFor(agent.adapter).read(agent);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (bytes) => {
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    return lines.flatMap((line) => reader.line(line, 'stdout') ?? []);
  };
}

/** A log keeps so much in its file; what comes then is in two files beside it, which overwrite each other. */
const HEAD_BYTES = 8 * 1024 * 1024;
/** What is older is not shown. */
const MOST_BYTES = 64 * 1024;

/** The newest part of a log that is being written, read again and again. */
export class RecentLog {
  readonly #file: string;
  readonly #lines: (bytes: Buffer) => string[];
  readonly #offsets = new Map<string, number>();

  constructor(file: string, lines: (bytes: Buffer) => string[]) {
    this.#file = file;
    this.#lines = lines;
  }

  /** Lines since the last time; of the first time and of bursts only the last ones. */
  async next(): Promise<string[]> {
    const bytes = await this.#newBytes(this.#file);
    const isLong = (this.#offsets.get(this.#file) ?? 0) >= HEAD_BYTES;
    const tails = isLong ? [await this.#newBytes(`${this.#file}.tail0`), await this.#newBytes(`${this.#file}.tail1`)] : [];
    return [bytes, ...tails].flatMap((part) => this.#lines(part));
  }

  async #newBytes(file: string): Promise<Buffer> {
    const size = await stat(file).then((found) => found.size, () => 0);
    const known = this.#offsets.get(file) ?? 0;
    this.#offsets.set(file, size);
    const seen = size < known ? 0 : known;
    if (size <= seen) return Buffer.alloc(0);
    const from = Math.max(seen, size - MOST_BYTES);
    const handle = await open(file, 'r').catch(() => null);
    if (handle === null) return Buffer.alloc(0);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
      const part = buffer.subarray(0, bytesRead);
      // Begun in the middle of a line: from the next one on.
      return from === seen ? part : part.subarray(part.indexOf(0x0a) + 1);
    } finally {
      await handle.close();
    }
  }
}
