// What joins a merge while it is under way: handed over once it is on disk, in the order in which it was recorded. Owns
// nothing but the line in which it waits.
import type { TaskId } from '../plan/plan.ts';
import type { RunState } from './state.ts';

export interface Arrival {
  readonly tasks: readonly TaskId[];
  /** The run when they joined. */
  readonly state: RunState;
}

export class Arrivals {
  readonly #line: Arrival[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  push(arrival: Arrival): void {
    this.#line.push(arrival);
    this.#wake();
  }

  /** Nothing arrives any more; what has arrived is still handed over. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** The next one, as soon as there is one; null = there will be none. For one caller at a time. */
  async next(): Promise<Arrival | null> {
    for (;;) {
      const arrival = this.#line.shift();
      if (arrival !== undefined) return arrival;
      if (this.#isClosed) return null;
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }
}
