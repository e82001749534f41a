// Where the programs are that hold processes together. Looks for files; starts nothing.
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** Absolute paths; null = not installed. */
export interface Tools {
  readonly bwrap: string | null;
  readonly setpriv: string | null;
  readonly unshare: string | null;
  readonly perl: string | null;
  readonly sh: string;
}

/** Looks along orch's own PATH, then where these programs are on every system; the agent's PATH has no say. */
export function findTools(searchPath = process.env['PATH'] ?? ''): Tools {
  const folders = [...searchPath.split(':').filter((folder) => path.isAbsolute(folder)), '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  const find = (name: string): string | null => folders.map((folder) => path.join(folder, name)).find(isExecutable) ?? null;
  return { bwrap: find('bwrap'), setpriv: find('setpriv'), unshare: find('unshare'), perl: find('perl'), sh: find('sh') ?? '/bin/sh' };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
