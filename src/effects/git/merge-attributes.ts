// git reads merge attributes (drivers, union) from the working tree that it is in, not from the trees that it merges:
// a folder with just the `.gitattributes` files of a commit, made again only when one of them has changed.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import { requireGit, splitNul, type GitPlace } from './plumbing.ts';

const IS_ATTRIBUTES = /[\t/]\.gitattributes$/;

export interface Attributes {
  readonly folder: string;
  /** Makes the folder right for a tree. True = its files are others than before. */
  follow(tree: Sha): Promise<boolean>;
}

/** An empty folder, until the first `follow`. */
export function createAttributes(call: GitPlace, folder: string): Attributes {
  let present: Sha | null = null;
  let files = '';
  return {
    folder,
    async follow(tree) {
      if (tree === present) return false;
      const isSame = present !== null && (await isUnchanged(call, present, tree));
      present = tree;
      if (isSame) return false;
      const listed = splitNul(await requireGit(['ls-tree', '-r', '-z', '--full-tree', tree], call), 'latin1').filter((entry) => IS_ATTRIBUTES.test(entry));
      await mkdir(folder, { recursive: true });
      if (listed.join('\0') === files) return false;
      files = listed.join('\0');
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await Promise.all(listed.map((entry) => write(call, folder, entry)));
      return true;
    },
  };
}

async function isUnchanged(call: GitPlace, from: Sha, to: Sha): Promise<boolean> {
  const out = await requireGit(['diff-tree', '-r', '--name-only', '--no-renames', from, to, '--', ':(glob)**/.gitattributes'], call);
  return out.length === 0;
}

/** `<mode> <type> <sha> TAB <path>`; links are not followed, as git does not either. */
async function write(call: GitPlace, folder: string, entry: string): Promise<void> {
  const tab = entry.indexOf('\t');
  const [mode = '', , sha = ''] = entry.slice(0, tab).split(' ');
  if (!mode.startsWith('100')) return;
  const file = Buffer.from(path.posix.join(folder, '.') + '/', 'utf8');
  const at = Buffer.concat([file, Buffer.from(entry.slice(tab + 1), 'latin1')]).toString();
  await mkdir(path.dirname(at), { recursive: true });
  await writeFile(at, await requireGit(['cat-file', 'blob', sha], call));
}
