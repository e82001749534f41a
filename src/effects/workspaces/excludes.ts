// What is carried into a worktree must not look like work to the git commands of an agent either: `git add -A` would
// commit a linked node_modules, which the pattern `node_modules/` does not match. The file that says so stands in for the
// user's own one, and begins with its lines.
import { readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gitRaw } from '../git/plumbing.ts';

/** Path of a workspace's excludes file, in the folder of its records. */
export function excludesFile(records: string): string {
  return path.join(records, 'excludes');
}

/** Writes the excludes file. `carried` are paths from the top of the worktree, latin1. */
export async function writeExcludes(records: string, carried: readonly string[], folder: string): Promise<void> {
  const own = carried.map((file) => `/${file.replace(/[\\*?[\]!#]/g, '\\$&').replace(/ $/, '\\ ')}`).filter((line) => !line.includes('\n'));
  await writeFile(excludesFile(records), Buffer.concat([await loadUsers(folder), Buffer.from(`\n${own.join('\n')}\n`, 'latin1')]));
}

/** The file that git would read without ours. */
async function loadUsers(folder: string): Promise<Buffer> {
  const configured = await gitRaw(['config', '--path', 'core.excludesFile'], { cwd: folder });
  const base = process.env['XDG_CONFIG_HOME'] || path.join(os.homedir(), '.config');
  const file = configured.code === 0 ? configured.stdout.toString().replace(/\n$/, '') : path.join(base, 'git', 'ignore');
  return await readFile(file).catch(() => Buffer.alloc(0));
}
