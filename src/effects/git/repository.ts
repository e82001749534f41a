// Finds and judges the repository that a run is about: before anything is created, and without writing anything.
import { accessSync } from 'node:fs';
import path from 'node:path';
import { EXIT, OrchError } from '../../errors.ts';
import { similarNames } from '../../lib/similar-names.ts';
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment, gitProgram } from './environment.ts';
import { askGit, GitFailure, gitRaw } from './plumbing.ts';

/** The oldest git with `merge-tree --write-tree`, which merges without a working tree. */
export const OLDEST_GIT = [2, 38, 0] as const;

/** Looks at the repository around `cwd`. Throws `OrchError` (exit 3) when there is none, or git is missing or too old. */
export async function openRepository(cwd: string): Promise<Repository> {
  requireFolder(cwd);
  // All at once, because starting git is what takes the time; the first that is wrong is what is told.
  const repository = requireRepository(cwd);
  repository.catch(() => {});
  const gitVersion = await requireGitVersion(cwd);
  const [commonDir, bare, inside, objectFormat, ...topLevel] = await repository;
  return {
    commonDir: commonDir ?? '',
    topLevel: inside === 'true' && topLevel.length > 0 ? topLevel.join('\n') : null,
    bare: bare === 'true',
    objectFormat: objectFormat === 'sha256' ? 'sha256' : 'sha1',
    gitVersion,
  };
}

async function requireGitVersion(cwd: string): Promise<[number, number, number]> {
  const text = await askGit(cwd, ['version']);
  if (text === null) {
    throw new OrchError({
      code: 'git-missing', exitCode: EXIT.preflight,
      message: `git could not be started (${gitProgram()})`,
      hint: `Install git ${OLDEST_GIT.slice(0, 2).join('.')} or later and make sure that it is on PATH.`,
    });
  }
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  const version: [number, number, number] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0), Number(found?.[3] ?? 0)];
  if (version[0] < OLDEST_GIT[0] || (version[0] === OLDEST_GIT[0] && version[1] < OLDEST_GIT[1])) {
    throw new OrchError({
      code: 'git-too-old', exitCode: EXIT.preflight,
      message: `git ${version.join('.')} is too old: orch needs ${OLDEST_GIT.slice(0, 2).join('.')} or later, to merge without a working tree`,
      hint: `Upgrade git (${gitProgram()}), or set ORCH_GIT to the path of a newer one.`,
    });
  }
  return version;
}

function requireFolder(cwd: string): void {
  try {
    accessSync(cwd);
  } catch (cause) {
    throw new OrchError({ code: 'no-such-folder', exitCode: EXIT.preflight, cause, message: `${cwd} does not exist or cannot be read` });
  }
}

/** The lines of one answer; those of the working tree come last, and only where there is one. */
async function requireRepository(cwd: string): Promise<string[]> {
  const args = ['rev-parse', '--path-format=absolute', '--git-common-dir', '--is-bare-repository', '--is-inside-work-tree', '--show-object-format', '--show-toplevel'];
  try {
    const output = await gitRaw(args, { cwd });
    const lines = chomp(output.stdout.toString()).split('\n');
    // Outside of a working tree git refuses the last question when it has answered the others.
    if (output.code !== 0 && (lines.length < 4 || lines[2] !== 'false')) throw new GitFailure(args, cwd, output);
    return lines;
  } catch (cause) {
    const said = cause instanceof GitFailure ? cause.stderr : '';
    if (said.includes('dubious ownership')) {
      throw new OrchError({
        code: 'repository-not-trusted', exitCode: EXIT.preflight, cause,
        message: `git does not trust the repository at ${cwd}: it belongs to another user`,
        hint: `If you trust it: git config --global --add safe.directory '${cwd}'`,
      });
    }
    const missing = said.includes('not a git repository');
    throw new OrchError({
      code: 'not-a-repository', exitCode: EXIT.preflight, cause,
      message: missing ? `${cwd} is not in a git repository` : `git cannot read the repository at ${cwd}: ${said.trim().split('\n').at(-1) ?? ''}`,
      ...(missing ? { hint: 'Change into one, or make one: git init && git add -A && git commit -m "Start"' } : {}),
    });
  }
}

/** The folder where git commands of the user's own checkout are run: its working tree, or the bare repository. */
export function repositoryFolder(repo: Repository): string {
  return repo.topLevel ?? repo.commonDir;
}

/** Beside the repository, never inside it: `../<name>.orch`. */
export function defaultWorktreesRoot(repo: Repository): string {
  const hidden = path.basename(repo.commonDir).startsWith('.');
  // A common folder of another name in a checkout is a submodule's or a separate one: the checkout is what people know.
  const home = hidden ? path.dirname(repo.commonDir) : repo.bare || repo.topLevel === null ? repo.commonDir : repo.topLevel;
  return path.join(path.dirname(home), `${path.basename(home).replace(/\.git$/, '')}.orch`);
}

