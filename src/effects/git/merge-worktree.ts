// A working tree for verifying merges: made once, then switched from commit to commit. It is orch's own, so that it may
// be reset and cleaned; ignored files stay, because that is what makes the next verification fast.
import { lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { textOf } from '../small-file.ts';
import { gitEnvironment } from './environment.ts';
import type { Edit } from './merge-import.ts';
import { gitRaw, requireGit, splitNul } from './plumbing.ts';
import { startMerge } from './start-merge.ts';

export interface MergeWorktree {
  readonly path: string;
  /** Makes the files be exactly those of a commit, but for ignored ones. The commit must be in the repository. */
  switchTo(commit: Sha): Promise<void>;
  /** From now on these untracked files (latin1 paths) are none of a command's changes. */
  ignore(paths: readonly string[]): void;
  /** Files, tracked or not, that differ from the commit: what a command has changed. Ignored ones do not count. */
  changes(): Promise<string[]>;
  /** The content of files (latin1 paths), null for one that is not there or not a regular file. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, Buffer | null>>;
  /** Merges a commit with git's memory of settled conflicts (rerere); the files at these paths, or null when it does not know all of them. */
  recall(theirs: Sha, paths: readonly string[]): Promise<readonly Edit[] | null>;
  /** Removes the worktree and all that is in it. */
  remove(): Promise<void>;
}

const SETTINGS = [['core.sparseCheckout', 'false'], ['checkout.workers', '0']] as const;

let adding: Promise<unknown> = Promise.resolve();

/** Makes a detached worktree at `folder`, or takes over one that an earlier orch left there. `mark` is added to git's environment. */
export async function openMergeWorktree(repo: Repository, folder: string, { commit, mark }: { commit: Sha; mark: Readonly<Record<string, string>> }): Promise<MergeWorktree> {
  const env = { ...gitEnvironment(SETTINGS), ...mark };
  const common = { cwd: repo.commonDir, env: { ...env, GIT_DIR: repo.commonDir } };
  const inside = { cwd: folder, env: { ...env, GIT_CEILING_DIRECTORIES: path.dirname(folder) } };
  const isOurs = async (): Promise<boolean> => {
    const output = await gitRaw(['rev-parse', '--path-format=absolute', '--show-toplevel', '--git-common-dir'], inside);
    const [top, commonDir] = output.stdout.toString().split('\n');
    return output.code === 0 && top === folder && commonDir === repo.commonDir;
  };
  const add = async (): Promise<void> => {
    if (await isOurs()) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(path.dirname(folder), { recursive: true });
    for (let round = 0; ; round += 1) {
      const args = ['worktree', 'add', '-f', '-f', '--detach', '--no-checkout', '--lock', '--reason', 'orch verifies merges here', folder, commit];
      const output = await gitRaw(args, common);
      if (output.code === 0) return;
      // Other git processes read each other's half-written entries; that passes.
      if (round >= 10 || !/commondir|\.lock|could not lock/.test(output.stderr)) throw new Error(`no worktree could be made at ${folder}: ${output.stderr}`);
    }
  };
  const turn = adding.then(add);
  adding = turn.catch(() => {});
  await turn;
  const ignored = new Set<string>();
  return {
    path: folder,
    ignore: (paths) => { for (const each of paths) ignored.add(Buffer.from(each, 'latin1').toString()); },
    async switchTo(to) {
      await rm(path.join((await requireGit(['rev-parse', '--absolute-git-dir'], inside)).toString().trim(), 'index.lock'), { force: true });
      await requireGit(['checkout', '-q', '-f', '--detach', '--no-recurse-submodules', to], inside);
      await requireGit(['clean', '-q', '-f', '-f', '-d'], inside);
    },
    async changes() {
      const out = await requireGit(['status', '--porcelain', '-z', '--no-renames', '--untracked-files=all', '--ignore-submodules=dirty'], inside);
      return splitNul(out).map((entry) => entry.slice(3)).filter((name) => !ignored.has(name));
    },
    async read(paths) {
      return new Map(await Promise.all(paths.map(async (name) => [name, await contentOf(folder, name)] as const)));
    },
    async recall(theirs, paths) {
      const settings = [['rerere.enabled', 'true'], ['rerere.autoUpdate', 'true'], ['merge.autoStash', 'false'], ['merge.conflictStyle', 'merge']] as const;
      const call = { cwd: folder, env: { ...inside.env, ...gitEnvironment([...SETTINGS, ...settings]), ...mark } };
      if ((await startMerge(call, theirs)) !== null) return null;
      const listed = new Map(splitNul(await requireGit(['ls-files', '-s', '-z', '--full-name'], call), 'latin1').map((entry) => [entry.slice(entry.indexOf('\t') + 1), entry]));
      // What it has begun to remember of this conflict is nobody's answer.
      await gitRaw(['rerere', 'clear'], call);
      const found = paths.map((name) => /^(100\d+) ([0-9a-f]+) 0\t/.exec(listed.get(name) ?? '') ?? []);
      if (found.some(([entry]) => entry === undefined)) return null;
      return Promise.all(found.map(async ([, mode = '', sha = ''], i) => ({ mode, content: await requireGit(['cat-file', 'blob', sha], call), path: paths[i] ?? '' })));
    },
    remove: async () => { await removeWorktree(repo, folder); },
  };
}

async function removeWorktree(repo: Repository, folder: string): Promise<void> {
  const common = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } };
  await gitRaw(['worktree', 'unlock', folder], common);
  await gitRaw(['worktree', 'remove', '-f', '-f', folder], common);
  await rm(folder, { recursive: true, force: true });
  // git refuses to remove what was half made.
  for (const { admin, folder: of } of await entriesOf(repo)) if (of === folder) await rm(admin, { recursive: true, force: true });
}

