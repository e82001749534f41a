// Removal by renaming: what is thrown away is out of the way at once and deleted later. Only ever deletes inside its own
// folders.
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { kindAt } from './place.ts';

export interface Trash {
  /** Renames a folder away; `files` is about how many it holds. Nothing there is fine. */
  discard(folder: string, files: number): Promise<void>;
  /** Deletes everything that was discarded, here or by an earlier process. */
  flush(): Promise<void>;
}

/** So many files waiting are worth the disk that creating others needs too. */
const MANY_FILES = 100_000;

/** Trash folders, one for each file system that things are discarded on: a folder goes to the first whose parent contains it. */
export function createTrash(bins: readonly { readonly within: string; readonly bin: string }[]): Trash {
  let waiting = 0;
  let count = 0;
  let emptying: Promise<void> = Promise.resolve();
  const empty = async (): Promise<void> => {
    waiting = 0;
    for (const { bin } of bins) {
      const names = await readdir(bin).catch(() => []);
      if (names.length > 0) await deleteFolders(names.map((name) => path.join(bin, name)));
      await rmdir(bin).catch(() => {});
    }
  };
  const schedule = (): Promise<void> => {
    emptying = emptying.then(empty);
    return emptying;
  };
  return {
    async discard(folder, files) {
      const home = bins.find(({ within }) => folder.startsWith(`${within}${path.sep}`));
      if (home === undefined) throw new Error(`${folder} is not ours to remove`);
      count += 1;
      const target = path.join(home.bin, `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${count}`);
      await moveAway(folder, target);
      waiting += files;
      if (waiting > MANY_FILES) schedule().catch(() => {});
    },
    flush: schedule,
  };
}

async function moveAway(folder: string, target: string): Promise<void> {
  for (let round = 0; ; round++) {
    try {
      await rename(folder, target);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && (await kindAt(folder)) === 'missing') return;
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
  if ((await kindAt(folder)) !== 'folder') return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(path.join(folder, entry.name));
  }
}
