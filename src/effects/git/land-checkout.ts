// Where a branch is checked out, whether git is in the middle of something there, and the one way in which orch moves a
// checked-out branch: a fast-forward that leaves everything alone that is the user's.
import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { gitRaw, requireGit, type GitCall, type GitOutput } from './plumbing.ts';
import { operationAmong } from './repository.ts';

export interface Checkout {
  readonly path: string;
  /** The git operation that is under way there (`rebase`, `merge`, `bisect`), or null. */
  readonly busy: string | null;
  /** False: its folder is gone, or on a disk that is not there. */
  readonly isReachable: boolean;
}

/** The working trees that are on a branch, those included that a rebase or a bisect will bring back to it. */
export async function checkoutsOf(repo: Repository, ref: string): Promise<Checkout[]> {
  const out = await requireGit(['worktree', 'list', '--porcelain', '-z'], { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } });
  const worktrees = out.toString().split('\0\0').map((entry) => entry.split('\0').filter((line) => line !== ''));
  const found: Checkout[] = [];
  for (const lines of worktrees) {
    const at = lines[0]?.replace(/^worktree /, '');
    if (at === undefined || lines.includes('bare')) continue;
    const folder = await gitFolderOf(at);
    const names = folder === null ? [] : await readdir(folder).catch(() => []);
    const busy = operationAmong(names);
    if (lines.includes(`branch ${ref}`)) found.push({ path: at, busy, isReachable: folder !== null });
    else if (folder !== null && busy !== null && (await headNames(folder)).includes(ref)) found.push({ path: at, busy, isReachable: true });
  }
  return found;
}

async function gitFolderOf(worktree: string): Promise<string | null> {
  const output = await gitRaw(['rev-parse', '--absolute-git-dir'], { cwd: worktree }).catch(() => null);
  return output?.code === 0 ? output.stdout.toString().replace(/\n$/, '') : null;
}

/** What a rebase or a bisect has moved HEAD away from. */
async function headNames(folder: string): Promise<string[]> {
  const files = ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START'];
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8').catch(() => '')));
  return texts.map((text) => text.trim()).map((name) => (name === '' || name.startsWith('refs/') ? name : `refs/heads/${name}`));
}

/** Against options that a branch may have in its configuration. */
const OPTIONS = ['--no-autostash', '--no-squash', '--no-verify-signatures', '--no-edit', '--no-stat'];
const LOCK_WAITS_MS = [50, 100, 200, 400, 800, 1600];

/**
 * Moves a checked-out branch and its files from one commit to a later one, all or nothing. null = done; else why not,
 * with nothing changed. The lock that an editor's git holds for a moment is waited for.
 */
export async function fastForward(checkout: Checkout, move: { ref: string; from: Sha; to: Sha }): Promise<string | null> {
  const call = { cwd: checkout.path, env: { ...gitEnvironment([['merge.autoStash', 'false']]), GIT_REFLOG_ACTION: 'orch: merge' } };
  for (const wait of [...LOCK_WAITS_MS, null]) {
    const head = await gitRaw(['rev-parse', '--symbolic-full-name', 'HEAD'], call);
    const at = await gitRaw(['rev-parse', '--verify', 'HEAD'], call);
    if (head.stdout.toString().trim() !== move.ref || at.stdout.toString().trim() !== move.from) return `${checkout.path} has moved on`;
    const original = await originalHead(call);
    const merge = async (): Promise<GitOutput> => await gitRaw(['merge', '-q', '--ff-only', '--no-overwrite-ignore', ...OPTIONS, move.to], call);
    let output = await merge();
    if (output.code === 0) return null;
    const adopted = await adopt(call, filesIn(output.stderr), move);
    if (adopted !== null) output = await merge();
    if (output.code === 0) return null;
    await adopted?.undo();
    await original.restore();
    if (wait === null || !/index\.lock|\.lock'?: File exists|unable to create/i.test(output.stderr)) return refusal(checkout, output.stderr);
    await pause(wait);
  }
  return null;
}

/**
 * Files in the way that are already what they are to become, such as those that a fast-forward has written that was killed:
 * entered into the index as that, they are in nobody's way. null = at least one of them is something else.
 */
async function adopt(call: GitCall, files: readonly string[], { from, to }: { from: Sha; to: Sha }): Promise<{ undo(): Promise<void> } | null> {
  const before: string[] = [];
  const after: string[] = [];
  for (const file of files) {
    const [wanted, was] = await Promise.all([to, from].map(async (commit) => await entryOf(call, commit, file)));
    const info = await lstat(path.join(call.cwd, file)).catch(() => null);
    const mode = info?.isFile() === true ? ((info.mode & 0o100) === 0 ? '100644' : '100755') : null;
    const hashed = mode === null ? null : await gitRaw(['hash-object', `--path=${file}`, '--', file], call);
    // Staged by somebody: theirs.
    const staged = (await gitRaw(['ls-files', '-s', '-z', '--', `:(top,literal)${file}`], call)).stdout.toString();
    if (staged !== (was == null ? '' : `${was.mode} ${was.sha} 0\t${file}\0`)) return null;
    if (wanted == null || hashed?.code !== 0 || wanted.mode !== mode || wanted.sha !== hashed.stdout.toString().trim()) return null;
    after.push(`${wanted.mode} ${wanted.sha}\t${file}\0`);
    before.push(was == null ? `0 ${'0'.repeat(wanted.sha.length)}\t${file}\0` : `${was.mode} ${was.sha}\t${file}\0`);
  }
  const enter = async (entries: readonly string[]): Promise<boolean> => (await gitRaw(['update-index', '-z', '--index-info'], { ...call, input: entries.join('') })).code === 0;
  return files.length > 0 && (await enter(after)) ? { undo: async () => { await enter(before); } } : null;
}

async function entryOf(call: GitCall, commit: Sha, file: string): Promise<{ mode: string; sha: Sha } | null> {
  const listed = (await gitRaw(['ls-tree', '-z', '--full-tree', commit, '--', `:(literal)${file}`], call)).stdout.toString();
  const [, mode, sha] = /^(\d+) blob ([0-9a-f]+)\t/.exec(listed) ?? [];
  return mode === undefined || sha === undefined ? null : { mode, sha };
}

/** ORIG_HEAD, which git writes before it looks whether it can merge at all. */
async function originalHead(call: GitCall): Promise<{ restore(): Promise<void> }> {
  const folder = (await gitRaw(['rev-parse', '--absolute-git-dir'], call)).stdout.toString().replace(/\n$/, '');
  const file = path.join(folder, 'ORIG_HEAD');
  const before = await readFile(file).catch(() => null);
  return { restore: () => (before === null ? rm(file, { force: true }) : writeFile(file, before)) };
}

/** git lists the files that are in the way, each on a line of its own behind a tab. */
function filesIn(said: string): string[] {
  return said.split('\n').filter((line) => line.startsWith('\t')).map((line) => line.trim());
}

function refusal(checkout: Checkout, said: string): string {
  const files = filesIn(said);
  if (files.length === 0) return `git refused in ${checkout.path}: ${said.split('\n').find((line) => line.trim() !== '') ?? 'no reason given'}`;
  const shown = files.slice(0, 5).join(', ');
  return `${checkout.path} has changes or files of yours in ${shown}${files.length > 5 ? ` and ${files.length - 5} more` : ''}`;
}
