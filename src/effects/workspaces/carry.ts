// Brings ignored files of the user's checkout into a new worktree: copies (`copy`, .worktreeinclude) and symbolic links
// (`link`). Never reads through a link that leads out of the repository, never writes through one, never replaces a file.
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, realpath, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import picomatch from 'picomatch';
import { gitEnvironment } from '../git/environment.ts';
import { gitRaw, requireGit, splitNul } from '../git/plumbing.ts';
import { kindAt } from './place.ts';

export interface CarryRequest {
  /** The user's working tree, absolute. */
  readonly from: string;
  /** The new worktree, absolute. */
  readonly to: string;
  readonly copy: readonly string[];
  readonly link: readonly string[];
}
export interface Carried {
  /** What was brought, repository-relative, as `latin1`. */
  readonly paths: readonly string[];
  readonly notes: readonly string[];
}

/** Which files `copy` globs and .worktreeinclude name, listed once for each set of globs. */
export type CopyList = (copy: readonly string[]) => Promise<readonly string[]>;

/** Lists the ignored files of a working tree that are to be copied; paths are repository-relative `latin1`. */
export function createCopyList(folder: string): CopyList {
  const lists = new Map<string, Promise<readonly string[]>>();
  return (copy) => {
    const key = JSON.stringify(copy);
    const known = lists.get(key) ?? Promise.all([matching(folder, copy), included(folder)]).then(([a, b]) => [...new Set([...a, ...b])].sort());
    lists.set(key, known);
    known.catch(() => lists.delete(key));
    return known;
  };
}

async function matching(folder: string, copy: readonly string[]): Promise<string[]> {
  if (copy.length === 0) return [];
  const ignored = splitNul(await requireGit(['ls-files', '-o', '-i', '--exclude-standard', '-z'], { cwd: folder }), 'latin1');
  const matches = picomatch(copy.map((glob) => glob.replace(/^\.\//, '')), { dot: true });
  return ignored.filter((file) => matches(Buffer.from(file, 'latin1').toString('utf8')));
}

async function included(folder: string): Promise<string[]> {
  const include = path.join(folder, '.worktreeinclude');
  if (kindAt(include) === 'missing') return [];
  const named = await requireGit(['ls-files', '-o', '-i', '-X', include, '-z'], { cwd: folder });
  if (named.length === 0) return [];
  // What is merely untracked is not carried: it would look like the agent's own work. Exit code 1 = none is ignored.
  const ignored = await gitRaw(['check-ignore', '-z', '--stdin'], { cwd: folder, env: gitEnvironment(), input: named });
  return splitNul(ignored.stdout, 'latin1');
}

/** Copies and links what is asked for; what cannot be brought is said in the notes and left out. */
export async function carry(request: CarryRequest, list: CopyList): Promise<Carried> {
  const notes: string[] = [];
  const paths: string[] = [];
  const attempt = async (file: string, bring: (source: string, target: string) => Promise<string | null>): Promise<void> => {
    const name = Buffer.from(file, 'latin1').toString('utf8');
    const refused = await safely(request, name, bring).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (refused === null) paths.push(file);
    else if (refused !== '') notes.push(`${name} was not carried over: ${refused}`);
  };
  for (const file of await list(request.copy)) await attempt(file, copyOne);
  for (const file of request.link) await attempt(Buffer.from(path.posix.normalize(file).replace(/\/$/, ''), 'utf8').toString('latin1'), linkOne);
  return { paths, notes };
}

async function safely(request: CarryRequest, name: string, bring: (source: string, target: string) => Promise<string | null>): Promise<string | null> {
  if (path.isAbsolute(name) || name.split('/').includes('..') || name === '' || name === '.') return 'it is not a path inside the repository';
  if (name.split('/').some((part) => part.toLowerCase() === '.git')) return 'it is part of git itself';
  const source = path.join(request.from, name);
  const found = await realpath(source).catch(() => null);
  if (found === null) return 'it does not exist';
  if (!isInside(await realpath(request.from), found)) return `it leads out of the repository, to ${found}`;
  const parent = await makeParents(request.to, path.dirname(name));
  if (parent !== null) return parent;
  const target = path.join(request.to, name);
  if (kindAt(target) !== 'missing') return 'the commit has a file of that name';
  return bring(found, target);
}

async function copyOne(source: string, target: string): Promise<string | null> {
  const info = await stat(source);
  if (!info.isFile()) return 'it is not a file';
  await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await chmod(target, info.mode & 0o777);
  return null;
}

async function linkOne(source: string, target: string): Promise<string | null> {
  await symlink(source, target);
  return null;
}

/** Creates the folders above a target one by one, so that none of them is a link that leads elsewhere. */
async function makeParents(root: string, folder: string): Promise<string | null> {
  let at = root;
  for (const part of folder.split('/').filter((each) => each !== '.' && each !== '')) {
    at = path.join(at, part);
    await mkdir(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (!(await lstat(at)).isDirectory()) return `${path.relative(root, at)} is not a folder in the worktree`;
  }
  return null;
}

/** Whether `file` is `folder` or below it; both must be real paths. */
export function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative === '' || (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative));
}
