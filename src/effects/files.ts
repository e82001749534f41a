// Small text files on disk: an attempt's prompt, result and outputs.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { ensureDir, outputFile } from 'fs-extra';
import type { Files } from './effects.ts';

export function createFiles(): Files {
  return {
    makeDir: async (dir) => { await ensureDir(dir, 0o700); },
    writeText: async (file, text) => {
      const whole = `${file}.${randomBytes(4).toString('hex')}.tmp`;
      try {
        await outputFile(whole, text, { mode: 0o600 });
        await rename(whole, file);
      } catch (error) {
        await rm(whole, { force: true });
        throw error;
      }
    },
    remove: async (file) => { await rm(file, { recursive: true, force: true }); },
    readText: async (file, maxBytes) => {
      // An agent may have put a pipe in its place: opening that would wait for ever.
      const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      if (handle === null) return null;
      try {
        const found = await handle.stat();
        if (!found.isFile()) throw new Error('it is not a regular file');
        const buffer = Buffer.alloc(Math.min(maxBytes, found.size));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
        return buffer.toString('utf8', 0, bytesRead);
      } finally {
        await handle.close();
      }
    },
  };
}
