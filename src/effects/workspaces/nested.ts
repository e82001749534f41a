// Repositories inside a worktree: ones that an agent made or cloned, and submodules. Their files are delivered like any
// other; this finds them, lists their files, and tells whether they hold commits that exist nowhere else.
import { lstat, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { gitEnvironment } from '../git/environment.ts';
import { gitRaw, splitNul } from '../git/plumbing.ts';
import { isInside } from './carry.ts';
import type { Context } from './context.ts';

export interface Nested {
  /** Every file below, from the worktree's root, `latin1`. */
  readonly files: readonly string[];
  /** The folders of repositories, from the worktree's root, without a final slash, `latin1`. */
  readonly folders: readonly string[];
}

/** The files that are not ignored in nested repositories; `folders` as `ls-files` prints them, with a final slash. */
export async function filesOfNested(context: Context, tree: string, folders: readonly string[]): Promise<Nested> {
  const files: string[] = [];
  const found: string[] = [];
  const queue = [...folders];
  for (let folder = queue.pop(); folder !== undefined; folder = queue.pop()) {
    found.push(folder.replace(/\/$/, ''));
    const inside = path.join(tree, Buffer.from(folder, 'latin1').toString('utf8'));
    const listed = splitNul(await context.mustGit(['ls-files', '-o', '--exclude-standard', '-z'], { tree: inside }), 'latin1');
    for (const name of listed) {
      if (name.endsWith('/')) queue.push(folder + name);
      else files.push(folder + name);
    }
  }
  return { files: await notIgnored(context, tree, files), folders: found };
}

/** Folders above these files, but for the worktree itself, that are repositories: git takes one for plain once it tracks files in it. */
export async function repositoriesAmong(tree: string, files: readonly string[]): Promise<string[]> {
  const folders = new Set<string>();
  for (const file of files) {
    for (let end = file.lastIndexOf('/'); end > 0; end = file.lastIndexOf('/', end - 1)) {
      const folder = file.slice(0, end);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  const found: string[] = [];
  for (const folder of folders) {
    const entry = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(`${folder}/.git`, 'latin1')]);
    if ((await lstat(entry).catch(() => null)) !== null) found.push(folder);
  }
  return found;
}

/** The rules of the outer repository hold inside too (node_modules of a nested project). */
async function notIgnored(context: Context, tree: string, files: readonly string[]): Promise<string[]> {
  if (files.length === 0) return [];
  const input = Buffer.from(`${files.join('\0')}\0`, 'latin1');
  const output = await context.git(['check-ignore', '--no-index', '-z', '--stdin'], { tree, input });
  const ignored = new Set(splitNul(output.stdout, 'latin1'));
  return files.filter((file) => !ignored.has(file));
}

/** Whether the repository at a folder holds commits that no remote-tracking branch or tag of it has, or (submodules) changes. */
export async function holdsUnsavedWork(folder: string, options: { within: readonly string[]; changes: boolean }): Promise<boolean> {
  const gitDir = await gitDirOf(folder, options.within);
  if (gitDir === null) return false;
  const place = { GIT_DIR: gitDir, GIT_WORK_TREE: folder, GIT_NO_LAZY_FETCH: '1' };
  const env = { ...gitEnvironment(await withoutFilters({ cwd: folder, env: { ...gitEnvironment(), ...place } })), ...place };
  const commits = await gitRaw(['rev-list', '-n', '1', 'HEAD', '--branches', '--not', '--remotes', '--tags'], { cwd: folder, env });
  // A repository without any commit has no HEAD to list: nothing that could be lost but files.
  if (commits.code !== 0) return !/unknown revision|ambiguous argument 'HEAD'|bad revision 'HEAD'/.test(commits.stderr);
  if (commits.stdout.length > 0) return true;
  if (!options.changes) return false;
  const status = await gitRaw(['status', '--porcelain', '-z', '--ignore-submodules=none'], { cwd: folder, env });
  return status.code !== 0 || status.stdout.length > 0;
}

/** Settings that disarm what the configuration of a repository of an agent's making would run for a look at its files. */
async function withoutFilters(call: { cwd: string; env: Record<string, string> }): Promise<[string, string][]> {
  const { stdout } = await gitRaw(['config', '--list', '--name-only', '-z'], call);
  const filters = new Set(splitNul(stdout).filter((key) => /^filter\./i.test(key)).map((key) => key.slice(0, key.lastIndexOf('.'))));
  return [...filters].flatMap((filter): [string, string][] => [[`${filter}.clean`, ''], [`${filter}.process`, ''], [`${filter}.required`, 'false']]);
}

async function gitDirOf(folder: string, within: readonly string[]): Promise<string | null> {
  const entry = path.join(folder, '.git');
  const info = await lstat(entry).catch(() => null);
  if (info === null) return null;
  if (info.isDirectory()) return entry;
  const target = /^gitdir: (.+?)\n?$/.exec(await readFile(entry, 'utf8').catch(() => ''))?.[1];
  if (target === undefined) return null;
  const real = await realpath(path.resolve(folder, target)).catch(() => null);
  // Only a repository that would go away with the worktree matters.
  return real !== null && within.some((place) => isInside(place, real)) ? real : null;
}
