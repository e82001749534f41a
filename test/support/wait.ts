// Waiting in tests: for a signal where there is one, else by looking; always with an end that says what was waited for.
import { existsSync, watch } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Far more than anything takes on a busy machine, and less than a test may. */
const LONGEST_MS = 60_000;
const LOOK_MS = 10;

/** The promise, which rejects with what was waited for when it takes too long. */
export async function within<T>(waitedFor: () => string, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const tooLong = pause(LONGEST_MS, null, { signal: timer.signal }).then(() => { throw new Error(`waited ${LONGEST_MS / 1000} s for ${waitedFor()}`); }, () => new Promise<never>(() => {}));
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    timer.abort();
  }
}

/** Looks until it is so: for what nothing announces. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LONGEST_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited ${LONGEST_MS / 1000} s until ${what}`);
    await pause(LOOK_MS);
  }
}

/** Resolves when a file is there. Its folder must exist. */
export async function appears(file: string): Promise<void> {
  let look = (): void => {};
  const watcher = watch(path.dirname(file), () => { look(); });
  try {
    await within(() => file, new Promise<void>((resolve) => {
      look = () => { if (existsSync(file)) resolve(); };
      look();
    }));
  } finally {
    watcher.close();
  }
}
