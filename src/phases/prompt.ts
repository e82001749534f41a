// What an attempt is told: the task's prompt, and what it should know of the attempt before. Pure.
import type { FailureReason } from '../run/events.ts';

const RESOLVE = 'A merge is under way in this worktree: of the work that was done for the task below, into what others have done since. `git status` names the files in conflict; both sides are marked in them. Resolve it so that what both sides are for still holds, leave no conflict marker, and do not abort the merge. You need not commit.';

/** The prompt of an attempt. A resumed session knows the task already, and is told only what went wrong. */
export function promptFor(
  prompt: string,
  { isResolving = false, isResumed, feedback, lastFailure }: { isResolving?: boolean; isResumed: boolean; feedback: string | null; lastFailure: { reason: FailureReason; message: string } | null },
): string {
  if (isResumed) {
    if (lastFailure?.reason === 'verify-failed' && feedback !== null) return `${feedback}\n\nMend this, then finish the task.`;
    return 'You were interrupted by a problem of the provider. Go on where you stopped and finish the task.';
  }
  if (isResolving) return `${RESOLVE}${feedback === null ? '' : `\n\n${feedback}`}\n\n---\nThe task was:\n${prompt}\n`;
  return feedback === null ? prompt : `${prompt}\n\n---\nNote on an earlier attempt at this task:\n${feedback}\n`;
}
