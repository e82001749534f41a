// What is said of a run to those who did not watch it: as a document for programs, as a few lines, as a sequence that a
// terminal shows. Pure.
import { plural } from '../lib/text.ts';
import { safeText } from '../lib/terminal.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import type { RunEvent, TaskOutcome } from '../run/events.ts';
import { runRow } from './status-text.ts';
import type { CountsDocument, StatusDocument } from './status.ts';
import { isFailure, OUTCOME_WORDS } from './task-lines.ts';

/** One thing to be told. `at` is ISO 8601 in UTC. A later release may add keys and types, and never renames one. */
export type Notification = { readonly v: 1; readonly run: RunId; readonly seq: number; readonly at: string } & (
  | { readonly type: 'task-settled'; readonly task: TaskId; readonly outcome: TaskOutcome; readonly message: string | null }
  | { readonly type: 'run-finished'; readonly exitCode: number; readonly counts: CountsDocument; readonly costUsd: number }
);

/** What is to be told of the events after `seq`, in their order. `document` is of the run now. */
export function notificationsOf(events: readonly RunEvent[], seq: number, document: StatusDocument): Notification[] {
  return events.flatMap((event): Notification[] => {
    if (event.seq <= seq) return [];
    const head = { v: 1, run: document.run, seq: event.seq, at: new Date(event.at).toISOString() } as const;
    if (event.type === 'task-settled') return [{ ...head, type: 'task-settled', task: event.task, outcome: event.outcome, message: event.message ?? event.reason }];
    return event.type === 'run-finished' ? [finishedNotification(head, event.exitCode, document)] : [];
  });
}

/** That a run has ended. */
export function finishedNotification(head: Pick<Notification, 'v' | 'run' | 'seq' | 'at'>, exitCode: number, { counts, costUsd }: Pick<StatusDocument, 'counts' | 'costUsd'>): Notification {
  return { ...head, type: 'run-finished', exitCode, counts, costUsd };
}

/** Lines of one burst. */
const MOST_LINES = 3;

/** At most three lines, the most telling first, and how many more there are. */
export function notificationLines(notifications: readonly Notification[], documents: ReadonlyMap<RunId, StatusDocument>): string[] {
  // A run that was gone on with has ended more than once; where it is now is said once.
  const runs = notifications.filter((one, index) => one.type === 'run-finished' && !notifications.slice(index + 1).some((later) => later.type === 'run-finished' && later.run === one.run));
  const tasks = notifications.filter((one) => one.type === 'task-settled');
  const ranked = [...runs, ...tasks.filter((one) => isFailure(one.outcome)), ...tasks.filter((one) => !isFailure(one.outcome))];
  const lines = ranked.slice(0, MOST_LINES).map((one) => lineOf(one, documents));
  const more = ranked.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more: orch status`] : lines;
}

function lineOf(one: Notification, documents: ReadonlyMap<RunId, StatusDocument>): string {
  if (one.type === 'run-finished') {
    const document = documents.get(one.run);
    return document === undefined ? `${safeText(one.run)} ended with exit ${one.exitCode}` : runRow(document);
  }
  const why = one.message === null || one.outcome === 'completed' ? '' : `: ${safeText(one.message)}`;
  return `${safeText(one.run)}: ${safeText(one.task)} ${OUTCOME_WORDS[one.outcome]}${why}`;
}

/** One line for a desktop or a terminal's own notifications. */
export function endText(run: RunId, exitCode: number, counts: CountsDocument): string {
  const failed = counts.failed + counts.timedOut + counts.overBudget;
  return `orch ${safeText(run)}: ${plural(counts.completed, 'task')} completed${failed === 0 ? '' : `, ${failed} failed`}${exitCode === 0 ? '' : ` (exit ${exitCode})`}`;
}

const ESC = '\u001B';
const BEL = '\u0007';

/** What makes a terminal notify its user; one that does not know the sequence ignores it. Reads TERM and TMUX of `env`. */
export function terminalNotification(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const plain = safeText(text).replaceAll(';', ',');
  const isTitled = /^(rxvt|foot)/.test(env['TERM'] ?? '') || env['VTE_VERSION'] !== undefined;
  const sequence = isTitled ? `${ESC}]777;notify;orch;${plain}${BEL}` : `${ESC}]9;${plain}${BEL}`;
  // tmux passes on what is wrapped for it, with every escape doubled.
  return env['TMUX'] === undefined ? sequence : `${ESC}Ptmux;${sequence.replaceAll(ESC, ESC + ESC)}${ESC}\\`;
}
