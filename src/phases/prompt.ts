// What an attempt is told: the task's prompt, and what it should know of the attempt before. Pure.
import type { Delivery, FailureReason } from '../run/events.ts';

export interface Earlier {
  /** A merge is in progress in the worktree. */
  readonly isResolving?: boolean;
  readonly isResumed: boolean;
  readonly feedback: string | null;
  readonly lastFailure: { readonly reason: FailureReason; readonly message: string } | null;
  /** What the attempt before left in the same worktree; null = nothing, or the worktree is new. */
  readonly saved: Pick<Delivery, 'head' | 'filesChanged'> | null;
}

const RESOLVE = 'A merge is under way in this worktree: of the work that was done for the task below, into what others have done since. `git status` names the files in conflict; both sides are marked in them. Resolve it so that what both sides are for still holds, leave no conflict marker, and do not abort the merge. You need not commit.';

/** The prompt of an attempt. A resumed session knows the task already, and is told only what went wrong. */
export function promptFor(prompt: string, { isResolving = false, isResumed, feedback, lastFailure, saved }: Earlier): string {
  if (isResumed) {
    if (lastFailure?.reason === 'verify-failed' && feedback !== null) return `${feedback}\n\nMend this, then finish the task.`;
    return 'You were interrupted by a problem of the provider. Go on where you stopped and finish the task.';
  }
  if (isResolving) return `${RESOLVE}${feedback === null ? '' : `\n\n${feedback}`}\n\n---\nThe task was:\n${prompt}\n`;
  const work = saved === null || saved.filesChanged === 0 ? null : `What it had done is in this working directory (commit ${saved.head}): keep what is right, mend the rest, and finish the task.`;
  const note = [feedback, work].filter((part) => part !== null).join('\n\n');
  return note === '' ? prompt : `${prompt}\n\n---\nNote on an earlier attempt at this task:\n${note}\n`;
}
