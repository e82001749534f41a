// What orch has in a repository, for `orch clean`: worktrees, branches and saved work, by run; and the deletion of
// branches, which never loses a commit.
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { RunId, Sha, TaskId } from '../../plan/plan.ts';
import type { Repository, Workspace } from '../effects.ts';
import { gitRaw } from '../git/plumbing.ts';
import { createRefs, type RefMove } from '../git/refs.ts';
import { kindAt, loadRecord, placeOf } from './place.ts';
import { rescuePrefix } from './rescue.ts';

/** A workspace that was made for a task of a run, by its record. */
export interface OwnedWorkspace {
  readonly workspace: Workspace;
  /** Its files are there. */
  readonly isPresent: boolean;
}
export interface OwnedRef {
  readonly ref: string;
  readonly sha: Sha;
  /** Where a branch is checked out, or null. */
  readonly worktree: string | null;
}

/** The workspaces of one run, or of all runs. */
export async function listWorkspaces(repo: Repository, run?: RunId): Promise<OwnedWorkspace[]> {
  const home = path.join(repo.commonDir, 'orch');
  const all = path.join(home, 'workspaces');
  const runs = run === undefined ? await readdir(all).catch(() => []) : [run];
  const found: OwnedWorkspace[] = [];
  for (const name of runs) {
    for (const task of await readdir(path.join(all, name)).catch(() => [])) {
      const record = loadRecord(placeOf({ home, commonDir: repo.commonDir, root: '/' }, { run: name, task }));
      if (record === null) continue;
      const { attempt, branch, start } = record;
      found.push({ workspace: { run: name, task, attempt, branch, start, path: record.path }, isPresent: kindAt(record.path) !== 'missing' });
    }
  }
  return found;
}

/** Branches `orch/<run>/…`, or of all runs. */
export async function listBranches(repo: Repository, run?: RunId): Promise<OwnedRef[]> {
  return createRefs(repo).list([run === undefined ? 'refs/heads/orch/' : `refs/heads/orch/${run}/`]);
}

/** References that hold saved work, of one run or of all. */
export async function listRescues(repo: Repository, run?: RunId): Promise<OwnedRef[]> {
  return createRefs(repo).list([rescuePrefix(run)]);
}

export interface BranchDeletion {
  readonly branches: readonly OwnedRef[];
  /** Deleted without further ado when this commit-ish contains them. */
  readonly mergedInto: string | null;
  /** Delete the others too, each after its commit is on a rescue reference. */
  readonly isForced: boolean;
}
export interface DeletedBranches {
  readonly deleted: readonly string[];
  /** Reference and reason. */
  readonly kept: readonly (readonly [ref: string, reason: string])[];
}

/** Deletes branches of orch's that are merged (all, if forced and rescued), none that is checked out or was moved meanwhile. */
export async function deleteBranches(repo: Repository, request: BranchDeletion): Promise<DeletedBranches> {
  const refs = createRefs(repo, { message: 'orch: clean' });
  const merged = await mergedRefs(repo, request.mergedInto);
  const deleted: string[] = [];
  const kept: [string, string][] = [];
  const remove = async (branch: OwnedRef): Promise<void> => {
    const moves: RefMove[] = [{ ref: branch.ref, from: branch.sha, to: null }];
    if (branch.worktree !== null) {
      kept.push([branch.ref, `it is checked out at ${branch.worktree}`]);
      return;
    }
    if (!merged.has(branch.ref)) {
      if (!request.isForced) {
        kept.push([branch.ref, 'it has commits that are not merged']);
        return;
      }
      moves.unshift(await rescueMove(repo, branch));
    }
    const refusal = await refs.move(moves.filter((move) => move.from !== move.to));
    if (refusal === null) deleted.push(branch.ref);
    else kept.push([branch.ref, refusal]);
  };
  await Promise.all(request.branches.map(remove));
  return { deleted, kept };
}

/** Branches of orch's whose commits are all in `into`; none when it is null or does not exist. */
export async function mergedRefs(repo: Repository, into: string | null): Promise<Set<string>> {
  if (into === null) return new Set();
  const output = await gitRaw(['for-each-ref', `--merged=${into}`, '--format=%(refname)', 'refs/heads/orch/'], { cwd: repo.commonDir });
  return new Set(output.code === 0 ? output.stdout.toString().split('\n') : []);
}

async function rescueMove(repo: Repository, branch: OwnedRef): Promise<RefMove> {
  const first = branch.ref.replace('refs/heads/orch/', rescuePrefix());
  const taken = await createRefs(repo).list([first, `${first}@*`]);
  const same = taken.find((entry) => entry.sha === branch.sha);
  if (same !== undefined) return { ref: same.ref, from: same.sha, to: same.sha };
  let number = 1;
  const nameOf = (n: number): string => (n === 1 ? first : `${first}@${n}`);
  while (taken.some((entry) => entry.ref === nameOf(number))) number++;
  return { ref: nameOf(number), from: null, to: branch.sha };
}

/** Forgets the records of a workspace, once it and its branch are gone. */
export async function forgetWorkspace(repo: Repository, owner: { run: RunId; task: TaskId }): Promise<void> {
  const place = placeOf({ home: path.join(repo.commonDir, 'orch'), commonDir: repo.commonDir, root: '/' }, owner);
  await rm(place.records, { recursive: true, force: true });
}
