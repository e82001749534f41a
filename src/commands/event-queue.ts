// What one side pushes and the other iterates, each item once and in order. Holds what nobody has taken yet.

export interface EventQueue<T> {
  push(item: T): void;
  /** Nothing more comes: iterations end when all is taken. */
  end(): void;
  /** Iterations share what there is; one that is left ends the holding, so that a program may stop listening. */
  iterate(): AsyncIterator<T>;
}

export function createEventQueue<T>(): EventQueue<T> {
  let items: T[] = [];
  let isHolding = true;
  let hasEnded = false;
  const waiting: (() => void)[] = [];
  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return {
    push(item) {
      if (isHolding) items.push(item);
      wake();
    },
    end() {
      hasEnded = true;
      wake();
    },
    iterate: () => ({
      async next() {
        while (items.length === 0 && !hasEnded && isHolding) await new Promise<void>((resolve) => { waiting.push(resolve); });
        const [item] = items.splice(0, 1);
        return item === undefined ? { done: true, value: undefined } : { done: false, value: item };
      },
      async return() {
        isHolding = false;
        items = [];
        wake();
        return { done: true, value: undefined };
      },
    }),
  };
}
