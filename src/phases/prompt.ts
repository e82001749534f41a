// What an attempt is told: the task's prompt, and what it should know of the attempt before. Pure.
import type { FailureReason } from '../run/events.ts';

/** The prompt of an attempt. A resumed session knows the task already, and is told only what went wrong. */
export function promptFor(
  prompt: string,
  { isResumed, feedback, lastFailure }: { isResumed: boolean; feedback: string | null; lastFailure: { reason: FailureReason; message: string } | null },
): string {
  if (isResumed) {
    if (lastFailure?.reason === 'verify-failed' && feedback !== null) return `${feedback}\n\nMend this, then finish the task.`;
    return 'You were interrupted by a problem of the provider. Go on where you stopped and finish the task.';
  }
  return feedback === null ? prompt : `${prompt}\n\n---\nNote on an earlier attempt at this task:\n${feedback}\n`;
}
