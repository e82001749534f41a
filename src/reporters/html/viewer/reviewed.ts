// Which tasks were reviewed: kept by the browser, one entry for what a task delivered, so that a newer result of it is
// not taken for seen. Where the browser keeps nothing, ticks last as long as the page.
import type { RowPayload } from '../payload.ts';
import { page } from './dom.ts';

export interface Reviewed {
  has(row: RowPayload): boolean;
  set(row: RowPayload, isReviewed: boolean): void;
  /** False once the browser has refused to keep something. */
  isKept(): boolean;
}

/** The ticks of one run. */
export function openReviewed(run: string): Reviewed {
  const memory = new Map<string, boolean>();
  let isKept = true;
  const keyOf = (row: RowPayload): string => `orch-reviewed/${run}/${row.id}/${row.head ?? ''}`;
  const attempt = <T>(use: (storage: typeof page.localStorage) => T): T | null => {
    try {
      return use(page.localStorage);
    } catch {
      isKept = false;
      return null;
    }
  };
  return {
    has: (row) => memory.get(keyOf(row)) ?? attempt((storage) => storage.getItem(keyOf(row))) === '1',
    set: (row, isReviewed) => {
      const stored = attempt((storage) => {
        if (isReviewed) storage.setItem(keyOf(row), '1');
        else storage.removeItem(keyOf(row));
        return true;
      });
      if (stored === null) memory.set(keyOf(row), isReviewed);
    },
    isKept: () => isKept,
  };
}
