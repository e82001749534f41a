// Turns the files of a worktree into a tree object. Works on an index of ours: what an agent's index says is used only
// for which paths are tracked, never for what they contain or whether they changed.
import { lstat, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { indexEntries } from '../../lib/git-index.ts';
import type { Sha } from '../../plan/plan.ts';
import { GitFailure, splitNul } from '../git/plumbing.ts';
import { copyIndex } from './checkout.ts';
import type { Context } from './context.ts';
import { filesOfNested, repositoriesAmong } from './nested.ts';

/** What an agent's index tracks; all paths `latin1`. */
export interface Tracked {
  readonly paths: ReadonlySet<string>;
  readonly unmerged: readonly string[];
  readonly submodules: ReadonlySet<string>;
  /** Entries that a sparse checkout took off the disk: `<mode> <object>` by path. */
  readonly absent: ReadonlyMap<string, string>;
}

export interface SnapshotRequest {
  /** The worktree. */
  readonly tree: string;
  /** Index of ours to begin with; replaced by a fresh one of `start` when it cannot be read. */
  readonly from: string;
  readonly start: Sha;
  /** null = as our own index has it. */
  readonly tracked: Tracked | null;
  /** Paths to leave out, also when an agent has added them. */
  readonly carried: ReadonlySet<string>;
  /** Where to leave the index of the result. */
  readonly to: string;
}
export interface Snapshot {
  readonly tree: Sha;
  /** Folders of repositories within, `latin1`. */
  readonly nested: readonly string[];
  /** Paths of submodules in the result, `latin1`. */
  readonly submodules: readonly string[];
}

export interface Change {
  readonly tag: '?' | 'R' | 'C';
  readonly path: string;
}

/** What differs between an index and the files: untracked, removed, changed. Ignored files are not looked at. */
export async function changesSince(context: Context, at: { tree: string; index: string }): Promise<Change[]> {
  const out = await context.mustGit(['ls-files', '-t', '-m', '-d', '-o', '--exclude-standard', '-z'], at);
  const changes = splitNul(out, 'latin1').map((line): Change => ({ tag: line[0] as Change['tag'], path: line.slice(2) }));
  // git says of what is removed that it is changed too.
  const removed = new Set(changes.filter((change) => change.tag === 'R').map((change) => change.path));
  return changes.filter((change) => change.tag !== 'C' || !removed.has(change.path));
}

/** What the index of an agent tracks; null when it is missing or damaged. */
export async function trackedBy(context: Context, admin: string, empty: string): Promise<Tracked | null> {
  // Read where it lies, because it may be one half of a split index; written nowhere.
  const args = ['--git-dir', admin, '--work-tree', empty, 'ls-files', '-s', '-t', '-z'];
  const index = path.join(admin, 'index');
  if ((await lstat(index).catch(() => null))?.isFile() !== true) return null;
  const output = await context.git(args, { index });
  if (output.code !== 0) return null;
  const paths = new Set<string>();
  const unmerged = new Set<string>();
  const submodules = new Set<string>();
  const absent = new Map<string, string>();
  for (const line of splitNul(output.stdout, 'latin1')) {
    const [, tag = '', mode = '', object = '', stage = '', file = ''] = /^(.) (\d+) ([0-9a-f]+) (\d)\t([^]*)$/.exec(line) ?? [];
    paths.add(file);
    if (stage !== '0') unmerged.add(file);
    if (mode === '160000') submodules.add(file);
    if (tag === 'S') absent.set(file, `${mode} ${object}`);
  }
  return { paths, unmerged: [...unmerged], submodules, absent };
}

/** The tracked paths of a commit, for when an agent's index cannot be read. */
export async function trackedIn(context: Context, commit: Sha): Promise<Tracked> {
  const out = await context.mustGit(['ls-tree', '-r', '-z', '--full-tree', '--name-only', commit]);
  return { paths: new Set(splitNul(out, 'latin1')), unmerged: [], submodules: new Set(), absent: new Map() };
}

/** Stores the files and their tree. Throws `GitFailure`, naming the file, when one cannot be read. */
export async function snapshot(context: Context, request: SnapshotRequest): Promise<Snapshot> {
  const { tree, tracked } = request;
  const at = { tree, index: request.to };
  await copyIndex(request.from, request.to).catch(() => rm(request.to, { force: true }));
  let entries = indexEntries(await readFile(request.to).catch(() => Buffer.alloc(0)), context.repo.objectFormat);
  if (entries === null) {
    await rm(request.to, { force: true });
    await context.mustGit(['read-tree', request.start], at);
    entries = indexEntries(await readFile(request.to), context.repo.objectFormat) ?? [];
  }
  const ours = new Set(entries.map((entry) => entry.path));
  const dropped = tracked === null ? [] : [...ours].filter((file) => !tracked.paths.has(file));
  await editIndex(context, at, dropped.map((file) => removal(context, file)));

  const changes = await changesSince(context, at);
  const changed = new Set(changes.filter((change) => change.tag !== '?').map((change) => change.path));
  const missing = new Set(changes.filter((change) => change.tag === 'R').map((change) => change.path));
  const untracked = changes.filter((change) => change.tag === '?').map((change) => change.path);
  const isSubmodule = (file: string): boolean => tracked?.submodules.has(file.replace(/\/$/, '')) ?? false;
  const nested = await filesOfNested(context, tree, untracked.filter((file) => file.endsWith('/') && !isSubmodule(file)));

  const gone: string[] = [];
  for (const file of changed) if ((await typeAt(tree, file)) === 'special') gone.push(file);
  await editIndex(context, at, gone.map((file) => removal(context, file)));
  if (changed.size > gone.length) await context.mustGit(['add', '-u', '--', '.'], at);

  const additions = new Set([
    ...untracked.filter((file) => !file.endsWith('/') && !request.carried.has(file)),
    ...untracked.filter((file) => file.endsWith('/') && isSubmodule(file)).map((file) => file.slice(0, -1)),
    ...nested.files,
  ]);
  for (const file of tracked?.paths ?? []) {
    if (request.carried.has(file)) continue;
    // Tracked although ignored: somebody forced it in.
    const type = ours.has(file) || additions.has(file) ? 'none' : await typeAt(tree, file);
    if (type === 'file' || (type === 'folder' && isSubmodule(file))) additions.add(file);
  }
  await addToIndex(context, at, [...additions]);
  await editIndex(context, at, [...(tracked?.absent ?? [])].filter(([file]) => missing.has(file)).map(([file, entry]) => `${entry}\t${file}`));
  const written = (await context.mustGit(['write-tree'], at)).toString().trim();
  const result = changes.length === 0 && additions.size === 0 ? entries : (indexEntries(await readFile(request.to), context.repo.objectFormat) ?? []);
  const within = await repositoriesAmong(tree, result.map((entry) => entry.path));
  return {
    tree: written,
    nested: [...new Set([...nested.folders, ...within])].sort(),
    submodules: result.filter((entry) => entry.mode === 0o160000).map((entry) => entry.path),
  };
}

function removal(context: Context, file: string): string {
  return `0 ${'0'.repeat(context.repo.objectFormat === 'sha256' ? 64 : 40)}\t${file}`;
}

async function editIndex(context: Context, at: { tree: string; index: string }, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await context.mustGit(['update-index', '-z', '--index-info'], { ...at, input: Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1') });
}

async function addToIndex(context: Context, at: { tree: string; index: string }, files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const args = ['update-index', '--add', '--remove', '--replace', '-z', '--stdin'];
  const output = await context.git(args, { ...at, input: Buffer.from(`${files.join('\0')}\0`, 'latin1') });
  // git leaves out a name that it considers dangerous, and calls that success.
  if (output.code !== 0 || output.stderr.includes('Ignoring path')) throw new GitFailure(args, at.tree, output);
}

async function typeAt(tree: string, file: string): Promise<'none' | 'file' | 'folder' | 'special'> {
  const at = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(file, 'latin1')]);
  const info = await lstat(at).catch(() => null);
  if (info === null) return 'none';
  return info.isFile() || info.isSymbolicLink() ? 'file' : info.isDirectory() ? 'folder' : 'special';
}
