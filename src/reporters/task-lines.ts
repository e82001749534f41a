// How a task that has settled reads in one line, on a terminal (fitted to the columns) and elsewhere (whole).
import type { Palette } from '../lib/color.ts';
import { plural } from '../lib/text.ts';
import { safeText, textWidth } from '../lib/terminal.ts';
import { formatDuration } from '../lib/time.ts';
import type { PlannedTask } from '../plan/plan.ts';
import type { Delivery, Exit, FailureReason, TaskOutcome } from '../run/events.ts';
import type { TaskState } from '../run/state.ts';
import { fitLine, piecesWidth } from './line.ts';
import type { Piece } from './line.ts';
import { unreachable } from '../errors.ts';

/** Outcomes as people write them. */
export const OUTCOME_WORDS: Readonly<Record<TaskOutcome, string>> = {
  completed: 'completed', failed: 'failed', 'timed-out': 'timed out', cancelled: 'cancelled', skipped: 'skipped',
  'over-budget': 'over budget',
};

/** Something to look into, rather than a consequence of something else. */
export function isFailure(outcome: TaskOutcome): boolean {
  return outcome === 'failed' || outcome === 'timed-out' || outcome === 'over-budget';
}

/** One column that says how a task ended, with its colour. */
export function outcomeSign(outcome: TaskOutcome, palette: Palette): Piece {
  if (outcome === 'completed') return { text: '✓', style: palette.green };
  if (isFailure(outcome)) return { text: '✖', style: palette.red };
  return { text: '○', style: palette.dim };
}

/** `id name`, or the id alone when the name says nothing more. Safe to print. */
export function taskLabel(task: Pick<PlannedTask, 'id' | 'name'>): string {
  return task.name === task.id ? safeText(task.id) : `${safeText(task.id)} ${safeText(task.name)}`;
}

/** `3 files +40 −2`. */
export function deliveryText(delivery: Delivery): string {
  if (delivery.filesChanged === 0) return 'no changes';
  return `${plural(delivery.filesChanged, 'file')} +${delivery.insertions} −${delivery.deletions}`;
}

/** How a process ended, in a few words. */
export function exitText(exit: Exit): string {
  switch (exit.kind) {
    case 'code': return `exit ${exit.code}`;
    case 'signal': return `killed by ${exit.signal}`;
    case 'timeout': return exit.idle ? `silent for ${formatDuration(exit.afterMs)}` : `timed out after ${formatDuration(exit.afterMs)}`;
    case 'killed': return `stopped (${exit.by})`;
    case 'spawn-error': return 'could not be started';
    default: return unreachable(exit);
  }
}

/** Why a settled task did not complete: its message, else its reason, else how its process ended. Safe; empty if nothing is known. */
export function whyText(task: TaskState): string {
  if (task.now.at !== 'settled') return '';
  if (task.now.message !== null) return safeText(task.now.message);
  if (task.now.reason !== null) return task.now.reason;
  return task.exit === null ? '' : exitText(task.exit);
}

/** What to type to see why; empty if the task never had a log. */
export function logsCommand(planned: PlannedTask, task: TaskState): string {
  return task.log === null ? '' : `orch logs ${planned.id}`;
}

/** Why nothing more is started, of a provider or at all. */
export function startsStoppedText({ provider, reason, message }: { readonly provider: string | null; readonly reason: FailureReason; readonly message: string }): string {
  return `nothing more is started${provider === null ? '' : ` with ${safeText(provider)}`} (${reason}): ${safeText(message)}`;
}

/** The permanent line of a settled task on a terminal; two lines where a narrow one would lose the command. */
export function terminalLines(planned: PlannedTask, task: TaskState, look: { readonly columns: number; readonly palette: Palette }): string[] {
  if (task.now.at !== 'settled') return [];
  const { columns, palette } = look;
  const { outcome } = task.now;
  const took = task.startedAt === null || task.settledAt === null ? '' : `  ${formatDuration(task.settledAt - task.startedAt)}`;
  const head: Piece[] = [outcomeSign(outcome, palette), { text: ` ${safeText(planned.id)}` }];
  const detail: Piece[] = [
    { text: took, style: palette.dim },
    { text: outcome === 'completed' ? delivered(task) : `  ${detailOf(outcome, task)}` },
  ];
  const command = isFailure(outcome) ? logsCommand(planned, task) : '';
  const hint: Piece[] = command === '' ? [] : [{ text: `   → ${command}`, style: palette.cyan }];
  const fixed = piecesWidth([...head, ...hint]);
  const roomForDetail = columns - fixed;
  if (hint.length > 0 && roomForDetail < Math.min(20, piecesWidth(detail))) {
    return [fitLine([...head, ...detail], columns), fitLine(hint, columns)];
  }
  const name = planned.name === planned.id ? '' : ` ${safeText(planned.name)}`;
  const nameFits = textWidth(name) + piecesWidth(detail) <= roomForDetail;
  const cutDetail = fitLine([...(nameFits ? [{ text: name }] : []), ...detail], roomForDetail);
  return [fitLine(head, columns) + cutDetail + fitLine(hint, columns)];
}

function delivered(task: TaskState): string {
  return task.delivery === null ? '' : `  ${deliveryText(task.delivery)}`;
}

function detailOf(outcome: TaskOutcome, task: TaskState): string {
  const why = whyText(task);
  if (outcome === 'failed') return why;
  return why === '' ? OUTCOME_WORDS[outcome] : `${OUTCOME_WORDS[outcome]}: ${why}`;
}
