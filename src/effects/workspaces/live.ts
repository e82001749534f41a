// A workspace as this process knows it: its place, what was carried into it, and the last state that was checked.
import type { Sha } from '../../plan/plan.ts';
import type { Collected, Workspace } from '../effects.ts';
import type { Context } from './context.ts';
import { findAdmin, loadRecord, type Place, placeOf } from './place.ts';

/** A state of which it is known what is delivered by it. */
export interface Known {
  readonly head: Sha;
  readonly indexStamp: string;
  readonly collected: Collected;
  /** Paths (latin1) of submodules: what happens in one is not seen from outside. */
  readonly submodules: readonly string[];
  /** See `seal`. */
  readonly sealNs: bigint;
}

export interface Live {
  readonly workspace: Workspace;
  readonly place: Place;
  readonly admin: string;
  /** `latin1` paths that are never delivered. */
  readonly carried: ReadonlySet<string>;
  /** Stashes of this branch that are none of this attempt's doing, or are saved already. */
  readonly stashes: Set<Sha>;
  known: Known | null;
}

/** A workspace that this process did not make: what its record says, or what can be told without one. */
export async function reopen(context: Context, workspace: Workspace): Promise<Live> {
  const base = { home: context.home, commonDir: context.repo.commonDir, root: context.root };
  const place = { ...placeOf(base, workspace), path: workspace.path };
  const record = loadRecord(place);
  return {
    workspace, place,
    admin: (await findAdmin(place, context.repo.commonDir)) ?? record?.admin ?? place.admin,
    carried: new Set(record?.carried),
    stashes: new Set(record?.stashes),
    known: null,
  };
}

/** The full reference of a workspace's branch. */
export function branchRef(workspace: { branch: string }): string {
  return `refs/heads/${workspace.branch}`;
}

/** The result of a workspace in which nothing was done. */
export function untouched(workspace: Workspace): Collected {
  const delivery = { head: workspace.start, ref: branchRef(workspace), commits: 0, filesChanged: 0, insertions: 0, deletions: 0 };
  return { delivery, changed: [], findings: [] };
}

/** Bytes of a path as text for people and globs. */
export function readable(file: string): string {
  return Buffer.from(file, 'latin1').toString('utf8');
}
