// How many lines of agents come through to a log: one per task every so often, and not more than a few per second of
// all. A line that is not taken is dropped, never kept: the task's own log has all of them.
import type { TaskId } from '../plan/plan.ts';
import type { Instant } from '../run/events.ts';

const TASK_GAP_MS = 2000;
const ANY_GAP_MS = 250;

interface LastLine {
  readonly at: Instant;
  readonly text: string;
}

export interface ProgressLimit {
  /** Whether a line of this task may be looked at now; cheap, because it is asked for every line. */
  admit(task: TaskId, now: Instant): boolean;
  /** Takes the line unless it repeats the one before; a taken line starts the gaps anew. */
  take(task: TaskId, line: { readonly text: string; readonly now: Instant }): boolean;
  forget(task: TaskId): void;
}

/** A clock that was set back must not silence anybody. */
function hasPassed(gap: number, at: Instant, now: Instant): boolean {
  return now - at >= gap || now < at;
}

/** A limit of its own, with nothing taken yet. */
export function createProgressLimit(): ProgressLimit {
  const last = new Map<TaskId, LastLine>();
  let anyAt: Instant = -Infinity;
  return {
    admit: (task, now) => hasPassed(ANY_GAP_MS, anyAt, now) && hasPassed(TASK_GAP_MS, last.get(task)?.at ?? -Infinity, now),
    take: (task, { text, now }) => {
      const isRepeated = last.get(task)?.text === text;
      last.set(task, { at: now, text });
      if (!isRepeated) anyAt = now;
      return !isRepeated;
    },
    forget: (task) => {
      last.delete(task);
    },
  };
}
