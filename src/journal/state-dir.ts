// Whether records can be kept at all: a writable folder and room on its disk. Asked before anything else is done.
import { randomBytes } from 'node:crypto';
import { rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EXIT, OrchError } from '../errors.ts';
import { makeDirs } from './durable.ts';
import { messageOf } from './journal-error.ts';
import { runsDir, stateDir } from './run-paths.ts';

/** Creates the folder of runs (0700) and proves that it can be written. Throws `state-not-writable`, exit 74. */
export async function requireWritable(commonDir: string): Promise<void> {
  try {
    await makeDirs(commonDir, ...path.relative(commonDir, runsDir(commonDir)).split(path.sep));
    const probe = path.join(stateDir(commonDir), `.probe-${randomBytes(6).toString('hex')}`);
    await writeFile(probe, 'x', { flag: 'wx', mode: 0o600 });
    await rm(probe);
  } catch (error) {
    throw notWritable(stateDir(commonDir), error);
  }
}

/** Throws `no-space` (exit 74) unless the disk of `dir` has this many bytes left for ordinary users. */
export async function requireSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir).catch((error: unknown) => {
    throw notWritable(dir, error);
  });
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new OrchError({
    code: 'no-space',
    message: `${dir}: ${mebibytes(free)} are free, ${mebibytes(bytes)} are needed`,
    hint: 'make room, e.g. with: orch clean',
    exitCode: EXIT.stateNotWritable,
  });
}

/** The error for records that cannot be written, exit 74. */
export function notWritable(dir: string, error: unknown): OrchError {
  return new OrchError({
    code: 'state-not-writable',
    message: `${dir}: the records of the run cannot be written: ${messageOf(error)}`,
    hint: 'orch keeps them in the .git folder, which must be writable and have room',
    exitCode: EXIT.stateNotWritable,
    cause: error,
  });
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}
