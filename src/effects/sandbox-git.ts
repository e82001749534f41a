// What of a repository a task in a sandbox may touch. Makes the few folders that mounting needs; changes nothing else.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Mount } from './effects.ts';

/**
 * How the working tree is tied to its repository.
 *
 * `worktree`: a linked worktree of the user's repository. Blocked: config, hooks, info, packed history, every ref outside the
 * run's own folder of branches, other worktrees, orch's records. Not blocked: branches of other tasks of the same run, and
 * deleting or damaging loose objects (git writes both in shared folders). Price: stash, tag, new branches elsewhere fail.
 *
 * `clone`: a repository of the task's own, inside the working tree, which borrows objects. Everything of the user's
 * repository is read-only or invisible, and every git command works.
 */
export type GitLayout =
  | { readonly kind: 'worktree'; /** `git rev-parse --git-common-dir` */ readonly commonDir: string; /** without `refs/heads/` */ readonly branch: string }
  | { readonly kind: 'clone'; /** folders of objects that `objects/info/alternates` names */ readonly borrowed: readonly string[] };

// A dot folder: git neither sees it as a ref nor removes the folder that holds it, which packing refs would do
// otherwise, and with it the mount.
const ANCHOR = '.sandbox';

/** The mounts for git, to come before the working tree's own (`before`) and after it (`after`). Throws when the worktree is not what it should be. */
export function gitMounts(layout: GitLayout, worktree: string): { readonly before: readonly Mount[]; readonly after: readonly Mount[] } {
  if (layout.kind === 'clone') return { before: layout.borrowed.map(read), after: [] };
  const { commonDir, branch } = layout;
  const admin = adminOf(worktree, commonDir);
  const folder = path.dirname(branch);
  if (folder === '.') throw new Error(`a branch that is sandboxed needs a folder of its own, as in orch/<run>/<task>: ${branch}`);
  const heads = path.join(commonDir, 'refs/heads', folder);
  const logs = path.join(commonDir, 'logs/refs/heads', folder);
  mkdirSync(path.join(heads, ANCHOR), { recursive: true });
  mkdirSync(logs, { recursive: true });
  if (hasWorktreeConfig(commonDir)) touch(path.join(admin, 'config.worktree'));
  const at = (name: string): string => path.join(commonDir, name);
  return {
    before: [
      read(commonDir),
      ...['orch', 'worktrees'].map(at).filter(existsSync).map((folder): Mount => ({ kind: 'hide', path: folder })),
      write(at('objects')),
      ...['objects/pack', 'objects/info'].map(at).filter(existsSync).map(read),
      write(heads), write(logs), write(admin),
      ...['commondir', 'gitdir', 'locked', 'config.worktree'].map((name) => path.join(admin, name)).filter(existsSync).map(read),
      ...alternatesOf(at('objects')).map(read),
    ],
    after: [read(path.join(worktree, '.git'))],
  };
}

/** Removes what `gitMounts` made in the user's repository, once no task of the run is in a sandbox any more. */
export function releaseGit(layout: GitLayout): void {
  if (layout.kind === 'clone') return;
  const folder = path.dirname(layout.branch);
  for (const made of [path.join('refs/heads', folder, ANCHOR), path.join('refs/heads', folder), path.join('logs/refs/heads', folder)]) {
    try {
      rmdirSync(path.join(layout.commonDir, made));
    } catch {
      // Not empty, or gone: both are as they should be.
    }
  }
}

function adminOf(worktree: string, commonDir: string): string {
  const file = path.join(worktree, '.git');
  const admin = statSync(file).isFile() ? /^gitdir: (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  if (admin === undefined || path.dirname(admin) !== path.join(commonDir, 'worktrees')) throw new Error(`not a linked worktree of ${commonDir}: ${worktree}`);
  return admin;
}

/** A repository may itself borrow from others. */
function alternatesOf(objects: string): readonly string[] {
  const file = path.join(objects, 'info/alternates');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => path.resolve(objects, line)).filter(existsSync);
}

function hasWorktreeConfig(commonDir: string): boolean {
  return readdirSync(commonDir).includes('config') && /worktreeconfig/i.test(readFileSync(path.join(commonDir, 'config'), 'utf8'));
}

function touch(file: string): void {
  writeFileSync(file, '', { flag: 'a' });
}

function read(file: string): Mount {
  return { kind: 'read', path: file };
}

function write(file: string): Mount {
  return { kind: 'write', path: file };
}
