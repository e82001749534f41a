// Where one workspace lives, and how it is known to be ours.
//
//   <common>/orch/workspaces/<run>/<task>/record.json   written before anything else: this branch and this path are ours
//                                        /index         an index that no agent has written, to compare the files with
//                                        /private/      the repository that processes in a sandbox have, see private-repo.ts
//   <common>/orch/tmp/<id>/                             half-made: no agent has been here
//   <common>/worktrees/<id>/                            complete; `locked` names run and task
//   <root>/<run>/<task>/                                the files
//
// A folder at the last path is ours when `<common>/worktrees` or `<common>/orch/tmp` has the entry that points to it, or
// when its `.git` file names that entry. A branch is ours when a record names it. Anything else belongs to a person.
//
// These files are a few hundred bytes, so they are read and written synchronously: a trip through the thread pool costs
// ten times what the file does, and there are dozens for each workspace.
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunId, Sha, TaskId } from '../../plan/plan.ts';
import { textOf } from '../small-file.ts';

export interface Place {
  readonly run: RunId;
  readonly task: TaskId;
  /** Name of the administrative folder under `<common>/worktrees`. */
  readonly id: string;
  readonly path: string;
  readonly admin: string;
  readonly halfMade: string;
  /** Folder of record.json and index. */
  readonly records: string;
  readonly index: string;
  /** Folder of the private repository, while a sandbox has one. */
  readonly privateRepo: string;
}

/** What is remembered of a workspace beyond the life of a process. */
export interface PlaceRecord {
  readonly v: 1;
  readonly run: RunId;
  readonly task: TaskId;
  readonly attempt: number;
  readonly branch: string;
  readonly path: string;
  readonly start: Sha;
  /** Absolute path of the administrative folder. */
  readonly admin: string;
  /** Paths (latin1) that were copied or linked in: never part of what is delivered. */
  readonly carried: readonly string[];
  /** Stashes that already named this branch when the workspace was made. */
  readonly stashes: readonly Sha[];
}

/** The place of a task's workspace; the same for all of its attempts. */
export function placeOf(base: { home: string; commonDir: string; root: string }, owner: { run: RunId; task: TaskId }): Place {
  const { run, task } = owner;
  const hash = createHash('sha256').update(`${run}\0${task}`).digest('hex').slice(0, 12);
  const id = `orch-${hash}-${task.replace(/[^a-z0-9]+/gi, '-').slice(0, 40).replace(/-$/, '')}`;
  const records = path.join(base.home, 'workspaces', run, task);
  return {
    run, task, id, records,
    path: path.join(base.root, run, task),
    admin: path.join(base.commonDir, 'worktrees', id),
    halfMade: path.join(base.home, 'tmp', id),
    index: path.join(records, 'index'),
    privateRepo: path.join(records, 'private'),
  };
}

/** The content of `locked`: why git must not prune or remove the worktree. */
export function lockReason(owner: { run: RunId; task: TaskId }, by: { pid: number; host: string; startedAt: number }): string {
  return `orch run=${owner.run} task=${owner.task} pid=${by.pid} host=${by.host} start=${by.startedAt}`;
}

/** Whether `locked` says that this task made the worktree, or that git was killed while making it. */
export function isLockOf(owner: { run: RunId; task: TaskId }, locked: string | null): boolean {
  if (locked === null) return false;
  return locked.trim() === 'initializing' || locked.startsWith(`orch run=${owner.run} task=${owner.task} `);
}

/** The record of a place; null when there is none or it cannot be understood. */
export function loadRecord(place: Place): PlaceRecord | null {
  const text = textOf(path.join(place.records, 'record.json'));
  if (text === null) return null;
  try {
    const record = JSON.parse(text) as PlaceRecord;
    return record.v === 1 && record.run === place.run && record.task === place.task ? record : null;
  } catch {
    return null;
  }
}

/** Writes a record, whole or not at all. */
export function saveRecord(place: Place, record: PlaceRecord): void {
  mkdirSync(place.records, { recursive: true });
  const file = path.join(place.records, 'record.json');
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** The administrative folder that really belongs to the files at `place.path`, however it came about; null when there is none. */
export async function findAdmin(place: Place, commonDir: string): Promise<string | null> {
  const gitFile = path.join(place.path, '.git');
  const pointsHere = (admin: string): boolean => textOf(path.join(admin, 'gitdir'))?.trim() === gitFile;
  if (pointsHere(place.admin)) return place.admin;
  const worktrees = path.join(commonDir, 'worktrees');
  for (const name of await readdir(worktrees).catch(() => [])) {
    const admin = path.join(worktrees, name);
    if (pointsHere(admin) && isLockOf(place, textOf(path.join(admin, 'locked')))) return admin;
  }
  return null;
}

export type Kind = 'missing' | 'folder' | 'other';
/** What is at a path, without following a symbolic link. */
export function kindAt(file: string): Kind {
  try {
    return lstatSync(file).isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return 'missing';
    throw error;
  }
}
