// The last bytes of a stream, in a buffer that never exceeds twice of what is kept.

/** Keeps the last `keepBytes` of what is pushed. */
export class Tail {
  readonly #keepBytes: number;
  #buffer = Buffer.allocUnsafe(0);
  #used = 0;
  #isCut = false;

  constructor(keepBytes = 64 * 1024) {
    this.#keepBytes = keepBytes;
  }

  /** Something that was pushed is no longer held. */
  get isCut(): boolean {
    return this.#isCut || this.#used > this.#keepBytes;
  }

  push(chunk: Buffer): void {
    const part = chunk.length > this.#keepBytes ? chunk.subarray(chunk.length - this.#keepBytes) : chunk;
    if (part.length < chunk.length) this.#isCut = true;
    if (this.#used + part.length > this.#buffer.length) this.#makeRoom(part.length);
    this.#used += part.copy(this.#buffer, this.#used);
  }

  /** The kept bytes as UTF-8, from the first complete character on. */
  text(): string {
    let from = Math.max(0, this.#used - this.#keepBytes);
    if (this.isCut) while (from < this.#used && ((this.#buffer[from] ?? 0) & 0xc0) === 0x80) from += 1;
    return this.#buffer.toString('utf8', from, this.#used);
  }

  #makeRoom(more: number): void {
    const from = Math.max(0, this.#used + more - this.#keepBytes);
    const kept = this.#used - Math.min(from, this.#used);
    if (from > 0) this.#isCut = true;
    const size = Math.min(2 * this.#keepBytes, Math.max(4096, 2 * (kept + more)));
    const next = size > this.#buffer.length ? Buffer.allocUnsafe(size) : this.#buffer;
    this.#buffer.copy(next, 0, this.#used - kept, this.#used);
    this.#buffer = next;
    this.#used = kept;
  }
}
