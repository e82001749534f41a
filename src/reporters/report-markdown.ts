// A run as Markdown, for a pull request or the summary of a CI step: what to look into first, then what was delivered.
// Whatever tasks said stands in code spans: no markup, no mention, no link comes out of it. Pure.
import { formatUsd, plural } from '../lib/text.ts';
import { safeText } from '../lib/terminal.ts';
import { formatDuration } from '../lib/time.ts';
import type { StatusDocument, TaskDocument } from './status.ts';
import { isFailure, OUTCOME_WORDS } from './task-lines.ts';

export interface MarkdownOptions {
  /** UTF-8 bytes that the text may have at most; tasks beyond it are counted. Default: no limit. */
  readonly mostBytes?: number;
}

const MESSAGE_UNITS = 300;
/** Room for the lines that say what was left out. */
const REST_BYTES = 400;

/** The whole text, with a line end. */
export function markdownReport(document: StatusDocument, options: MarkdownOptions = {}): string {
  const page = createPage((options.mostBytes ?? Number.POSITIVE_INFINITY) - REST_BYTES);
  // Attempts at one task count as what became of it.
  const tasks = document.tasks.filter(({ candidateOf }) => candidateOf === null);
  const completed = tasks.filter(({ outcome }) => outcome === 'completed');
  const unmerged = completed.filter(({ merge }) => merge === 'conflict' || merge === 'rejected');
  const failed = tasks.filter(({ outcome }) => outcome !== null && isFailure(outcome));
  const stopped = tasks.filter(({ outcome }) => outcome === 'cancelled' || outcome === 'skipped');
  const open = tasks.filter(({ outcome }) => outcome === null);
  page.add([`# ${sign(document)} ${code(document.run)}`, '', totals(document), '', facts(document)]);
  page.list('Failed', failed, failureLine);
  page.list('Completed, not merged', unmerged, (task) => `- ✖ ${code(task.id)} **merge ${task.merge}**${messageText(task)}`);
  page.list('Not finished', open, (task) => `- ▶ ${code(task.id)} ${task.state}`);
  page.list('Stopped or skipped', stopped, (task) => `- ○ ${code(task.id)} ${OUTCOME_WORDS[task.outcome ?? 'skipped']}${messageText(task)}`);
  page.list('Completed', completed, deliveredRow, ['| Task | Files | + | − | Merge | Cost | Time | Branch |', '|---|--:|--:|--:|---|--:|--:|---|']);
  return page.text();
}

interface Page {
  add(lines: readonly string[]): void;
  /** A section with a line for each task, as many as fit; nothing for no tasks. */
  list(title: string, tasks: readonly TaskDocument[], line: (task: TaskDocument) => string, head?: readonly string[]): void;
  text(): string;
}

function createPage(mostBytes: number): Page {
  const lines: string[] = [];
  let bytes = 0;
  let left = 0;
  const take = (added: readonly string[]): boolean => {
    const size = added.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    if (bytes + size > mostBytes) return false;
    bytes += size;
    lines.push(...added);
    return true;
  };
  return {
    add: (added) => {
      take(added);
    },
    list: (title, tasks, line, head = []) => {
      if (tasks.length === 0) return;
      const opening = ['', `## ${title} (${tasks.length})`, '', ...head];
      let shown = 0;
      // A section is opened by its first line, so that none is left empty.
      for (const task of tasks) {
        if (!take([...(shown === 0 ? opening : []), line(task)])) break;
        shown += 1;
      }
      left += tasks.length - shown;
    },
    text: () => `${[...lines, ...(left > 0 ? ['', `… and ${plural(left, 'more task')} that this text has no room for: ${code('orch status')}`] : [])].join('\n')}\n`,
  };
}

function sign({ exitCode, counts, tasks }: StatusDocument): string {
  return exitCode === 0 || (exitCode === null && counts.completed === tasks.length) ? '✅' : '❌';
}

function totals({ counts, tasks }: StatusDocument): string {
  const words: readonly (readonly [number, string])[] = [
    [counts.completed, 'completed'], [counts.failed, 'failed'], [counts.timedOut, 'timed out'], [counts.overBudget, 'over budget'],
    [counts.cancelled, 'cancelled'], [counts.skipped, 'skipped'], [counts.running, 'running'], [counts.queued, 'queued'],
  ];
  const shown = words.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return `**${plural(tasks.length, 'task')}**: ${shown.length === 0 ? 'none' : shown.join(', ')}`;
}

function facts(document: StatusDocument): string {
  const { startedAt, finishedAt, exitCode, costUsd, base, target } = document;
  return [
    `${document.state}${exitCode === null ? '' : ` (exit ${exitCode})`}`,
    ...(startedAt === null || finishedAt === null ? [] : [formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))]),
    ...(costUsd > 0 ? [formatUsd(costUsd)] : []),
    `base ${code(base.slice(0, 12))}`,
    ...(target === null ? [] : [`target ${code(target)}`]),
  ].join(' · ');
}

function failureLine(task: TaskDocument): string {
  const extras = [
    ...(task.attempts > 1 ? [`${task.attempts} attempts`] : []),
    ...(task.durationMs === null ? [] : [formatDuration(task.durationMs)]),
    ...(task.costUsd === null ? [] : [formatUsd(task.costUsd)]),
    ...(task.filesChanged === 0 ? [] : [`${plural(task.filesChanged, 'file')} +${task.insertions} −${task.deletions} on ${code(task.ref?.replace(/^refs\/heads\//, '') ?? task.branch)}`]),
  ];
  const word = OUTCOME_WORDS[task.outcome ?? 'failed'];
  return `- ✖ ${code(task.id)} **${word}**${task.reason === null ? '' : ` (${task.reason})`}${extras.length === 0 ? '' : `, ${extras.join(', ')}`}${messageText(task)}`;
}

function messageText({ message }: TaskDocument): string {
  return message === null || message.trim() === '' ? '' : `: ${code(message)}`;
}

function deliveredRow(task: TaskDocument): string {
  const cells = [
    cell(task.id), String(task.filesChanged), String(task.insertions), String(task.deletions), task.pullRequest === null || task.merge === 'merged' ? task.merge : cell(task.pullRequest.url),
    task.costUsd === null ? '' : formatUsd(task.costUsd), task.durationMs === null ? '' : formatDuration(task.durationMs),
    task.commits === 0 ? '' : cell(task.branch),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** A code span in one line, longer than no reader likes; whatever it holds stays as it is. */
function code(text: string): string {
  const line = safeText(text.slice(0, 4 * MESSAGE_UNITS)).trim();
  const shown = line.length > MESSAGE_UNITS ? `${line.slice(0, MESSAGE_UNITS).replace(/[\uD800-\uDBFF]$/, '')}…` : line;
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const space = shown.startsWith('`') || shown.endsWith('`') || shown === '' ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}

/** The same within a table, where a bar would end the cell even in code. Ids and branches have no backslash. */
function cell(text: string): string {
  return code(text).replaceAll('|', '\\|');
}
