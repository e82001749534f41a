// Whether changes can be put on top of others without merging anything: no common path, no file where the other has a
// folder, no names that only case tells apart, and no renamed folder that would draw a new file along. Pure; says no
// when in doubt.
import { foldersOf, foldPath, PathSet } from '../../lib/path-overlaps.ts';
import type { Change } from './merge-changes.ts';

/** Changes made on one side, as far as they matter to the other. */
export class ChangeSet {
  readonly #paths = new PathSet();
  readonly #gained = new Set<string>();
  readonly #lost = new Set<string>();
  #hasGained = false;
  #hasLost = false;

  /** Whether something may have been renamed: that takes a deletion and an addition. */
  get couldRename(): boolean {
    return this.#hasGained && this.#hasLost;
  }

  add(changes: readonly Change[]): void {
    for (const { path, status } of changes) {
      const name = readable(path);
      this.#paths.add(name);
      if (status === 'A') this.#hasGained = true;
      if (status === 'D') this.#hasLost = true;
      const into = status === 'A' ? this.#gained : status === 'D' ? this.#lost : null;
      if (into !== null) for (const folder of foldersOf(foldPath(name))) into.add(folder);
    }
  }

  /** Whether the other side's changes have to be merged with these. */
  touches(changes: readonly Change[]): boolean {
    return changes.some(({ path, status }) => {
      const name = readable(path);
      if (this.#paths.overlaps(name)) return true;
      // Where one side has moved a folder away, git moves what the other side adds to it.
      const folders = status === 'A' || status === 'D' ? foldersOf(foldPath(name)) : [];
      return folders.some((folder) => (status === 'A' ? this.#lost : this.#gained).has(folder));
    });
  }
}

function readable(path: string): string {
  // oxlint-disable-next-line no-control-regex -- anything beyond ASCII
  return /[^\u0000-\u007f]/.test(path) ? Buffer.from(path, 'latin1').toString() : path;
}