/** Resolves what worktrees start from; null = HEAD. Throws `OrchError` (exit 3) for an unborn HEAD, (exit 2) for an unknown name. */
export async function resolveBase(repo: Repository, ref: string | null): Promise<{ ref: string; sha: Sha }> {
  const folder = repositoryFolder(repo);
  const [branch, sha] = await Promise.all([
    ref === null ? currentBranch(repo) : null,
    askGit(folder, ['rev-parse', '-q', '--verify', '--end-of-options', `${ref ?? 'HEAD'}^{commit}`]),
  ]);
  const name = ref ?? branch ?? 'HEAD';
  if (sha !== null) return { ref: name, sha: chomp(sha) };
  const names = await branchNames(repo);
  if (ref === null || (ref === 'HEAD' && names.length === 0)) {
    throw new OrchError({
      code: 'no-commits', exitCode: EXIT.preflight,
      message: `HEAD of ${folder} has no commits yet, so there is nothing for worktrees to start from`,
      hint: names.length === 0 ? 'Commit something first: git add -A && git commit -m "Start"' : `Name a base, e.g. --base ${names[0] ?? ''}`,
    });
  }
  const near = similarNames(ref, names);
  throw new OrchError({
    code: 'unknown-base', exitCode: EXIT.usage,
    message: `base ${JSON.stringify(ref)} is not a commit of ${folder}`,
    ...(near.length > 0 ? { hint: `Did you mean ${near.join(' or ')}?` } : {}),
  });
}

/** The branch that HEAD is on, without `refs/heads/`; null when detached. An unborn branch has a name too. */
export async function currentBranch(repo: Repository): Promise<string | null> {
  const ref = await askGit(repositoryFolder(repo), ['symbolic-ref', '-q', 'HEAD']);
  return ref === null ? null : chomp(ref).replace(/^refs\/heads\//, '');
}

/** The commit of a branch (without `refs/heads/`), or null when there is none. */
export async function branchTip(repo: Repository, branch: string): Promise<Sha | null> {
  // `main~1` names a commit, and no branch can have such a name.
  if (/[~^:\s]|@\{|\.\./.test(branch)) return null;
  const out = await askGit(repositoryFolder(repo), ['rev-parse', '-q', '--verify', `refs/heads/${branch}^{commit}`]);
  return out === null ? null : out.trim();
}

/** Whether `ancestor` is reachable from `descendant`; false when either does not exist. */
export async function isAncestor(repo: Repository, ancestor: string, descendant: string): Promise<boolean> {
  const output = await gitRaw(['merge-base', '--is-ancestor', ancestor, descendant], { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } });
  return output.code === 0;
}

/** Every local and remote-tracking branch, short. */
export async function branchNames(repo: Repository): Promise<string[]> {
  const out = await askGit(repositoryFolder(repo), ['for-each-ref', '--format=%(refname:short)', 'refs/heads', 'refs/remotes']);
  return (out ?? '').split('\n').filter((name) => name !== '');
}

/** How many files of the user's checkout are changed or untracked; writes nothing, not even the index. */
export async function dirtySummary(repo: Repository): Promise<{ changed: number; untracked: number }> {
  if (repo.topLevel === null) return { changed: 0, untracked: 0 };
  const out = (await askGit(repo.topLevel, ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=normal', '--ignore-submodules=dirty'])) ?? '';
  const entries = out.split('\0').filter((entry) => entry !== '');
  const untracked = entries.filter((entry) => entry.startsWith('??')).length;
  return { changed: entries.length - untracked, untracked };
}

/** What git operation is under way in a git folder (of a checkout or a worktree), from the names of its files; null = none. */
export function operationAmong(names: readonly string[]): string | null {
  const signs: readonly (readonly [string, string])[] = [
    ['rebase-merge', 'rebase'], ['rebase-apply', 'rebase'], ['MERGE_HEAD', 'merge'], ['CHERRY_PICK_HEAD', 'cherry-pick'],
    ['REVERT_HEAD', 'revert'], ['BISECT_START', 'bisect'],
  ];
  return signs.find(([name]) => names.includes(name))?.[1] ?? null;
}

/** Throws `OrchError` (exit 3) when a branch called `orch` makes branches `orch/…` impossible. */
export async function requireBranchNamespace(repo: Repository): Promise<void> {
  if ((await askGit(repositoryFolder(repo), ['rev-parse', '-q', '--verify', 'refs/heads/orch'])) === null) return;
  throw new OrchError({
    code: 'branch-in-the-way', exitCode: EXIT.preflight,
    message: 'a branch named "orch" exists, so git cannot create branches named "orch/…"',
    hint: 'Rename it: git branch -m orch orch-old',
  });
}

/** Whether worktrees may be made by hand: plain files for references, and no extension that this program does not know. */
export async function hasPlainLayout(repo: Repository): Promise<boolean> {
  const known = new Set(['noop', 'preciousobjects', 'partialclone', 'worktreeconfig', 'objectformat', 'compatobjectformat', 'relativeworktrees']);
  const out = (await askGit(repositoryFolder(repo), ['config', '--get-regexp', '^extensions\\.'])) ?? '';
  return out.split('\n').filter((line) => line !== '').every((line) => {
    const [key = '', value = ''] = line.split(' ');
    const name = key.slice('extensions.'.length).toLowerCase();
    return known.has(name) || (name === 'refstorage' && value === 'files');
  });
}

function chomp(text: string): string {
  return text.replace(/\n$/, '');
}
