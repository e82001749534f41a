// What an earlier attempt or a crash left where a workspace is to be made. Ours: saved, then put out of the way. A
// person's: named, and not touched.
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { crashPoint } from '../../lib/crash-point.ts';
import type { Sha } from '../../plan/plan.ts';
import type { Workspace, WorkspaceRequest } from '../effects.ts';
import { textOf } from '../small-file.ts';
import { repairLinks } from './admin.ts';
import { capture } from './collect.ts';
import type { Context } from './context.ts';
import { branchRef, type Live } from './live.ts';
import { findAdmin, kindAt, loadRecord, type Place, type PlaceRecord } from './place.ts';
import { rescue } from './rescue.ts';
import { changesSince } from './snapshot.ts';
import type { Trash } from './trash.ts';

/** A refusal that a person has to resolve. */
export class InTheWay extends Error {
  override readonly name = 'InTheWay';
}

/** Frees the folder, the administrative folder and the branch of a workspace. Throws `InTheWay` for what is not ours. */
export async function clearLeftovers(context: Context, trash: Trash, at: { place: Place; request: WorkspaceRequest; start: Sha }): Promise<string[]> {
  const { place, request } = at;
  const record = loadRecord(place);
  const notes = await clearFolder(context, trash, { place, request, record });
  await clearBranch(context, { request, start: at.start, record, path: place.path });
  return notes;
}

async function clearFolder(context: Context, trash: Trash, at: { place: Place; request: WorkspaceRequest; record: PlaceRecord | null }): Promise<string[]> {
  const { place, request, record } = at;
  const admin = await findAdmin(place, context.repo.commonDir);
  const [kind, halfMade] = [kindAt(place.path), kindAt(place.halfMade)];
  if (kind === 'missing' && admin === null && halfMade === 'missing') {
    // Nothing is here but what was done in a sandbox.
    if (record !== null && kindAt(place.privateRepo) !== 'missing') await saveOld(context, { place, record, request, admin: place.admin });
    // An entry of ours whose files are elsewhere is of no use to anybody.
    await trash.discard(place.admin, 1);
    return [];
  }
  const gitFile = textOf(path.join(place.path, '.git'));
  const namesUs = gitFile?.trim() === `gitdir: ${record?.admin ?? place.admin}`;
  if (admin === null && halfMade === 'missing' && !namesUs) {
    if (kind === 'folder' && (await readdir(place.path)).length === 0) {
      await rmdir(place.path);
      return [];
    }
    throw new InTheWay(`${place.path} already exists and was not made by orch; move it away, or choose another worktrees root`);
  }
  // Half-made: no agent has been here.
  const isHalfMade = admin === null && halfMade !== 'missing' && !namesUs;
  const saved = isHalfMade ? { keep: null, notes: [] } : await saveOld(context, { place, record, request, admin: admin ?? place.admin });
  crashPoint('old-work-saved');
  const notes = [...saved.notes];
  if (saved.keep !== null) notes.push(`${saved.keep}; the files of an earlier attempt were moved to ${await moveAside(place.path)}`);
  else await trash.discard(place.path, 1);
  crashPoint('old-files-discarded');
  for (const folder of new Set([admin ?? place.admin, place.admin, place.halfMade])) await trash.discard(folder, 1);
  return notes;
}

interface Old {
  readonly place: Place;
  readonly record: PlaceRecord | null;
  readonly request: WorkspaceRequest;
  readonly admin: string;
}

/** Saves what is in an old workspace; `keep` is why its files must stay even so. */
async function saveOld(context: Context, old: Old): Promise<{ keep: string | null; notes: string[] }> {
  const { place, record, admin, request } = old;
  const branch = record?.branch ?? request.branch;
  const [tip = null] = await context.refs.resolve([branchRef({ branch })]);
  const start = record?.start ?? tip;
  if (start === null) {
    throw new InTheWay(`${place.path} is a worktree whose branch ${branch} is gone, so its changes cannot be told; look at it, then: git worktree remove -f -f ${place.path}`);
  }
  if (textOf(path.join(admin, 'locked'))?.trim() === 'initializing' && !(await hasWork(context, place, start))) return { keep: null, notes: [] };
  const workspace: Workspace = { run: place.run, task: place.task, attempt: record?.attempt ?? request.attempt, branch, path: place.path, start };
  const live: Live = { workspace, place, admin, carried: new Set(record?.carried), stashes: new Set(record?.stashes), known: null };
  if (kindAt(admin) === 'missing' && kindAt(place.path) !== 'missing') await repairLinks(place, admin, branch);
  const { keep, collected } = await capture(context, live, { message: `orch: left over by an earlier attempt at ${place.task}`, onto: 'rescue' });
  const { ref } = collected.delivery;
  return { keep, notes: ref.startsWith('refs/orch/rescue/') ? [`work of an earlier attempt was saved on ${ref}`] : [] };
}

/** git was killed while it filled this folder: files that are missing were never there, so only others count. */
async function hasWork(context: Context, place: Place, start: Sha): Promise<boolean> {
  if (kindAt(place.path) !== 'folder') return false;
  const index = path.join(context.scratch, `probe-${place.id}`);
  await mkdir(path.dirname(index), { recursive: true });
  try {
    await context.mustGit(['read-tree', start], { index });
    return (await changesSince(context, { tree: place.path, index })).some((change) => change.tag !== 'R');
  } finally {
    await rm(index, { force: true });
  }
}

async function moveAside(folder: string): Promise<string> {
  for (let number = 1; ; number++) {
    const target = `${folder}~${number}`;
    if (kindAt(target) !== 'missing') continue;
    await rename(folder, target);
    return target;
  }
}

/** Sees that a branch does not exist or is at `start`; what else it had is on a rescue reference then. */
export async function clearBranch(context: Context, at: { request: WorkspaceRequest; start: Sha; record: PlaceRecord | null; path: string }): Promise<void> {
  const { request, start, record } = at;
  const ref = branchRef(request);
  const entry = (await context.refs.list([ref])).find((each) => each.ref === ref);
  if (entry === undefined) return;
  if (entry.worktree !== null && entry.worktree !== at.path) {
    throw new InTheWay(`branch ${request.branch} is checked out at ${entry.worktree}; switch to another branch there`);
  }
  if (entry.sha === start) return;
  if (record?.branch !== request.branch) {
    throw new InTheWay(`branch ${request.branch} already exists and was not made by orch; rename it: git branch -m ${request.branch} <new name>`);
  }
  const nothingOfItsOwn = await context.git(['merge-base', '--is-ancestor', entry.sha, start]);
  if (nothingOfItsOwn.code !== 0) await rescue(context, request, entry.sha);
  const refusal = await context.refs.move([{ ref, from: entry.sha, to: start }]);
  if (refusal !== null) throw new Error(refusal);
}
