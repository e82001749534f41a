// The run as lines for pipes, files and CI logs: one line per thing that happened, each with its task's name. Bounded:
// however much agents print, a fixed number of their lines per minute comes through.
import { createPalette } from '../lib/color.ts';
import { listSome, plural } from '../lib/text.ts';
import { safeText } from '../lib/terminal.ts';
import { formatClock, formatDuration, isoTime } from '../lib/time.ts';
import type { Plan, PlannedTask, TaskId } from '../plan/plan.ts';
import type { AgentOutput, Instant, RunEvent } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { indexOfTask } from '../run/plan-index.ts';
import type { RunState, TaskState } from '../run/state.ts';
import { fitLine } from './line.ts';
import { createProgressLimit } from './progress-limit.ts';
import { progressView } from './progress.ts';
import { headOfLine } from './recent.ts';
import type { Output, Reporter } from './reporter.ts';
import { deliveryText, isFailure, logsCommand, outcomeSign, OUTCOME_WORDS, startsStoppedText, whyText } from './task-lines.ts';

/** Silence after which the running tasks are named. */
const HEARTBEAT_MS = 30_000;
const PROGRESS_COLUMNS = 200;
const MOST_NAMED = 8;
const MOST_NOTES = 5;

/** Owns stderr. */
export function createPlainReporter(plan: Plan, output: Output): Reporter {
  const palette = createPalette(output.color);
  const limit = createProgressLimit();
  const failures = new Map<TaskId, string>();
  const announced = new Map<TaskId, number>();
  let state: RunState | null = null;
  let since: Instant = 0;
  let now: Instant = 0;
  let printedAt: Instant = 0;

  const print = (line: string): void => {
    printedAt = now;
    output.write(`${line}\n`);
  };
  const plannedOf = (id: TaskId, after: RunState): { readonly index: number; readonly planned: PlannedTask | undefined } => {
    const grown = grownPlan(plan, after);
    const index = indexOfTask(grown, id);
    return { index, planned: grown.tasks[index] };
  };
  const started = (event: Extract<RunEvent, { type: 'phase-started' }>, after: RunState): void => {
    const why = failures.get(event.task);
    const before = announced.get(event.task);
    failures.delete(event.task);
    if (before === event.attempt && why === undefined) return;
    announced.set(event.task, event.attempt);
    if (why !== undefined) print(palette.yellow(`↻ [${event.task}] trying again, attempt ${event.attempt}: ${why}`));
    else print(`▶ [${event.task}] started${event.attempt > 1 ? ` (attempt ${event.attempt})` : ''}${named(plannedOf(event.task, after).planned)}`);
  };
  const finished = (event: Extract<RunEvent, { type: 'phase-finished' }>): void => {
    const { result } = event;
    if (!result.ok) failures.set(event.task, `${result.reason}: ${safeText(result.message)}`);
    for (const note of (result.detail.notes ?? []).slice(0, MOST_NOTES)) print(`! [${event.task}] ${safeText(note)}`);
  };
  const settled = (event: Extract<RunEvent, { type: 'task-settled' }>, after: RunState): void => {
    failures.delete(event.task);
    announced.delete(event.task);
    limit.forget(event.task);
    const { index, planned } = plannedOf(event.task, after);
    const task = after.tasks[index];
    if (planned === undefined || task === undefined) return;
    const sign = outcomeSign(event.outcome, palette);
    print(`${fitLine([sign], 1)} [${event.task}] ${settledText(event, planned, task)}`);
  };

  return {
    owns: 'stderr',
    onEvent: (event, after) => {
      now = Math.max(now, event.at);
      if (state === null) since = printedAt = event.at;
      state = after;
      switch (event.type) {
        case 'phase-started': return started(event, after);
        case 'phase-finished': return finished(event);
        case 'task-settled': return settled(event, after);
        case 'run-finished': return;
        default: {
          const line = runLine(plan, event);
          if (line !== null) print(line);
        }
      }
    },
    onOutput: (line: AgentOutput) => {
      const text = limit.admit(line.task, now) ? headOfLine(line.text) : '';
      if (text !== '' && limit.take(line.task, { text, now })) print(`  [${line.task}] ${fitLine([{ text, style: palette.dim }], PROGRESS_COLUMNS)}`);
    },
    onTick: (at) => {
      now = at;
      if (state === null || at - printedAt < HEARTBEAT_MS) return;
      const { running, settled: done, total } = progressView(plan, state, { outputs: new Map(), now, since });
      if (running.length > 0) {
        const names = running.map((view) => `${view.id} (${formatClock(view.forMs)})`);
        print(`… ${done}/${total}, still running: ${listSome(names, MOST_NAMED)}`);
      } else if (state.finishedAt === null) {
        print(`… ${done}/${total}, nothing is running just now`);
      }
    },
    close: async () => {},
  };
}

