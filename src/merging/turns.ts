// Lets verifications run at the same time until one is found to get in the others' way; from then on one at a time.

export class Turns {
  readonly #running = new Set<Promise<unknown>>();
  #last: Promise<unknown> = Promise.resolve();
  #isAlone = false;

  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** With others, as long as none had to be alone. */
  async shared<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isAlone) return await this.alone(work);
    const mine = work();
    this.#running.add(mine);
    try {
      return await mine;
    } finally {
      this.#running.delete(mine);
    }
  }

  /** Once all the others have ended; nothing begins beside it, nor will anything run beside another again. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    this.#isAlone = true;
    const before = [this.#last, ...this.#running];
    const mine = Promise.allSettled(before).then(work);
    this.#last = mine.catch(() => undefined);
    return await mine;
  }
}
