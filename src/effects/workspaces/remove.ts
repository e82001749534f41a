// Takes a workspace away once nothing in it can be lost. Never the branch: that is `orch clean`'s.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { crashPoint } from '../../lib/crash-point.ts';
import { textOf } from '../small-file.ts';
import { capture } from './collect.ts';
import type { Context } from './context.ts';
import type { Live } from './live.ts';
import { findAdmin, kindAt } from './place.ts';
import type { Trash } from './trash.ts';

/** Why the workspace was kept, or null when it is gone. */
export async function remove(context: Context, trash: Trash, live: Live): Promise<string | null> {
  const { place, admin } = live;
  try {
    const kind = kindAt(place.path);
    if (kind === 'folder' && !(await isOurs(context, live))) return `${place.path} was not made by orch`;
    if ([place.path, admin, place.privateRepo].some((file) => kindAt(file) !== 'missing')) {
      const { keep } = await capture(context, live, { message: `orch: left in the worktree of ${place.task}`, onto: 'rescue' });
      if (keep !== null) return keep;
    }
    crashPoint('left-saved');
    // The files first: an entry without files is repaired or removed later, files without an entry would be a stranger's.
    await trash.discard(place.path, FILES_GUESSED);
    crashPoint('files-discarded');
    if (kindAt(admin) !== 'missing') await trash.retire(admin);
    rmSync(place.index, { force: true });
    crashPoint('worktree-removed');
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What a worktree is taken to weigh in the trash. */
const FILES_GUESSED = 1000;

async function isOurs(context: Context, live: Live): Promise<boolean> {
  if (live.known !== null || (await findAdmin(live.place, context.repo.commonDir)) !== null) return true;
  const gitFile = textOf(path.join(live.place.path, '.git'));
  return gitFile?.trim() === `gitdir: ${live.admin}` || kindAt(live.place.records) !== 'missing';
}
