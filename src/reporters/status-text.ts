// A status document as a table for people: one line per task, what ended badly says why. Pure.
import type { Palette } from '../lib/color.ts';
import { formatUsd, plural } from '../lib/text.ts';
import { padToWidth, safeText, textWidth } from '../lib/terminal.ts';
import { formatClock, formatDuration } from '../lib/time.ts';
import { fitLine } from './line.ts';
import type { GateDocument, StatusDocument, TaskDocument } from './status.ts';
import { outcomeSign, OUTCOME_WORDS } from './task-lines.ts';

export interface StatusLook {
  readonly palette: Palette;
  /** Lines are cut to this width; null = as long as they are. */
  readonly columns: number | null;
}

/** The lines of `orch status`: the tasks, then the run. */
export function statusText(document: StatusDocument, look: StatusLook): string[] {
  const widths = {
    id: Math.min(40, Math.max(0, ...lengths(document.tasks, (task) => task.id))),
    state: Math.max(0, ...lengths(document.tasks, stateWord)),
  };
  return [...document.tasks.map((task) => taskRow(task, { ...look, widths })), ...document.gates.map(gateRow), runRow(document, look.palette.bold)];
}

function gateRow({ provider, closedUntil, slots, reason }: GateDocument): string {
  const parts = [...(closedUntil === null ? [] : [`no new starts until ${closedUntil}`]), ...(slots === null ? [] : [`${slots} at once`])];
  return `provider ${safeText(provider)}: ${parts.join(', ')}  ${safeText(reason)}`;
}

function lengths(tasks: readonly TaskDocument[], text: (task: TaskDocument) => string): number[] {
  // A spread over very many arguments overflows the stack; the widest of the first thousand is wide enough.
  return tasks.slice(0, 1000).map((task) => textWidth(text(task)));
}

function stateWord(task: TaskDocument): string {
  return task.outcome === null ? task.state : OUTCOME_WORDS[task.outcome];
}

function taskRow(task: TaskDocument, look: StatusLook & { readonly widths: { readonly id: number; readonly state: number } }): string {
  const sign = task.outcome === null ? { text: task.state === 'queued' || task.state === 'blocked' ? '·' : '▶' } : outcomeSign(task.outcome, look.palette);
  const took = task.durationMs === null ? '' : task.state === 'settled' ? formatDuration(task.durationMs) : formatClock(task.durationMs);
  const id = textWidth(task.id) > look.widths.id ? safeText(task.id) : padToWidth(safeText(task.id), look.widths.id);
  return fitLine(
    [
      sign,
      { text: ` ${id}  ${padToWidth(stateWord(task), look.widths.state)}  ` },
      { text: took.padStart(7), style: look.palette.dim },
      { text: `  ${detail(task)}` },
    ],
    look.columns ?? Number.MAX_SAFE_INTEGER,
  ).trimEnd();
}

function detail(task: TaskDocument): string {
  const work = task.filesChanged === 0 ? '' : `${plural(task.filesChanged, 'file')} +${task.insertions} −${task.deletions}  `;
  if (task.outcome === 'completed') return work === '' ? 'no changes' : `${work}${safeText(task.branch)}${mergeWord(task)}`;
  if (task.outcome !== null) return `${work}${safeText(task.message ?? task.reason ?? '')}`;
  return task.attempts > 1 ? `attempt ${task.attempts}` : '';
}

function mergeWord({ merge, mergeMessage, pullRequest }: TaskDocument): string {
  if (merge === 'unmerged' && mergeMessage === null && pullRequest !== null) return `  ${safeText(pullRequest.url)} (${pullRequest.state})`;
  return merge === 'merged' ? '  merged' : mergeMessage === null ? '' : `  ${merge}: ${safeText(mergeMessage)}`;
}

/** The run in one line: how it stands, how many tasks are where, what it has cost. */
export function runRow(document: StatusDocument, style: (text: string) => string = (text) => text): string {
  const { counts } = document;
  const words: readonly (readonly [number, string])[] = [
    [counts.completed, 'completed'], [counts.failed, 'failed'], [counts.timedOut, 'timed out'], [counts.overBudget, 'over budget'],
    [counts.cancelled, 'cancelled'], [counts.skipped, 'skipped'], [counts.running, 'running'], [counts.queued, 'queued'],
  ];
  const shown = words.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const cost = document.costUsd > 0 ? `, ${formatUsd(document.costUsd)}` : '';
  const exit = document.exitCode === null ? '' : ` (exit ${document.exitCode})`;
  return `${style(safeText(document.run))} ${document.state}${exit}: ${shown.length === 0 ? 'no tasks' : shown.join(', ')}${cost}`;
}