function named(planned: PlannedTask | undefined): string {
  return planned === undefined || planned.name === planned.id ? '' : `: ${safeText(planned.name)}`;
}

function settledText(event: Extract<RunEvent, { type: 'task-settled' }>, planned: PlannedTask, task: TaskState): string {
  const took = task.startedAt === null || task.settledAt === null ? '' : ` ${formatDuration(task.settledAt - task.startedAt)}`;
  const work = task.delivery === null ? '' : `  ${deliveryText(task.delivery)}`;
  const word = OUTCOME_WORDS[event.outcome];
  if (event.outcome === 'completed') return `${word}${took}${work}${task.delivery === null || task.delivery.commits === 0 ? '' : `  ${planned.branch}`}`;
  const reason = event.reason === null ? '' : ` (${event.reason})`;
  const why = event.message === null ? '' : `: ${whyText(task)}`;
  const command = isFailure(event.outcome) ? logsCommand(planned, task) : '';
  return `${word}${took}${reason}${why}${command === '' ? '' : `   → ${command}`}`;
}

function slotsText({ slots = null }: Extract<RunEvent, { type: 'gate-changed' }>): string {
  return slots === null ? '' : `, then ${slots} at once`;
}

/** The line of an event that concerns no phase of a task; null = not worth one. */
function runLine(plan: Plan, event: RunEvent): string | null {
  switch (event.type) {
    case 'run-started':
      return `run ${event.run}: ${plural(plan.tasks.length, 'task')} from ${event.base.slice(0, 12)}, at most ${plan.maxParallel} at once`;
    case 'run-resumed':
      return `run ${event.run} goes on${event.failed ? ', with what failed' : ''}`;
    case 'task-cancelling':
      return `  [${event.task}] is being cancelled`;
    case 'task-reopened':
      return `↻ [${event.task}] is tried again`;
    case 'tasks-added':
      return `+ [${event.fanOut ?? 'added'}] ${plural(event.tasks.length, 'task')}: ${listSome(event.tasks.map(({ id }) => id), MOST_NAMED)}`;
    case 'worktree-released':
      // What the policy keeps is no news; the summary says where it is.
      return event.kept === null || event.kept.startsWith('keep:') ? null : `  [${event.task}] worktree kept: ${safeText(event.kept)}`;
    case 'gate-changed':
      return event.closedUntil === null
        ? `provider ${safeText(event.provider)}: open again${slotsText(event)}`
        : `provider ${safeText(event.provider)}: no new starts for ${formatDuration(event.closedUntil - event.at)} (until ${isoTime(event.closedUntil)})${slotsText(event)}: ${safeText(event.reason)}`;
    case 'starts-stopped':
      return startsStoppedText(event);
    case 'merge-started':
      if (event.settings.pullRequest === 'task') return `asking to merge ${plural(event.tasks.length, 'task')} into ${safeText(event.target)}, each by a pull request`;
      return `merging ${plural(event.tasks.length, 'task')} ${event.settings.pullRequest === undefined ? 'into' : 'for a pull request into'} ${safeText(event.target)} (${event.settings.strategy}${event.settings.verify.length === 0 ? ', not verified' : ''})`;
    case 'tasks-repeated': {
      const [first = '', ...others] = event.tasks;
      return `↻ [${first}] ${event.resolve === true ? 'its agent resolves the conflict' : 'run again, because it conflicts'}${others.length === 0 ? '' : `; run again with it: ${listSome(others, MOST_NAMED)}`}`;
    }
    case 'task-merged':
      return `⇒ [${event.task}] merged as ${event.commit.slice(0, 12)}`;
    case 'task-unmerged':
      return `✖ [${event.task}] not merged (${event.merge}): ${safeText(event.message)}`;
    case 'pull-request-seen':
      return `⇗ [${listSome(event.tasks, MOST_NAMED)}] pull request ${event.isNew ? 'opened' : `is ${event.request.state}`}: ${safeText(event.request.url)}`;
    case 'merge-finished':
      return event.notes.length === 0 ? null : event.notes.map((note) => `note: ${safeText(note)}`).join('\n');
    case 'run-cancelling':
      return `stopping (${event.reason})${event.message === null ? '' : `: ${safeText(event.message)}`}; work is saved first`;
    default:
      return null;
  }
}
