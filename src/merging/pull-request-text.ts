// What pull requests say: titles and Markdown bodies. What people, agents and manifests wrote stands in code, so that it
// mentions nobody, closes no issue and makes no markup. Pure.
import { plural } from '../lib/text.ts';
import type { RunId, Sha, TaskId } from '../plan/plan.ts';
import type { Fact } from '../run/events.ts';
import { SUMMARY_LENGTH } from './message.ts';
import { cut, oneLine, plainText } from './message-text.ts';

export interface RequestedTask {
  readonly id: TaskId;
  readonly name: string;
  readonly attempt: number;
  /** null for shell commands. */
  readonly prompt: string | null;
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
  /** What it was verified with; empty = nothing. */
  readonly verify: readonly string[];
}

/** A task whose work was to be merged and is not in the pull request, and why. */
export type LeftOut = Pick<Extract<Fact, { type: 'task-unmerged' }>, 'task' | 'merge' | 'message'>;

export interface RequestText {
  readonly title: string;
  /** Ends with a line feed. */
  readonly body: string;
}

const TITLE_LENGTH = 120;
const MOST_LISTED = 200;

/** Of the branch of one task; `contains`: tasks whose work is in it, with where that is asked to be merged. */
export function taskRequestText(run: RunId, task: RequestedTask, contains: readonly { readonly id: TaskId; readonly url: string | null }[]): RequestText {
  const quoted = task.prompt === null ? [] : ['Asked for:', '', fenced(cut(plainText(task.prompt).trim(), SUMMARY_LENGTH)), ''];
  const body = [
    ...quoted,
    `- ${changes(task)}`,
    `- ${task.verify.length === 0 ? 'not verified: the task has no `verify`' : `verified with ${task.verify.map(code).join(', ')}`}`,
    ...contains.map(({ id, url }) => `- contains the work of ${code(id)}${url === null ? '' : ` (${url})`}: that goes first`),
    '', `Orch-Run: ${run}`, `Orch-Task: ${task.id}`, `Orch-Attempt: ${task.attempt}`, '',
  ];
  return { title: titleOf(task), body: body.join('\n') };
}

export interface RunRequest {
  readonly run: RunId;
  /** For people. */
  readonly name: string;
  readonly tasks: readonly RequestedTask[];
  readonly leftOut: readonly LeftOut[];
  /** What the merged tree was verified with; empty = nothing. */
  readonly verify: readonly string[];
  readonly head: Sha;
}

/** Of the merged result of a run. */
export function runRequestText({ run, name, tasks, leftOut, verify, head }: RunRequest): RequestText {
  const [only] = tasks;
  const body = [
    `${plural(tasks.length, 'task')} of the run, merged:`, '',
    ...some(tasks.map((task) => `- ${code(task.id)}${task.name === task.id ? '' : ` ${code(oneLine(task.name))}`}: ${changes(task)}${task.verify.length === 0 ? '' : ', verified'}`)),
    '',
    verify.length === 0 ? 'The merged tree was not verified: `merge` has no `verify`.' : `The merged tree of ${head.slice(0, 12)} passed ${verify.map(code).join(', ')}.`, '',
    ...(leftOut.length === 0 ? [] : ['Not in it:', '', ...some(leftOut.map(({ task, merge, message }) => `- ${code(task)} (${merge}): ${code(cut(oneLine(message), SUMMARY_LENGTH))}`)), '']),
    `Orch-Run: ${run}`, ...(tasks.length === 1 && only !== undefined ? [`Orch-Task: ${only.id}`, `Orch-Attempt: ${only.attempt}`] : []), '',
  ];
  return { title: tasks.length === 1 && only !== undefined ? titleOf(only) : cut(`${oneLine(plainText(name))}: ${plural(tasks.length, 'task')}`, TITLE_LENGTH), body: body.join('\n') };
}

function titleOf({ name, id }: RequestedTask): string {
  return cut(oneLine(plainText(name)) || id, TITLE_LENGTH);
}

function changes({ filesChanged, insertions, deletions }: RequestedTask): string {
  return `${plural(filesChanged, 'file')}, +${insertions} −${deletions}`;
}

function some(lines: readonly string[]): readonly string[] {
  return lines.length <= MOST_LISTED ? lines : [...lines.slice(0, MOST_LISTED), `- … and ${lines.length - MOST_LISTED} more`];
}

/** A code span that ends where the text ends, whatever is in it. */
function code(text: string): string {
  const line = oneLine(plainText(text));
  const ticks = '`'.repeat(longestRun(line) + 1);
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${ticks}${pad}${line}${pad}${ticks}`;
}

function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}text\n${text}\n${fence}`;
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
}
