// The administrative folder of a worktree, written by hand: complete before git can see it, so that no command of
// anybody ever reads half of it (`git worktree add` does not give that).
import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { gitEnvironment } from '../git/environment.ts';
import { gitRaw } from '../git/plumbing.ts';
import { textOf } from '../small-file.ts';
import { copyIndex } from './checkout.ts';
import type { Context } from './context.ts';
import { kindAt, lockReason, type Place } from './place.ts';

/** Why git must leave the worktree alone, in the words of `git worktree list`. */
export function ourLock(place: Place): string {
  const startedAt = Math.round(Date.now() - process.uptime() * 1000);
  return lockReason(place, { pid: process.pid, host: os.hostname(), startedAt });
}

/** Fills an administrative folder, wherever it is, for the files at `place.path`. */
export function writeAdmin(folder: string, place: Place, branch: string): void {
  writeFileSync(path.join(folder, 'HEAD'), `ref: refs/heads/${branch}\n`);
  writeFileSync(path.join(folder, 'commondir'), '../..\n');
  writeFileSync(path.join(folder, 'gitdir'), `${path.join(place.path, '.git')}\n`);
  writeFileSync(path.join(folder, 'locked'), `${ourLock(place)}\n`);
}

/** Makes the worktree exist for git, in one step. */
export async function publish(place: Place): Promise<void> {
  const worktrees = path.dirname(place.admin);
  for (let round = 0; ; round++) {
    try {
      renameSync(place.halfMade, place.admin);
      return;
    } catch (error) {
      // `git worktree prune` removes the folder whenever it is empty.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || round > 20 || kindAt(place.halfMade) === 'missing') throw error;
      await mkdir(worktrees, { recursive: true });
    }
  }
}

let adding: Promise<unknown> = Promise.resolve();

/** Where the layout is not one that this program writes by hand: `git worktree add`, one at a time. Returns the administrative folder. */
export async function addWorktree(context: Context, place: Place, branch: string): Promise<string> {
  const turn = adding.then(() => addNow(context, place, branch));
  adding = turn.catch(() => {});
  return turn;
}

async function addNow(context: Context, place: Place, branch: string): Promise<string> {
  const args = ['worktree', 'add', '--no-checkout', '--lock', '--reason', ourLock(place), place.path, branch];
  const env = { ...gitEnvironment(), GIT_DIR: context.repo.commonDir };
  let said = '';
  for (let round = 0; round < 10; round++) {
    const output = await gitRaw(args, { cwd: context.repo.commonDir, env });
    const gitdir = /^gitdir: (.+)\n$/.exec(textOf(path.join(place.path, '.git')) ?? '')?.[1];
    if (output.code === 0 && gitdir !== undefined) return gitdir;
    said = output.stderr;
    // Other git processes read each other's half-written entries; that passes.
    if (!/commondir|config\.lock|index\.lock|could not lock/.test(said)) break;
  }
  throw new Error(`git worktree add failed for ${place.path}: ${said}`);
}

/** The files by which git goes from a worktree to its repository and back, with what is in them; none when the folder is gone. */
export async function linksOf(place: Place, admin: string): Promise<ReadonlyMap<string, string | null>> {
  if (kindAt(place.path) !== 'folder') return new Map();
  const files = [path.join(place.path, '.git'), path.join(admin, 'commondir'), path.join(admin, 'gitdir')];
  return new Map(files.map((file) => [file, textOf(file)] as const));
}

/** Restores what ties files and administrative folder together, if an agent changed or removed it; makes the latter anew if it is gone. */
export async function repairLinks(place: Place, admin: string, branch: string): Promise<void> {
  if (kindAt(admin) === 'missing') {
    await mkdir(admin, { recursive: true });
    writeAdmin(admin, place, branch);
    if (kindAt(place.index) !== 'missing') await copyIndex(place.index, path.join(admin, 'index'));
  }
  const expected: readonly (readonly [string, string])[] = [
    [path.join(admin, 'commondir'), '../..\n'],
    [path.join(admin, 'gitdir'), `${path.join(place.path, '.git')}\n`],
    [path.join(place.path, '.git'), `gitdir: ${admin}\n`],
  ];
  for (const [file, text] of expected) {
    // A repository that the agent made in the worktree's root is its work, and is reported.
    if (textOf(file) === text || kindAt(file) === 'folder') continue;
    await rm(file, { force: true });
    await writeFile(file, text);
  }
}
