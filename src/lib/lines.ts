// Bytes into lines, in bounded memory. Owns the unfinished line of one stream; knows nothing of what lines mean.

const NEWLINE = 10;

/** Cuts a byte stream into lines of at most `maxBytes`; what a longer line has beyond that is dropped. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #held = 0;
  #skipping = false;

  constructor(onLine: (line: string) => void, maxBytes = 1024 * 1024) {
    this.#onLine = onLine;
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes and reports every line that they complete, without its line ending. */
  push(chunk: Buffer): void {
    let rest = chunk;
    if (this.#held > 0 || this.#skipping) {
      const end = rest.indexOf(NEWLINE);
      if (end < 0) {
        this.#hold(rest);
        return;
      }
      this.#hold(rest.subarray(0, end));
      this.#flush();
      rest = rest.subarray(end + 1);
    }
    const last = rest.lastIndexOf(NEWLINE);
    if (last >= 0) {
      // One decode for all complete lines of a chunk: a call for each line is several times slower.
      if (last <= this.#maxBytes) for (const line of rest.toString('utf8', 0, last).split('\n')) this.#emit(line);
      else this.#pushLong(rest.subarray(0, last));
    }
    this.#hold(rest.subarray(last + 1));
  }

  /** Reports what was left without a line ending. */
  end(): void {
    if (this.#held > 0) this.#flush();
  }

  #pushLong(lines: Buffer): void {
    let from = 0;
    while (from <= lines.length) {
      const at = lines.indexOf(NEWLINE, from);
      const to = at < 0 ? lines.length : at;
      this.#hold(lines.subarray(from, to));
      this.#flush();
      from = to + 1;
    }
  }

  #hold(part: Buffer): void {
    if (part.length === 0 || this.#skipping) return;
    const room = this.#maxBytes - this.#held;
    // A copy, because a slice of a few bytes would keep the whole chunk alive for as long as the line is unfinished.
    this.#parts.push(Buffer.from(part.length > room ? part.subarray(0, room) : part));
    this.#held += Math.min(part.length, room);
    if (part.length > room) this.#skipping = true;
  }

  #flush(): void {
    const bytes = this.#parts.length === 1 ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    const wasCut = this.#skipping;
    this.#skipping = false;
    this.#emit(bytes.toString('utf8', 0, wasCut ? wholeCharacters(bytes) : bytes.length));
  }

  #emit(line: string): void {
    this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/** How many of these bytes form complete UTF-8 characters: the length without a character that was cut at the end. */
export function wholeCharacters(bytes: Buffer): number {
  let start = bytes.length - 1;
  while (start >= 0 && start > bytes.length - 4 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  const lead = bytes[start] ?? 0;
  const width = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start >= 0 && start + width > bytes.length ? start : bytes.length;
}