/** The entries that git keeps of worktrees, each with the folder that it is for. */
async function entriesOf({ commonDir }: Repository): Promise<{ admin: string; folder: string }[]> {
  const home = path.join(commonDir, 'worktrees');
  return (await readdir(home).catch(() => [])).flatMap((name) => {
    const admin = path.join(home, name);
    const gitFile = textOf(path.join(admin, 'gitdir'))?.trim();
    return gitFile === undefined ? [] : [{ admin, folder: path.dirname(path.resolve(admin, gitFile)) }];
  });
}

async function contentOf(folder: string, name: string): Promise<Buffer | null> {
  const file = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
  const info = await lstat(file).catch(() => null);
  return info?.isFile() === true ? readFile(file) : null;
}

export interface WorktreePool {
  /** Does something with a worktree that has exactly the files of a commit. Makes another one when all are in use. */
  use<T>(commit: Sha, work: (worktree: MergeWorktree) => Promise<T>): Promise<T>;
  /** Removes them, and those that a dead merge has left. */
  close(): Promise<void>;
}

/** Worktrees `<folder>-1`, `<folder>-2` …, as many as are used at once. By its mark the next orch finds a git that has outlived this one. */
export function openWorktreePool(repo: Repository, folder: string, mark: Readonly<Record<string, string>> = {}): WorktreePool {
  const all: Promise<MergeWorktree>[] = [];
  const free: MergeWorktree[] = [];
  return {
    async use(commit, work) {
      let worktree = free.pop();
      if (worktree === undefined) {
        const made = openMergeWorktree(repo, `${folder}-${all.length + 1}`, { commit, mark });
        all.push(made);
        worktree = await made;
      }
      try {
        await worktree.switchTo(commit);
        return await work(worktree);
      } finally {
        free.push(worktree);
      }
    },
    async close() {
      await Promise.all(all.map(async (made) => (await made.catch(() => null))?.remove()));
      await removeMergeWorktrees(repo, folder);
    },
  };
}

/** The worktrees of a pool that are there, if only as a folder or as an entry of git's: of one that is open, or of one that a dead merge has left. */
export async function mergeWorktreesAt(repo: Repository, folder: string): Promise<string[]> {
  const home = path.dirname(folder);
  const folders = (await readdir(home).catch(() => [])).map((name) => path.join(home, name));
  const all = new Set([...folders, ...(await entriesOf(repo)).map((entry) => entry.folder)]);
  return [...all].filter((each) => each.startsWith(folder) && /^-\d+$/.test(each.slice(folder.length)));
}

/** Removes what a pool has left at `folder`. */
export async function removeMergeWorktrees(repo: Repository, folder: string): Promise<void> {
  for (const worktree of await mergeWorktreesAt(repo, folder)) await removeWorktree(repo, worktree);
}
