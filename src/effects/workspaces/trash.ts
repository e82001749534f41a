// Removal by renaming: what is thrown away is out of the way at once and deleted later. Only ever deletes inside its own
// folders.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { kindAt } from './place.ts';

export interface Trash {
  /** Renames a folder away; `files` is about how many it holds. Nothing there is fine. */
  discard(folder: string, files: number): Promise<void>;
  /**
   * Takes an administrative folder of a worktree out of git's sight, and discards it a little later: a git command that
   * is just reading it would die if it went away in between.
   */
  retire(admin: string): Promise<void>;
  /** Deletes everything that was discarded, here or by an earlier process. */
  flush(): Promise<void>;
}

/** So many files waiting are worth the disk that creating others needs too. */
const MANY_FILES = 100_000;

/** How long a git command may take from finding an entry to having read it (less than 1 ms of work). */
const READING_MS = 100;

/** Each bin is on the file system of what goes into it: of the repository, and of the worktrees. */
export interface TrashPlaces {
  readonly commonDir: string;
  readonly commonBin: string;
  readonly root: string;
  readonly rootBin: string;
}

/** Name of `gitdir` in an administrative folder that git is not to see any more. */
const HIDDEN = 'gitdir.removed';

/** A trash for one repository and one worktrees root; each folder goes to the bin of the place that it is in. */
export function createTrash(places: TrashPlaces): Trash {
  const bins = [{ within: places.commonDir, bin: places.commonBin }, { within: places.root, bin: places.rootBin }];
  let waiting = 0;
  let emptying: Promise<void> = Promise.resolve();
  let retired: { readonly admin: string; readonly sinceMs: number }[] = [];
  const discard = async (folder: string, files: number): Promise<void> => {
    const home = bins.find(({ within }) => folder.startsWith(`${within}${path.sep}`));
    if (home === undefined) throw new Error(`${folder} is not ours to remove`);
    await moveAway(folder, targetIn(home.bin));
    waiting += files;
  };
  const discardRetired = (): void => {
    const due = retired.filter((each) => performance.now() - each.sinceMs >= READING_MS - 1);
    retired = retired.filter((each) => !due.includes(each));
    for (const { admin } of due) {
      // In one step of this process, because a new worktree may be published at the same place.
      if (!existsSync(path.join(admin, HIDDEN)) || existsSync(path.join(admin, 'gitdir'))) continue;
      mkdirSync(places.commonBin, { recursive: true });
      renameSync(admin, targetIn(places.commonBin));
    }
  };
  const empty = async (): Promise<void> => {
    waiting = 0;
    for (const { bin } of bins) {
      const names = await readdir(bin).catch(() => []);
      if (names.length > 0) await deleteFolders(names.map((name) => path.join(bin, name)));
      await rmdir(bin).catch(() => {});
    }
  };
  const schedule = (): Promise<void> => {
    // One failure is its caller's; the next try is a new one.
    emptying = emptying.catch(() => {}).then(empty);
    return emptying;
  };
  return {
    async discard(folder, files) {
      await discard(folder, files);
      if (waiting > MANY_FILES) schedule().catch(() => {});
    },
    async retire(admin) {
      await rename(path.join(admin, 'gitdir'), path.join(admin, HIDDEN)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      retired.push({ admin, sinceMs: performance.now() });
      discardRetired();
    },
    async flush() {
      // Those of an earlier process too.
      const worktrees = path.join(places.commonDir, 'worktrees');
      for (const name of await readdir(worktrees).catch(() => [])) {
        const admin = path.join(worktrees, name);
        const isListed = retired.some((each) => each.admin === admin);
        if (!isListed && existsSync(path.join(admin, HIDDEN))) retired.push({ admin, sinceMs: performance.now() - READING_MS });
      }
      const youngest = Math.max(0, ...retired.map((each) => each.sinceMs));
      await schedule();
      await delay(Math.max(0, youngest + READING_MS + 1 - performance.now()));
      if (retired.length === 0) return;
      discardRetired();
      await schedule();
    },
  };
}

function targetIn(bin: string): string {
  return path.join(bin, `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`);
}

async function moveAway(folder: string, target: string): Promise<void> {
  for (let round = 0; ; round++) {
    try {
      renameSync(folder, target);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && kindAt(folder) === 'missing') return;
      if (round > 5) throw error;
      if (code === 'ENOENT') await mkdir(path.dirname(target), { recursive: true });
      // A folder that its owner may not write cannot be moved elsewhere either.
      else if (code === 'EACCES' || code === 'EPERM') await chmod(folder, 0o700);
      else throw error;
    }
  }
}

async function deleteFolders(folders: readonly string[]): Promise<void> {
  const size = 200;
  for (let at = 0; at < folders.length; at += size) {
    const some = folders.slice(at, at + size);
    // One process deletes faster, and away from this event loop.
    if (await runRm(some)) continue;
    for (const folder of some) {
      await unlock(folder);
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function runRm(folders: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('rm', ['-rf', '--', ...folders], { stdio: 'ignore', detached: true });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}

/** Folders without write permission (module caches) keep their files. */
async function unlock(folder: string): Promise<void> {
  if (kindAt(folder) !== 'folder') return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(path.join(folder, entry.name));
  }
}
