// The live area of a terminal: a progress view and a size → at most rows − 1 lines of at most columns − 1. Pure.
import type { Palette } from '../lib/color.ts';
import { formatUsd } from '../lib/text.ts';
import { padToWidth, safeText, textWidth } from '../lib/terminal.ts';
import { formatClock } from '../lib/time.ts';
import type { CancelReason } from '../run/events.ts';
import { unreachable } from '../errors.ts';
import { fitLine } from './line.ts';
import type { Piece } from './line.ts';
import type { GateView, ProgressView, RunningView } from './progress.ts';
import { taskLabel } from './task-lines.ts';

/** The size of the window, from 0 up, and how to draw in it. */
export interface FrameLook {
  readonly columns: number;
  readonly rows: number;
  readonly palette: Palette;
  /** Counts frames: turns the spinner. */
  readonly frame: number;
}

const MOST_RUNNING = 12;
const MOST_GATES = 2;
const BAR_CELLS = 10;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** The bar, what stands in the way, then the running tasks, longest first, and how many of them have no room. */
export function frameLines(view: ProgressView, look: FrameLook): string[] {
  const columns = look.columns - 1;
  const most = Math.max(0, look.rows - 1);
  const lines = [barLine(view, columns, look.palette)];
  if (view.cancelling !== null) {
    lines.push(fitLine([{ text: stoppingText(view.cancelling, view.running.length), style: look.palette.yellow }], columns));
  }
  for (const gate of view.gates.slice(0, MOST_GATES)) lines.push(fitLine([{ text: gateText(gate), style: look.palette.yellow }], columns));
  const room = Math.max(0, most - lines.length);
  const wanted = Math.min(MOST_RUNNING, Math.max(1, look.rows - 4), view.running.length);
  const shown = Math.min(wanted, view.running.length > Math.min(wanted, room) ? Math.max(0, room - 1) : room);
  lines.push(...runningLines(view.running.slice(0, shown), { ...look, columns }));
  const hidden = view.running.length - shown;
  if (hidden > 0) lines.push(fitLine([{ text: `  … and ${hidden} more running`, style: look.palette.dim }], columns));
  return lines.slice(0, most);
}

interface BarPart extends Piece {
  /** Lower goes first when the line is too long. */
  readonly worth: number;
}

function some(count: number, word: string): string {
  return count > 0 ? `${count} ${word}` : '';
}

function barLine(view: ProgressView, columns: number, palette: Palette): string {
  const { counts } = view;
  const filled = view.total === 0 ? BAR_CELLS : Math.floor((view.settled / view.total) * BAR_CELLS);
  const all: BarPart[] = [
    { worth: 2, text: '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled), style: palette.green },
    { worth: 9, text: `${view.settled}/${view.total}` },
    { worth: 5, text: some(counts.completed, 'ok'), style: palette.green },
    { worth: 8, text: some(view.failed, 'failed'), style: palette.red },
    { worth: 3, text: some(counts.skipped, 'skipped') },
    { worth: 3, text: some(counts.cancelled, 'cancelled') },
    { worth: 7, text: some(counts.running, 'running') },
    { worth: 4, text: some(counts.waiting, 'queued') },
    { worth: 5, text: moneyText(view) },
    { worth: 6, text: formatClock(view.elapsedMs) },
    { worth: 6, text: view.etaMs === null ? '' : `eta ${formatClock(view.etaMs)}` },
  ];
  let parts = all.filter(({ text }) => text !== '');
  while (parts.length > 1 && parts.reduce((sum, { text }) => sum + textWidth(text) + 1, -1) > columns) {
    const least = Math.min(...parts.map(({ worth }) => worth));
    const at = parts.findLastIndex(({ worth }) => worth === least);
    parts = parts.filter((_, index) => index !== at);
  }
  return fitLine(parts.flatMap((piece, index) => (index === 0 ? [piece] : [{ text: ' ' }, piece])), columns);
}

function moneyText({ costUsd, budgetUsd }: ProgressView): string {
  return budgetUsd === undefined ? (costUsd > 0 ? formatUsd(costUsd) : '') : `${formatUsd(costUsd)}/${formatUsd(budgetUsd)}`;
}

function stoppingText(reason: CancelReason, running: number): string {
  const work = running === 0 ? 'saving what there is' : `${running} still running, their work is saved`;
  switch (reason) {
    case 'interrupted': return `stopping: Ctrl-C again to kill (${work})`;
    case 'cancelled':
    case 'terminated':
    case 'hangup': return `stopping: asked to end (${work})`;
    case 'provider-limit': return `stopping: the provider's limit is reached (${work})`;
    case 'journal-failed': return `stopping: the run's record cannot be written (${work})`;
    default: return unreachable(reason);
  }
}

function gateText(gate: GateView): string {
  const few = gate.slots === undefined ? '' : `${gate.slots} at once  `;
  const wait = gate.opensInMs > 0 ? `waiting for ${safeText(gate.provider)}: ${formatClock(gate.opensInMs)}  ` : `${safeText(gate.provider)}: `;
  return `${wait}${few}${safeText(gate.reason)}`;
}

function runningLines(views: readonly RunningView[], look: FrameLook): string[] {
  const { columns, palette } = look;
  const labels = views.map(taskLabel);
  const clocks = views.map((view) => formatClock(view.forMs));
  const clockWidth = Math.max(0, ...clocks.map((clock) => clock.length));
  const widest = Math.max(0, ...labels.map(textWidth));
  const labelWidth = Math.max(1, Math.min(widest, columns < 60 ? columns - clockWidth - 3 : Math.floor(columns * 0.45)));
  const spinner = SPINNER[look.frame % SPINNER.length] ?? '·';
  return views.map((view, index) =>
    fitLine([
      { text: `${spinner} `, style: palette.cyan },
      { text: padToWidth(labels[index] ?? '', labelWidth) },
      { text: ` ${(clocks[index] ?? '').padStart(clockWidth)}`, style: palette.dim },
      { text: view.attempt > 1 ? `  try ${view.attempt}` : '', style: palette.yellow },
      { text: `  ${activity(view)}`, style: palette.dim },
    ], columns),
  );
}

function activity(view: RunningView): string {
  switch (view.phase) {
    case 'prepare': return view.text === null ? 'preparing' : `preparing: ${view.text}`;
    case 'work': return view.text ?? 'working';
    case 'verify': return view.text === null ? 'verifying' : `verifying: ${view.text}`;
    default: return unreachable(view.phase);
  }
}

/** The line for lines that were left out of a burst. */
export function moreLine(count: number, look: { readonly columns: number; readonly palette: Palette; readonly run: string }): string {
  return fitLine([{ text: `… and ${count} more   → orch status ${safeText(look.run)}`, style: look.palette.dim }], look.columns);
}
