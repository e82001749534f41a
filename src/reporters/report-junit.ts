// A run as JUnit XML: a suite for each fan-out and one for all other tasks, a case for each task. Pure.
import { unreachable } from '../errors.ts';
import { safeText } from '../lib/terminal.ts';
import type { FailureReason } from '../run/events.ts';
import type { StatusDocument, TaskDocument } from './status.ts';
import { OUTCOME_WORDS } from './task-lines.ts';

type Verdict = 'passed' | 'failure' | 'error' | 'skipped';

interface Case {
  readonly task: TaskDocument;
  readonly verdict: Verdict;
}

/** What went wrong around the work: the machine, git, the provider, the account, not what the agent did. */
const INFRASTRUCTURE: ReadonlySet<FailureReason> = new Set<FailureReason>([
  'setup-failed', 'needs-conflict', 'rate-limited', 'usage-limit', 'overloaded', 'auth', 'billing', 'model-not-found', 'spawn', 'workspace',
  'interrupted', 'tampered',
]);

/** The whole file. A task that was stopped is an error, one that never came to its turn is skipped. */
export function junitReport(document: StatusDocument): string {
  const groups = new Map<string, Case[]>();
  // Attempts at one task count as what became of it.
  for (const task of document.tasks.filter(({ candidateOf }) => candidateOf === null)) {
    const name = taskGroup(task.id) ?? document.run;
    const group = groups.get(name) ?? [];
    group.push({ task, verdict: verdictOf(task) });
    groups.set(name, group);
  }
  const cases = [...groups.values()].flat();
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: document.run, ...totals(cases), time: seconds(wallMs(document)) })}>`,
    ...[...groups].flatMap(([name, group]) => suite(name, group)),
    '</testsuites>',
    '',
  ].join('\n');
}

/** The id of the definition that a task of a fan-out comes from; null for a task that stands alone. */
function taskGroup(id: string): string | null {
  const dot = id.indexOf('.');
  return dot > 0 ? id.slice(0, dot) : null;
}

function verdictOf(task: TaskDocument): Verdict {
  switch (task.outcome) {
    case null:
    case 'skipped': return 'skipped';
    case 'completed': return task.merge === 'conflict' || task.merge === 'rejected' ? 'failure' : 'passed';
    case 'cancelled': return task.startedAt === null ? 'skipped' : 'error';
    case 'failed':
    case 'timed-out':
    case 'over-budget': return task.reason !== null && INFRASTRUCTURE.has(task.reason) ? 'error' : 'failure';
    default: return unreachable(task.outcome);
  }
}

function totals(cases: readonly Case[]): Readonly<Record<string, string>> {
  const count = (verdict: Verdict): string => String(cases.filter((one) => one.verdict === verdict).length);
  return { tests: String(cases.length), failures: count('failure'), errors: count('error') };
}

function suite(name: string, cases: readonly Case[]): string[] {
  const sumMs = cases.reduce((sum, { task }) => sum + (task.durationMs ?? 0), 0);
  const skipped = String(cases.filter(({ verdict }) => verdict === 'skipped').length);
  const first = cases.map(({ task }) => task.startedAt).filter((at) => at !== null).sort()[0];
  return [
    `  <testsuite${attributes({ name, ...totals(cases), skipped, time: seconds(sumMs), ...(first === undefined ? {} : { timestamp: first.replace(/\.\d+Z$/, '') }) })}>`,
    ...cases.flatMap((one) => testcase(name, one)),
    '  </testsuite>',
  ];
}

function testcase(classname: string, { task, verdict }: Case): string[] {
  const open = `    <testcase${attributes({ name: task.id, classname, time: seconds(task.durationMs ?? 0) })}`;
  if (verdict === 'passed') return [`${open}/>`];
  const message = messageOf(task);
  if (verdict === 'skipped') return [`${open}>`, `      <skipped${attributes({ message })}/>`, '    </testcase>'];
  return [
    `${open}>`,
    `      <${verdict}${attributes({ message, type: typeOf(task) })}>${xmlText(evidence(task).join('\n'))}</${verdict}>`,
    '    </testcase>',
  ];
}

function typeOf(task: TaskDocument): string {
  return task.outcome === 'completed' ? `merge-${task.merge}` : (task.reason ?? task.outcome ?? task.state);
}

function messageOf(task: TaskDocument): string {
  if (task.outcome === null) return `not finished: ${task.state}`;
  const word = task.outcome === 'completed' ? `merge ${task.merge}` : OUTCOME_WORDS[task.outcome];
  return task.message === null ? `${word}${task.reason === null ? '' : ` (${task.reason})`}` : `${word}: ${oneLine(task.message)}`;
}

/** What to look at, line by line. */
function evidence(task: TaskDocument): string[] {
  return [
    messageOf(task),
    ...(task.attempts > 1 ? [`attempts: ${task.attempts}`] : []),
    ...(task.head === null ? [] : [`work on: ${oneLine(task.ref ?? task.branch)}`]),
    ...(task.worktree === null ? [] : [`worktree: ${oneLine(task.worktree)}`]),
    ...(task.log === null ? [] : [`log: ${oneLine(task.log)}`, `see: orch logs ${task.id}`]),
  ];
}

function wallMs({ startedAt, finishedAt, tasks }: StatusDocument): number {
  if (startedAt !== null && finishedAt !== null) return Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
  return tasks.reduce((sum, task) => sum + (task.durationMs ?? 0), 0);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values).map(([name, value]) => ` ${name}="${xmlText(oneLine(value)).replaceAll('"', '&quot;')}"`).join('');
}

function oneLine(text: string): string {
  return safeText(text).trim();
}

/** XML 1.0 has no place for most controls, halves of pairs and two non-characters, not even escaped. */
function xmlText(text: string): string {
  return text.replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
