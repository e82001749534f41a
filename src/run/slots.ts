// The slots of each provider: p-limit says when a job starts, `decide` has already said which. Owns the limiters.
import pLimit, { type LimitFunction } from 'p-limit';

export class Slots {
  readonly #limits = new Map<string, LimitFunction>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** Runs a job when its provider has a slot free; null = no provider, at once. The job checks for cancellation itself. */
  async hold<T>(provider: string | null, job: () => Promise<T>): Promise<T> {
    if (provider === null) return await job();
    let limit = this.#limits.get(provider);
    if (limit === undefined) {
      limit = pLimit(this.#size);
      this.#limits.set(provider, limit);
    }
    return await limit(job);
  }

  /** Lowers or raises how many jobs of a provider run at once, from now on. At least 1. */
  resize(provider: string, size: number): void {
    const limit = this.#limits.get(provider) ?? pLimit(this.#size);
    limit.concurrency = Math.max(1, size);
    this.#limits.set(provider, limit);
  }
}
