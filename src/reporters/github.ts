// The run for a step of GitHub Actions: plain lines, what failing tasks said last folded under each of them, annotations
// within what GitHub keeps of a step, and the report as the step's summary. Bounded, whatever agents print.
import { safeText } from '../lib/terminal.ts';
import type { Plan, TaskId } from '../plan/plan.ts';
import type { Instant, RunEvent } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { indexOfTask } from '../run/plan-index.ts';
import type { RunState, TaskState } from '../run/state.ts';
import type { Annotation } from './github-commands.ts';
import { annotationLine, groupLine, inertLine } from './github-commands.ts';
import { createPlainReporter } from './plain.ts';
import { markdownReport } from './report-markdown.ts';
import type { Output, Reporter } from './reporter.ts';
import { statusDocument } from './status.ts';
import { isFailure, OUTCOME_WORDS, whyText } from './task-lines.ts';

/** What the reporter is told of the step that it runs in. */
export interface GithubStep {
  /** Absolute path of the checkout (`GITHUB_WORKSPACE`), so that files can be named as GitHub knows them; null = name none. */
  readonly workspace: string | null;
  /** Appends to the file that `GITHUB_STEP_SUMMARY` names; null = there is none. Called once, with at most 900,000 bytes. */
  readonly appendSummary: ((markdown: string) => Promise<void>) | null;
}

/** GitHub drops what a step annotates beyond this, and a summary beyond a mebibyte with all that is in it. */
const MOST_ANNOTATIONS = 10;
const SUMMARY_BYTES = 900_000;
const TAIL_LINES = 20;
const TAIL_UNITS = 500;
const MESSAGE_UNITS = 1000;

type Settled = Extract<RunEvent, { readonly type: 'task-settled' }>;

/** Owns stderr. */
export function createGithubReporter(plan: Plan, output: Output, step: GithubStep): Reporter {
  // Commands count at the beginning of a line only, and `##[` everywhere: what agents said must be neither.
  const inertOutput: Output = {
    isTTY: false, columns: output.columns, rows: output.rows, color: output.color,
    write: (text) => output.write(text.split('\n').map(inertLine).join('\n')),
  };
  const plain = createPlainReporter(plan, inertOutput);
  const tails = createTails();
  const annotations = createAnnotations(output);
  const file = manifestFile(plan, step.workspace);
  let last: { readonly state: RunState; readonly at: Instant } | null = null;

  const settled = (event: Settled, state: RunState): void => {
    const lines = tails.take(event.task);
    const grown = grownPlan(plan, state);
    const index = indexOfTask(grown, event.task);
    const [planned, task] = [grown.tasks[index], state.tasks[index]];
    if (planned === undefined || task === undefined || event.outcome === 'completed') return;
    const word = OUTCOME_WORDS[event.outcome];
    if (isFailure(event.outcome)) printGroup(output, { title: `${planned.id} ${word}: what it said last`, lines, task });
    const level = isFailure(event.outcome) && !planned.continueOnError && planned.candidateOf === undefined ? 'error' : 'warning';
    annotations.add({ level, file, title: `${planned.id} ${word}`, message: annotationText(event, task) });
  };

  return {
    owns: 'stderr',
    onEvent: (event, state) => {
      last = { state, at: event.at };
      plain.onEvent(event, state);
      if (event.type === 'task-settled') settled(event, state);
      else if (event.type === 'phase-started' && event.phase !== 'verify') tails.take(event.task);
    },
    onOutput: (line) => {
      tails.note(line.task, line.text);
      plain.onOutput?.(line);
    },
    onTick: (now) => plain.onTick?.(now),
    close: async () => {
      await plain.close();
      annotations.close();
      if (last === null || step.appendSummary === null) return;
      const document = statusDocument(plan, last.state, { run: plan.run, now: last.at, live: false });
      await step.appendSummary(markdownReport(document, { mostBytes: SUMMARY_BYTES }));
    },
  };
}

/** The last lines of each task that runs, cut when they come and made safe when they are shown. */
function createTails(): { note(task: TaskId, text: string): void; take(task: TaskId): readonly string[] } {
  const tails = new Map<TaskId, string[]>();
  return {
    note: (task, text) => {
      if (!/\S/.test(text)) return;
      const tail = tails.get(task) ?? [];
      tail.push(text.slice(0, TAIL_UNITS));
      if (tail.length > TAIL_LINES) tail.shift();
      tails.set(task, tail);
    },
    take: (task) => {
      const tail = tails.get(task) ?? [];
      tails.delete(task);
      return tail;
    },
  };
}

function printGroup(output: Output, group: { readonly title: string; readonly lines: readonly string[]; readonly task: TaskState }): void {
  const { title, lines, task } = group;
  if (lines.length === 0) return;
  const log = task.log === null ? [] : [`log: ${safeText(task.log)}`];
  const body = [...lines.map(safeText), ...log].map((line) => `${inertLine(`  ${line}`)}\n`);
  output.write(`${groupLine(title)}\n${body.join('')}::endgroup::\n`);
}

function createAnnotations(output: Output): { add(annotation: Annotation): void; close(): void } {
  const counts = { error: 0, warning: 0, notice: 0 };
  const rest = (level: 'error' | 'warning', what: string): void => {
    const left = counts[level] - MOST_ANNOTATIONS;
    if (left > 0) output.write(`and ${left} more ${what}\n`);
  };
  return {
    add: (annotation) => {
      counts[annotation.level] += 1;
      if (counts[annotation.level] <= MOST_ANNOTATIONS) output.write(`${annotationLine(annotation)}\n`);
    },
    close: () => {
      rest('error', 'failed');
      rest('warning', 'did not complete');
    },
  };
}

function annotationText(event: Settled, task: TaskState): string {
  const why = whyText(task).slice(0, MESSAGE_UNITS);
  const reason = event.reason === null || why === event.reason ? '' : `${event.reason}: `;
  return `${reason}${why === '' ? OUTCOME_WORDS[event.outcome] : why}${task.log === null ? '' : ` (log: ${safeText(task.log)})`}`;
}

/** The manifest as a path from the checkout's root; null where it is not in the checkout, or not a file. */
function manifestFile({ manifest }: Plan, workspace: string | null): string | null {
  if (manifest === null || manifest === '-' || workspace === null) return null;
  if (!manifest.startsWith('/')) return manifest.startsWith('../') ? null : manifest.replace(/^\.\//, '');
  return manifest.startsWith(`${workspace}/`) ? manifest.slice(workspace.length + 1) : null;
}
