// Brings back a workspace that an earlier process left: there, clean and at the right commit, or made again. Never loses
// what it finds in the way.
import type { RecoverRequest, RecoverResult, WorkspaceRequest } from '../effects.ts';
import { capture } from './collect.ts';
import { isTransient, make, type Maker } from './create.ts';
import { branchRef, type Live } from './live.ts';
import { kindAt } from './place.ts';
import { discardPrivate, privateAt } from './private-repo.ts';
import { reclaim } from './reclaim.ts';

/** Recovers a workspace; `remember` is told of it as it is then. */
export async function recover(maker: Maker, live: Live, how: { request: RecoverRequest; remember: (live: Live) => void }): Promise<RecoverResult> {
  const { workspace } = live;
  const { head, copy, link } = how.request;
  try {
    if (await isAsWanted(maker, live, how.request)) {
      how.remember(live);
      return { ok: true, made: false, notes: [] };
    }
    const { run, task, attempt, branch, start } = workspace;
    const request: WorkspaceRequest = { run, task, attempt, branch, starts: [head], copy, link };
    const { notes } = await make(maker, { request, start, head, remember: how.remember });
    return { ok: true, made: true, notes: [`the worktree was made again from ${branchRef(workspace)}`, ...notes] };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error), transient: isTransient(error) };
  }
}

async function isAsWanted({ context }: Maker, live: Live, { head, keepChanges }: RecoverRequest): Promise<boolean> {
  const { place, admin, workspace } = live;
  if (kindAt(place.path) !== 'folder' || kindAt(admin) !== 'folder') return false;
  if (keepChanges) {
    // Whether there is a sandbox this time is not known here.
    await reclaim(context, live);
    discardPrivate(privateAt(place.privateRepo));
    return true;
  }
  const { collected } = await capture(context, live, { message: `orch: left in the worktree of ${place.task}`, onto: 'rescue' });
  return collected.delivery.head === head && collected.delivery.ref === branchRef(workspace);
}
