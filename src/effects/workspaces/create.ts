// Makes a workspace: branch, files, carried files, and last the entry that makes it exist for git. Killed anywhere, it
// can be made again.
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import type { CreateResult, Workspace, WorkspaceRequest } from '../effects.ts';
import { crashPoint } from '../../lib/crash-point.ts';
import { isBranchName } from '../../lib/ref-name.ts';
import { addWorktree, publish, writeAdmin } from './admin.ts';
import { stampOf, stashesOf } from './agent-state.ts';
import { carry, type Carried, type CopyList } from './carry.ts';
import { checkOut, copyIndex, type Template, type Templates } from './checkout.ts';
import type { Context } from './context.ts';
import { writeExcludes } from './excludes.ts';
import { clearBranch, clearLeftovers, InTheWay } from './leftovers.ts';
import { branchRef, type Live, readable, untouched } from './live.ts';
import { kindAt, type Place, placeOf, type PlaceRecord, saveRecord } from './place.ts';
import { MOST_ENTRIES, seal } from './pristine.ts';
import { mergeStarts } from './starts.ts';
import type { Trash } from './trash.ts';

export interface Maker {
  readonly context: Context;
  readonly templates: Templates;
  readonly trash: Trash;
  readonly copyList: CopyList;
  /** Worktrees may be written by hand. */
  readonly isPlain: boolean;
}

/** What went wrong that the next moment may not have: locks, memory, processes, space. */
const TRANSIENT = /\.lock|unable to create|No space left|Out of disk ?space|Resource temporarily|Cannot allocate|Too many open files|E(?:AGAIN|MFILE|NFILE|NOSPC|NOMEM|DQUOT|BUSY)\b/i;

/** Whether an error may be gone in a moment. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof InTheWay) && TRANSIENT.test(error instanceof Error ? error.message : String(error));
}

/** Makes a workspace; `live` is to be remembered when it succeeded. */
export async function create(maker: Maker, request: WorkspaceRequest, remember: (live: Live) => void): Promise<CreateResult> {
  try {
    if (!isBranchName(request.branch)) return { ok: false, kind: 'error', message: `${JSON.stringify(request.branch)} cannot be a branch`, transient: false };
    const start = await mergeStarts(maker.context, request.starts);
    if (!start.ok) return { ok: false, kind: 'conflict', files: start.files, between: start.between };
    return await make(maker, { request, start: start.commit, head: start.commit, remember });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, kind: 'error', message, transient: isTransient(error) };
  }
}

interface Making {
  readonly request: WorkspaceRequest;
  readonly start: Sha;
  /** What the files and the branch are to be at; the start, unless work is made again that was done. */
  readonly head: Sha;
  readonly remember: (live: Live) => void;
}

/** Makes a workspace in place of whatever was left there. Throws `InTheWay` for what a person has to resolve. */
export async function make(maker: Maker, making: Making): Promise<Extract<CreateResult, { ok: true }>> {
  const { context } = maker;
  const { request, start, head } = making;
  const place = placeOf({ home: context.home, commonDir: context.repo.commonDir, root: context.root }, request);
  const isFirst = kindAt(place.records) === 'missing';
  const notes = await freePlace(maker, { place, ...making });
  const template = await maker.templates.of(head);
  const stashes = stashesOf(context.repo.commonDir, request.branch);
  const record: PlaceRecord = {
    v: 1, run: request.run, task: request.task, attempt: request.attempt, branch: request.branch,
    path: place.path, start, admin: place.admin, carried: [], stashes,
  };
  // Before the branch: one that exists without a record is a person's.
  await context.turn(() => saveRecord(place, record));
  crashPoint('record-saved');
  try {
    await ensureBranch(context, request, { start: head, path: place.path });
  } catch (error) {
    if (isFirst) await rm(place.records, { recursive: true, force: true });
    throw error;
  }
  crashPoint('branch-made');
  const { admin, carried, sealNs } = await fill(maker, { place, request, template, record });
  const workspace: Workspace = { run: request.run, task: request.task, attempt: request.attempt, branch: request.branch, path: place.path, start };
  making.remember({
    workspace, place, admin, carried: new Set(carried.paths), stashes: new Set(stashes),
    known: head !== start ? null : { head, indexStamp: stampOf(path.join(admin, 'index')), collected: untouched(workspace), submodules: template.submodules, sealNs },
  });
  return { ok: true, workspace, notes: [...notes, ...carried.notes, ...submoduleNotes(template)] };
}

