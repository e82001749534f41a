// Makes one administrative folder of a worktree say what another says: HEAD, index, logs, what is half-done. Follows and
// copies nothing that is not a plain file or folder, and writes nothing that is the same already.
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, type Stats } from 'node:fs';
import path from 'node:path';
import { copyIndex } from './checkout.ts';
import { kindAt } from './place.ts';

/** Copies a folder over another one; what is only in the latter goes, except for the names that are to be left alone. */
export async function copyAdmin(from: string, to: string, leave: ReadonlySet<string>): Promise<void> {
  mkdirSync(to, { recursive: true });
  const names = readdirSync(from).filter((name) => !leave.has(name) && !name.endsWith('.lock'));
  for (const name of readdirSync(to)) if (!leave.has(name) && !names.includes(name)) rmSync(path.join(to, name), { recursive: true, force: true });
  for (const name of names) {
    const [source, target] = [path.join(from, name), path.join(to, name)];
    const info = lstatSync(source);
    if (info.isDirectory()) {
      if (kindAt(target) === 'other') rmSync(target);
      await copyAdmin(source, target, new Set());
    } else if (info.isFile() && !isSame(source, target, info)) await replace(source, target);
  }
}

async function replace(source: string, target: string): Promise<void> {
  const made = `${target}.orch`;
  rmSync(made, { recursive: true, force: true });
  await copyIndex(source, made);
  if (kindAt(target) === 'folder') rmSync(target, { recursive: true });
  renameSync(made, target);
}

/** A file that is as it was keeps its stamp, by which it is known that nothing happened. */
function isSame(source: string, target: string, { size }: Stats): boolean {
  if (kindAt(target) !== 'other') return false;
  const info = lstatSync(target);
  return info.isFile() && info.size === size && readFileSync(source).equals(readFileSync(target));
}
