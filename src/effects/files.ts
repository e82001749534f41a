// Small text files on disk: an attempt's prompt, result and outputs. At once, because each trip through the thread pool
// costs more than such a file does, and an attempt would take thirty of them.
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { ensureDirSync, outputFileSync } from 'fs-extra';
import type { Files } from './effects.ts';

export function createFiles(): Files {
  return {
    makeDir: async (dir) => { ensureDirSync(dir, 0o700); },
    writeText: async (file, text) => {
      const whole = `${file}.${randomBytes(4).toString('hex')}.tmp`;
      try {
        outputFileSync(whole, text, { mode: 0o600 });
        renameSync(whole, file);
      } catch (error) {
        rmSync(whole, { force: true });
        throw error;
      }
    },
    remove: async (file) => {
      if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) await rm(file, { recursive: true, force: true });
    },
    readText: async (file, maxBytes) => readText(file, maxBytes),
  };
}

function readText(file: string, maxBytes: number): string | null {
  const open = openToRead(file);
  if (open === null) return null;
  try {
    const found = fstatSync(open);
    if (!found.isFile()) throw new Error('it is not a regular file');
    const buffer = Buffer.alloc(Math.min(maxBytes, found.size));
    return buffer.toString('utf8', 0, readSync(open, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(open);
  }
}

function openToRead(file: string): number | null {
  try {
    // An agent may have put a pipe in its place: opening that would wait for ever.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
