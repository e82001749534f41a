// Temporary real repositories for tests, with history, in a path that has spaces and other scripts in it; and the
// assertion that a user's checkout was not touched. Nothing here fakes git.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A file's content, or `{ link }` for a symbolic link, `{ executable }` for a script, null to delete. */
export type FileSpec = string | Buffer | { readonly link: string } | { readonly executable: string } | null;
export type Files = Readonly<Record<string, FileSpec>>;

export interface TestRepo {
  /** Folder that holds everything of this test; removed by `dispose`. */
  readonly home: string;
  /** The working tree, or the bare repository. */
  readonly path: string;
  /** The folder that all its worktrees share. */
  readonly commonDir: string;
  /** Runs git here and returns its trimmed output; throws when it fails. */
  git(...args: string[]): string;
  /** Writes files (parents too) and commits them all; returns the commit. */
  commit(message: string, files?: Files): string;
  write(files: Files): void;
  dispose(): void;
}

/** Name of the folder that a repository is in unless told otherwise. */
const AWKWARD = 'my räpo ✓';

export interface RepoOptions {
  readonly name?: string;
  /** 0: a repository without any; otherwise it has three, and those of `more`. */
  readonly commits?: number;
  readonly more?: readonly (readonly [message: string, files: Files])[];
  readonly bare?: boolean;
  readonly identity?: boolean;
  readonly objectFormat?: 'sha1' | 'sha256';
}

/** A new repository on branch `main`. One that is made like an earlier one of this suite is a copy of it: a tenth of the price. */
export function makeRepo({ name = AWKWARD, bare = false, ...made }: RepoOptions = {}): TestRepo {
  const home = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'repo-')));
  const folder = path.join(home, name);
  const templates = process.env['VITEST_SCRATCH'];
  if (templates === undefined) build(home, folder, made);
  else {
    cpSync(templateOf(path.join(templates, 'templates'), made), folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    // The index knows the files by their inodes.
    if (made.commits !== 0) runGit(folder, ['update-index', '-q', '--refresh']);
  }
  if (!bare) return repoAt(home, folder);
  const bareFolder = path.join(home, 'bare.git');
  runGit(home, ['clone', '-q', '--bare', folder, bareFolder]);
  rmSync(folder, { recursive: true });
  return repoAt(home, bareFolder);
}

/** The folder of a repository that is made like this; whoever is first makes it, under its name in one step. */
function templateOf(templates: string, made: RepoOptions): string {
  const template = path.join(templates, createHash('sha1').update(JSON.stringify(made)).digest('hex'));
  if (existsSync(template)) return template;
  const half = mkdtempSync(`${template}-`);
  build(templates, half, made);
  try {
    renameSync(half, template);
  } catch (error) {
    if (!existsSync(template)) throw error;
    rmSync(half, { recursive: true });
  }
  return template;
}

function build(home: string, folder: string, { commits, more = [], identity, objectFormat = 'sha1' }: RepoOptions): void {
  mkdirSync(folder, { recursive: true });
  runGit(folder, ['init', '-q', '-b', 'main', `--object-format=${objectFormat}`, '.']);
  if (identity !== false) {
    runGit(folder, ['config', 'user.name', 'Ada Tester']);
    runGit(folder, ['config', 'user.email', 'ada@example.invalid']);
  }
  if (commits === 0) return;
  const repo = repoAt(home, folder);
  repo.commit('Start', { 'README.md': '# Example\n', 'src/index.ts': 'export const one = 1;\n', '.gitignore': 'node_modules/\n.env*\n*.log\nbuild/\n' });
  repo.commit('More', { 'src/lib/deep/file.ts': 'export {};\n', 'bin/tool.sh': { executable: '#!/bin/sh\necho tool\n' }, 'docs/link.md': { link: '../README.md' } });
  repo.commit('Names', { 'src/with space.txt': 'space\n', 'src/ünïcode ✓.txt': 'unicode\n', 'data.bin': Buffer.from([0, 1, 2, 255, 254]) });
  for (const [message, files] of more) repo.commit(message, files);
}

function repoAt(home: string, folder: string): TestRepo {
  const git = (...args: string[]): string => runGit(folder, args);
  const write = (files: Files): void => writeFiles(folder, files);
  return {
    home, path: folder, git, write, commonDir: existsSync(path.join(folder, '.git')) ? path.join(folder, '.git') : folder,
    commit(message, files = {}) {
      write(files);
      git('add', '-A');
      git('-c', 'user.name=Ada Tester', '-c', 'user.email=ada@example.invalid', 'commit', '-q', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
    dispose: () => removeTree(home),
  };
}

/** Writes, replaces or deletes files below a folder. */
export function writeFiles(folder: string, files: Files): void {
  for (const [name, spec] of Object.entries(files)) {
    const file = path.join(folder, name);
    makeFolder(folder, path.dirname(name));
    rmSync(file, { recursive: true, force: true });
    if (spec === null) continue;
    if (typeof spec === 'string' || Buffer.isBuffer(spec)) writeFileSync(file, spec);
    else if ('link' in spec) symlinkSync(spec.link, file);
    else {
      writeFileSync(file, spec.executable);
      chmodSync(file, 0o755);
    }
  }
}

/** Makes folders, in the place of files and links that are in the way. */
function makeFolder(root: string, relative: string): void {
  if (relative === '.' || relative === '') {
    mkdirSync(root, { recursive: true });
    return;
  }
  makeFolder(root, path.dirname(relative));
  const at = path.join(root, relative);
  const info = lstatSync(at, { throwIfNoEntry: false });
  if (info?.isDirectory() === true) return;
  rmSync(at, { force: true });
  mkdirSync(at);
}

/** Runs git in a folder; throws with what it said when it fails. */
export function runGit(folder: string, args: readonly string[], env: Record<string, string> = {}): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }).replace(/\n$/, '');
}

