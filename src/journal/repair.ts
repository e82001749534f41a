// Cuts a torn tail off a segment, after its bytes were saved beside it. Only the holder of the lock may call this.
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { syncDirectory } from './durable.ts';
import { errnoOf } from './journal-error.ts';
import type { TornTail } from './load.ts';

/** What was cut off and where it is now, for a notice. */
export interface RepairedTail extends TornTail {
  /** Path of the saved bytes, `journal.<epoch>.torn-<k>`. */
  readonly saved: string;
}

const COPY_BYTES = 1024 * 1024;

/** Saves and cuts off a torn tail; doing it again after a crash in between only saves the bytes twice. */
export async function repairTail(torn: TornTail): Promise<RepairedTail> {
  const source = await open(torn.file, 'r+');
  try {
    const { handle, file } = await openFree(torn.file.replace(/\.ndjson$/, '.torn-'));
    try {
      await copyTail(source, handle, torn);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(path.dirname(torn.file));
    await source.truncate(torn.offset);
    await source.sync();
    return { ...torn, saved: file };
  } finally {
    await source.close();
  }
}

async function openFree(prefix: string): Promise<{ handle: FileHandle; file: string }> {
  for (let k = 1; ; k += 1) {
    const file = `${prefix}${k}`;
    try {
      return { handle: await open(file, 'wx', 0o600), file };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

async function copyTail(source: FileHandle, target: FileHandle, { offset, bytes }: TornTail): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(bytes, COPY_BYTES));
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, bytes - done), offset + done);
    if (bytesRead === 0) return;
    await target.appendFile(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
}