interface Filling {
  readonly place: Place;
  readonly request: WorkspaceRequest;
  readonly template: Template;
  readonly record: PlaceRecord;
}

/** Makes the files, then the entry for git: complete, or not there. */
async function fill(maker: Maker, filling: Filling): Promise<{ admin: string; carried: Carried; sealNs: bigint }> {
  const { place, request, template, record } = filling;
  const { context, isPlain } = maker;
  try {
    await context.turn(() => {
      mkdirSync(place.halfMade, { recursive: true });
      // From here on the folder, once it exists, is known to be ours.
      writeAdmin(place.halfMade, place, request.branch);
      crashPoint('admin-begun');
      makeFolder(isPlain ? place.path : path.dirname(place.path), !isPlain);
    });
    const admin = isPlain ? place.admin : await addWorktree(context, place, request.branch);
    if (realpathSync(place.path) !== place.path) throw new InTheWay(`${place.path} is reached through a symbolic link`);
    await checkOut(context, template, { tree: place.path, index: place.index });
    const carried = await carryInto(maker, request, place.path);
    if (carried.paths.length > 0) await writeExcludes(place.records, carried.paths, context.repo.commonDir);
    if (carried.paths.length > 0 || admin !== place.admin) saveRecord(place, { ...record, admin, carried: carried.paths });
    crashPoint('files-made');
    if (isPlain) {
      await copyIndex(place.index, path.join(place.halfMade, 'index'));
      writeFileSync(path.join(place.path, '.git'), `gitdir: ${admin}\n`);
      crashPoint('worktree-linked');
      await publish(place);
      crashPoint('worktree-published');
    } else {
      await copyIndex(place.index, path.join(admin, 'index'));
      await rm(place.halfMade, { recursive: true });
    }
    return { admin, carried, sealNs: template.files <= MOST_ENTRIES ? await seal(path.join(place.path, '.git'), place.index) : 0n };
  } catch (error) {
    if (isPlain && !(error instanceof InTheWay)) {
      await maker.trash.discard(place.path, template.files);
      await maker.trash.discard(place.halfMade, 1);
    }
    throw error;
  }
}

/** Makes one folder that must not exist yet; those above it may come and go (`flush` removes empty ones). */
function makeFolder(folder: string, isExistingFine: boolean): void {
  for (let round = 0; ; round++) {
    try {
      mkdirSync(folder);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST' && isExistingFine) return;
      if (code !== 'ENOENT' || round > 5) throw error;
      mkdirSync(path.dirname(folder), { recursive: true });
    }
  }
}

/** The usual case, that there is nothing at all, costs no git process. */
async function freePlace(maker: Maker, at: Making & { place: Place }): Promise<string[]> {
  const { place, request } = at;
  const places = [place.path, place.admin, place.halfMade, place.records, path.join(maker.context.repo.commonDir, 'refs', 'heads', request.branch)];
  const isFresh = places.every((each) => kindAt(each) === 'missing');
  return isFresh ? [] : clearLeftovers(maker.context, maker.trash, { place, request, start: at.head });
}

async function ensureBranch(context: Context, request: WorkspaceRequest, at: { start: Sha; path: string }): Promise<void> {
  const create = { ref: branchRef(request), from: null, to: at.start };
  const refusal = await context.refs.move([create]);
  if (refusal === null) return;
  await clearBranch(context, { request, ...at, record: null });
  const [tip] = await context.refs.resolve([create.ref]);
  if (tip !== at.start) throw new Error(`branch ${request.branch} could not be created: ${refusal}`);
}

async function carryInto(maker: Maker, request: WorkspaceRequest, to: string): Promise<Carried> {
  const from = maker.context.repo.topLevel;
  if (from !== null) return carry({ from, to, copy: request.copy, link: request.link }, maker.copyList);
  const isAsked = request.copy.length + request.link.length > 0;
  return { paths: [], notes: isAsked ? ['nothing was carried over: a bare repository has no ignored files'] : [] };
}

function submoduleNotes(template: Template): string[] {
  if (template.submodules.length === 0) return [];
  return [`submodules are empty folders in a new worktree (${template.submodules.map(readable).join(', ')}); setup can run: git submodule update --init`];
}