/** The files that differ within each pair of commits, asked of one git for all of them. */
export function changedFiles(repo: TestRepo, pairs: readonly (readonly [from: string, to: string])[]): string[][] {
  // A commit and what is to count as its parent; the answer begins with the commit.
  const input = pairs.map(([from, to]) => `${to} ${from}\n`).join('');
  const out = execFileSync('git', ['-c', 'core.quotePath=false', 'diff-tree', '-r', '--always', '--name-only', '--stdin'], { cwd: repo.path, encoding: 'utf8', input });
  const files: string[][] = [];
  let next = 0;
  for (const line of out.trimEnd().split('\n')) {
    if (line === pairs[next]?.[1]) next = files.push([]);
    else files.at(-1)?.push(line);
  }
  if (next !== pairs.length) throw new Error(`git diff-tree has answered for ${next} of ${pairs.length} pairs`);
  return files;
}

/** As an agent would run git in its worktree: with an identity; failures are returned, not thrown. */
export function agentGit(folder: string, ...args: string[]): { code: number; out: string } {
  const env = { ...process.env, GIT_AUTHOR_NAME: 'Agent', GIT_AUTHOR_EMAIL: 'agent@example.invalid', GIT_COMMITTER_NAME: 'Agent', GIT_COMMITTER_EMAIL: 'agent@example.invalid', GIT_EDITOR: 'true' };
  const done = spawnSync('git', args, { cwd: folder, encoding: 'utf8', env });
  return { code: done.status ?? -1, out: `${done.stdout}${done.stderr}`.trim() };
}

/** Deletes a folder, also when parts of it are write-protected. */
export function removeTree(folder: string): void {
  if (!existsSync(folder)) return;
  const unlock = (at: string): void => {
    chmodSync(at, 0o700);
    for (const entry of readdirSync(at, { withFileTypes: true })) if (entry.isDirectory()) unlock(path.join(at, entry.name));
  };
  unlock(folder);
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Everything of a checkout that belongs to its user, as one comparable value: files with times, HEAD, the bytes of the
 * index, configuration, hooks, info, stash, and every reference that is not orch's.
 */
export function checkoutState(repo: TestRepo): Record<string, string> {
  const gitDir = repo.commonDir;
  const state: Record<string, string> = {};
  const record = (name: string, folder: string, skip: (relative: string) => boolean): void => {
    for (const relative of walk(folder)) if (!skip(relative)) state[`${name}/${relative}`] = fingerprint(path.join(folder, relative));
  };
  if (gitDir !== repo.path) record('tree', repo.path, (file) => file.startsWith('.git/'));
  for (const name of ['HEAD', 'index', 'config', 'config.worktree', 'ORIG_HEAD', 'description', 'shallow']) {
    const file = path.join(gitDir, name);
    if (existsSync(file)) state[`git/${name}`] = fingerprint(file);
  }
  for (const name of ['hooks', 'info']) record(`git/${name}`, path.join(gitDir, name), () => false);
  state.refs = runGit(repo.path, ['for-each-ref', '--format=%(refname) %(objectname)']).split('\n').filter((line) => !/^refs\/(heads\/orch\/|orch\/)/.test(line)).join('\n');
  state.stashLog = existsSync(path.join(gitDir, 'logs/refs/stash')) ? readFileSync(path.join(gitDir, 'logs/refs/stash'), 'utf8') : '';
  return state;
}

function fingerprint(file: string): string {
  const info = lstatSync(file, { bigint: true });
  const content = info.isSymbolicLink() ? readlinkSync(file) : info.isFile() ? createHash('sha1').update(readFileSync(file)).digest('hex') : '';
  return `${info.mode.toString(8)} ${info.mtimeNs} ${info.ino} ${content}`;
}

/** Relative paths of everything that is not a folder below a folder, sorted. */
export function walk(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const found: string[] = [];
  const visit = (relative: string): void => {
    for (const entry of readdirSync(path.join(folder, relative), { withFileTypes: true })) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) visit(name);
      else found.push(name);
    }
  };
  visit('');
  return found.sort();
}
