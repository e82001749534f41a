// What the interactive list shows of one task: details, log and difference, read from the run's records. Reads only.
import { diffText } from '../effects/git/inspect.ts';
import type { Repository } from '../effects/effects.ts';
import { runPaths } from '../journal/run-paths.ts';
import { firstLine } from '../lib/cut.ts';
import { safeText, wrapToWidth } from '../lib/terminal.ts';
import type { Plan, TaskId } from '../plan/plan.ts';
import type { StatusDocument } from '../reporters/status.ts';
import type { PageKind } from '../reporters/tasks-view.ts';
import { taskText } from '../reporters/task-text.ts';
import type { RunState } from '../run/state.ts';
import { progressLines, RecentLog } from './agent-log.ts';

/** Where a run is just now. */
export interface Moment {
  /** With the tasks that were made while the run went on. */
  readonly plan: Plan;
  readonly state: RunState;
  readonly document: StatusDocument;
}

const PROMPT_LINES = 12;
const LOG_LINES = 15;
/** A line that is longer is cut: nobody reads it here. */
const MOST_ROWS = 20;

/** What is shown, and how wide the terminal is. */
export interface PageRequest {
  readonly kind: PageKind;
  readonly task: TaskId;
  readonly columns: number;
}

/** The lines of a page, not yet safe to print; what cannot be shown says why. Prose is broken into lines that fit, a difference is not. */
export async function loadPage(repo: Repository, moment: Moment, { kind, task, columns }: PageRequest): Promise<string[]> {
  const broken = (lines: readonly string[]): string[] => lines.flatMap((line) => wrapToWidth(safeText(line), columns, MOST_ROWS));
  switch (kind) {
    case 'details': return broken(await details(repo, moment, task));
    case 'log': return orElse(broken(await logLines(repo, moment, task)), 'the log is empty');
    case 'diff': return orElse(await diffLines(repo, moment, { task, form: 'patch' }), 'has delivered nothing yet, or changed nothing');
    default: return kind satisfies never;
  }
}

function orElse(lines: string[], otherwise: string): string[] {
  return lines.length === 0 ? [otherwise] : lines;
}

async function details(repo: Repository, moment: Moment, id: TaskId): Promise<string[]> {
  const { plan, document } = moment;
  const task = document.tasks.find((each) => each.id === id);
  const work = plan.tasks.find((each) => each.id === id)?.work;
  if (task === undefined || work === undefined) return ['there is no such task'];
  const [log, stat] = await Promise.all([logLines(repo, moment, id), diffLines(repo, moment, { task: id, form: 'stat' })]);
  const said = (work.kind === 'agent' ? work.prompt : work.command).trimEnd().split('\n');
  const more = said.length - PROMPT_LINES;
  return [
    ...taskText(document, task), '',
    work.kind === 'agent' ? 'prompt' : 'command', ...said.slice(0, PROMPT_LINES).map((line) => `  ${line}`), ...(more > 0 ? [`  … and ${more} more lines`] : []),
    ...section('changes', stat), ...section('log, its end (l: more of it)', log.slice(-LOG_LINES)),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

/** The last part of the last attempt's log, as `orch logs` tells it. */
async function logLines(repo: Repository, { plan, document }: Moment, id: TaskId): Promise<string[]> {
  const attempts = document.tasks.find((each) => each.id === id)?.attempts ?? 0;
  const file = runPaths(repo.commonDir, plan.run).attempt(id, Math.max(1, attempts)).output;
  return await new RecentLog(file, progressLines(plan, plan.tasks.find((each) => each.id === id))).next();
}

async function diffLines(repo: Repository, { plan, state }: Moment, { task: id, form }: { readonly task: TaskId; readonly form: 'stat' | 'patch' }): Promise<string[]> {
  const task = state.tasks[plan.tasks.findIndex((each) => each.id === id)];
  if (task?.start == null || task.delivery === null || task.delivery.filesChanged === 0) return [];
  try {
    return (await diffText(repo, task.start, task.delivery.head, { form, color: false })).trimEnd().split('\n');
  } catch (error) {
    return [`git cannot show it: ${firstLine(error instanceof Error ? error.message : String(error))}`];
  }
}
