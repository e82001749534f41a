// Small pieces of durable file work: a file that is whole or absent, and directories whose entries survive a power cut.
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from './journal-error.ts';

/** Writes a new private file (0600) and syncs it; EEXIST if it is there. */
export async function writeSynced(file: string, data: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file's content so that any reader, also after a crash, sees either the old or the new one, whole. */
export async function replaceFile(file: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeSynced(temporary, data);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
}

/** Makes the names in a directory durable, where the file system can. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'].includes(errnoOf(error))) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Makes folders (0700), each in the one before, that may be there already; returns the last. `root` must exist: a run that
 * was removed does not come back. (Node's own recursive mkdir never returns where a file system answers ENOENT to it.)
 */
export async function makeDirs(root: string, ...names: readonly string[]): Promise<string> {
  let dir = root;
  for (const name of names) {
    dir = path.join(dir, name);
    await mkdir(dir, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
  }
  return dir;
}
