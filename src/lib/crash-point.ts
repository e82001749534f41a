// The durable steps of a run, by name, at which tests kill orch to see what a crash there leaves. Costs a comparison with
// null unless the command line has armed one. Knows no process: who arms it says what a crash is.

/**
 * Every step, in about the order in which a run takes them. A step that is not in this list cannot be named in a call, and
 * the tests walk the list.
 */
export const CRASH_POINTS = [
  'run-staged', // plan and manifest are written, the run's folder has not got its name
  'run-created',
  'lock-linked', // the lock has its number, older ones are still there
  'lock-taken',
  'journal-named', // the segment has its first line, its name is not durable
  'journal-opened',
  'reconciled', // what the last process left is known, nothing of it recorded
  'journal-written', // bytes are written, not synced
  'journal-synced', // durable, nobody was told
  'recorded', // acknowledged, nothing was launched
  'record-saved', // the workspace is announced
  'branch-made',
  'admin-begun', // the half-made entry exists, the folder does not
  'files-made', // the files are there, git does not know of them
  'worktree-linked', // the files point to an entry that is not published
  'worktree-published',
  'old-work-saved', // what an earlier attempt left is on a reference, and still in the way
  'old-files-discarded', // its files are in the trash, its entry is still there
  'setup-ended',
  'attempt-begun', // the prompt is written, nothing was spawned
  'agent-ended', // the tree is gone, nothing is known of how
  'end-saved', // how it ended is on disk, nothing is collected
  'tree-written', // the work is in objects, on no reference
  'work-saved', // on a reference, the worktree's own index is behind
  'work-collected', // collected, not judged
  'result-saved', // judged and on disk, not in the journal
  'verify-begun',
  'verify-ended',
  'left-saved', // before a removal: everything is on a reference
  'files-discarded', // a removed worktree's files are in the trash, its entry is still there
  'worktree-removed', // removed, not recorded
  'run-ended', // everything is recorded, the trash is full and the lock is held
] as const;

/** The steps of a merge, which follow when all tasks have settled. */
export const MERGE_CRASH_POINTS = [
  'merge-begun', // what is to be merged is recorded, nothing was made
  'merge-joined', // what has joined is recorded, the merge has not looked at it
  'merge-stacked', // commits are stacked and kept by references
  'merge-verified',
  'merge-landing', // what is about to be on the target is recorded, the target was not touched
  'target-moved', // the target was moved, what waited for it is still on its branch
  'merge-landed', // all of that is done, and not recorded
  'merge-told', // how each task ended is recorded, worktrees and references are still there
] as const;

/** The steps of asking for a merge by pull request. */
export const PULL_REQUEST_CRASH_POINTS = [
  'pull-request-pushing', // what is about to be pushed is recorded, the remote was not touched
  'pull-request-pushed', // the remote has it, there is no pull request
  'pull-request-opened', // there is one, which is not recorded
] as const;

/** The steps around the private repository of a task in a sandbox. */
export const SANDBOX_CRASH_POINTS = [
  'private-made', // the private repository is there, nothing was spawned
  'objects-taken', // its objects are in the user's, on no reference
  'references-taken', // its commits are on references, HEAD and index are not taken over
  'worktree-taken', // all is taken over, uncommitted work is not saved
  'private-discarded', // everything is saved, what it was is still on the disk
] as const;

const ALL_POINTS = [...CRASH_POINTS, ...MERGE_CRASH_POINTS, ...PULL_REQUEST_CRASH_POINTS, ...SANDBOX_CRASH_POINTS] as const;
export type CrashPoint = (typeof ALL_POINTS)[number];

let armed: { readonly point: CrashPoint; left: number; readonly crash: () => void } | null = null;

/** A step at which a run may die. */
export function crashPoint(point: CrashPoint): void {
  if (armed === null || armed.point !== point) return;
  armed.left -= 1;
  if (armed.left === 0) armed.crash();
}

/** Arms `<point>` or `<point>:<n>` (the n-th time that it is reached). Returns what is wrong with the text, or null. */
export function armCrashPoint(text: string, crash: () => void): string | null {
  const [, name = text, count = '1'] = /^([a-z-]+):([1-9]\d*)$/.exec(text) ?? [];
  const point = ALL_POINTS.find((known) => known === name);
  if (point === undefined) return `${JSON.stringify(name)} is none of ${ALL_POINTS.join(', ')}`;
  armed = { point, left: Number(count), crash };
  return null;
}
