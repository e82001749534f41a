// The run on a terminal: permanent lines that scroll up, and below them a live area painted a few times a second from
// the progress view. All time comes from events and ticks.
import { createPalette } from '../lib/color.ts';
import { safeText } from '../lib/terminal.ts';
import type { Plan, TaskId } from '../plan/plan.ts';
import type { Instant, RunEvent } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { indexOfTask } from '../run/plan-index.ts';
import type { RunState } from '../run/state.ts';
import { fitLine } from './line.ts';
import { progressView } from './progress.ts';
import { forgetOutput, noteOutput } from './recent.ts';
import type { Output, Reporter } from './reporter.ts';
import { isFailure, startsStoppedText, terminalLines, whyText } from './task-lines.ts';
import { frameLines, moreLine } from './tty-frame.ts';
import { startTaskList } from './tty-list.ts';
import type { TaskList } from './tty-list.ts';
import { Window } from './tty-window.ts';

/** Runs of up to so many tasks get a permanent line for each that ends; larger ones only for failures. */
const SMALL_RUN = 15;
/** Permanent lines of one frame: more than that is a burst, and the summary lists them all. */
const MOST_PERMANENT = 20;
/** Painted at most every so many milliseconds. */
const FRAME_MS = 150;

/** Owns stderr. Paints on ticks, and at once when the run is being stopped. */
export function createTtyReporter(plan: Plan, output: Output): Reporter {
  const window = new Window(output);
  const palette = createPalette(output.color);
  const recent = new Map<TaskId, string>();
  const isSmall = plan.tasks.length <= SMALL_RUN;
  // Made into lines when they are painted: the window may have another size by then.
  let pending: ((columns: number) => string[])[] = [];
  let left = 0;
  let list: TaskList | null = null;
  let state: RunState | null = null;
  let since: Instant = 0;
  let now: Instant = 0;
  let paintedAt: Instant = -Infinity;
  let frame = 0;

  const addPermanent = (lines: (columns: number) => string[]): void => {
    if (pending.length < MOST_PERMANENT) pending.push(lines);
    else left += 1;
  };
  const takePermanent = (): string[] => {
    const columns = window.size().columns - 1;
    const lines = pending.flatMap((toLines) => toLines(columns));
    if (left > 0) lines.push(moreLine(left, { columns, palette, run: plan.run }));
    pending = [];
    left = 0;
    return lines;
  };
  const paint = (): void => {
    if (state === null || !window.isOpen) return;
    paintedAt = now;
    frame += 1;
    const view = progressView(plan, state, { outputs: recent, now, since });
    window.paint(takePermanent(), frameLines(view, { ...window.size(), palette, frame }));
  };
  const begin = (at: Instant, first: RunState): void => {
    since = at;
    const { tasks } = grownPlan(plan, first);
    list = startTaskList({ ...plan, tasks }, window);
    for (const [index, task] of first.tasks.entries()) {
      const planned = tasks[index];
      if (planned !== undefined && task.now.at === 'settled') list.settle(planned.id, { outcome: task.now.outcome, message: whyText(task) });
    }
  };
  const settle = (event: Extract<RunEvent, { type: 'task-settled' }>, after: RunState): void => {
    const grown = grownPlan(plan, after);
    const index = indexOfTask(grown, event.task);
    const planned = grown.tasks[index];
    const task = after.tasks[index];
    if (planned === undefined || task === undefined) return;
    list?.settle(event.task, { outcome: event.outcome, message: whyText(task) });
    if (isSmall || isFailure(event.outcome)) addPermanent((columns) => terminalLines(planned, task, { columns, palette }));
  };

  return {
    owns: 'stderr',
    onEvent: (event, after) => {
      now = Math.max(now, event.at);
      state = after;
      forgetOutput(recent, event);
      if (list === null) {
        begin(event.at, after);
        paint();
      }
      if (event.type === 'task-settled') settle(event, after);
      if (event.type === 'phase-finished' && isSmall) {
        for (const note of event.result.detail.notes ?? []) {
          addPermanent((columns) => [fitLine([{ text: `! ${event.task} ${safeText(note)}`, style: palette.yellow }], columns)]);
        }
      }
      if (event.type === 'starts-stopped') addPermanent((columns) => [fitLine([{ text: startsStoppedText(event), style: palette.yellow }], columns)]);
      if (event.type === 'run-cancelling') paint();
    },
    onOutput: (line) => noteOutput(recent, line),
    onTick: (at) => {
      now = at;
      if (at - paintedAt >= FRAME_MS || at < paintedAt) paint();
    },
    suspend: () => window.close(takePermanent()),
    resume: () => {
      if (list === null) return;
      window.open();
      paint();
    },
    close: async () => {
      // The window first: whatever the list does afterwards, the terminal is in order.
      try {
        window.close(takePermanent());
      } finally {
        await list?.end();
      }
    },
  };
}
