// The last line of progress of each running task. One line per task is held, as it came; it is made safe when it is
// looked at, because most lines are replaced before anybody sees them.
import { safeText } from '../lib/terminal.ts';
import type { TaskId } from '../plan/plan.ts';
import type { AgentOutput, RunEvent } from '../run/events.ts';

const MOST_UNITS = 1024;

/** Last outputs by task, not yet safe to print. */
export type RecentOutputs = ReadonlyMap<TaskId, string>;

/** The beginning of a line of output, safe to print; more than a terminal is wide, less than a megabyte. */
export function headOfLine(text: string): string {
  return safeText(text.slice(0, MOST_UNITS)).trim();
}

/** Takes note of a line; a blank one does not hide the one before it. */
export function noteOutput(recent: Map<TaskId, string>, output: AgentOutput): void {
  if (/\S/.test(output.text)) recent.set(output.task, output.text);
}

/** Forgets what a task said when it enters another phase or settles. */
export function forgetOutput(recent: Map<TaskId, string>, event: RunEvent): void {
  if (event.type === 'phase-started' || event.type === 'task-settled') recent.delete(event.task);
}
