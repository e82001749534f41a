// The folder for files that only this process needs, and the removal of those that killed processes left. Never touches
// the folder of a process that may live.
import { createHash } from 'node:crypto';
import { readdir, readlink, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

const PREFIX = 'process-';

/** The path for this process's files in `folder`; it is made by whoever writes there. What dead processes left beside it is deleted. */
export async function openScratch(folder: string): Promise<string> {
  const machine = await thisMachine();
  const names = await readdir(folder).catch(() => []);
  const dead = names.filter((name) => {
    const [, pid, where] = /^process-(\d+)-([0-9a-f]+)$/.exec(name) ?? [];
    return where === machine && Number(pid) !== process.pid && !isThere(Number(pid));
  });
  await Promise.all(dead.map((name) => rm(path.join(folder, name), { recursive: true, force: true })));
  return path.join(folder, `${PREFIX}${process.pid}-${machine}`);
}

/** Process numbers mean something only within one pid namespace of one host. */
async function thisMachine(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${os.hostname()}\0${namespace}`).digest('hex').slice(0, 8);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
