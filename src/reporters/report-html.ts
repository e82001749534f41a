// A run as one static page that works from a file, without network. Writes nothing: yields the page piece by piece, and
// holds the material of a few tasks at a time. What tasks left is data in it, never markup (see html/viewer).
import { createHash } from 'node:crypto';
import { safeText } from '../lib/terminal.ts';
import { isoTime } from '../lib/time.ts';
import type { Instant } from '../run/events.ts';
import { encode85 } from './html/base85.ts';
import { keepEnd, keepStart } from './html/cut-text.ts';
import { dictionaryOf, packText } from './html/pack.ts';
import type { MaterialPayload, RowPayload, RunPayload, TaskPayload, Tone } from './html/payload.ts';
import type { Viewer } from './html/viewer.ts';
import type { StatusDocument, TaskDocument } from './status.ts';
import { isFailure, OUTCOME_WORDS } from './task-lines.ts';

/** What there is to read of a task; empty where there is nothing. */
export interface TaskMaterial {
  /** A unified diff, as git prints it. */
  readonly diff: string;
  readonly log: string;
  /** What the agent was told, or the shell command. */
  readonly prompt: string;
  /** The agent's final text. */
  readonly result: string | null;
}

export interface HtmlReportOptions {
  readonly viewer: Viewer;
  /** Called for one task after another, a few at a time, and for some twice; what it throws is shown in place of the material. */
  readonly load: (task: TaskDocument) => Promise<TaskMaterial>;
  readonly now: Instant;
  readonly limits?: Partial<HtmlLimits>;
}

/** Characters that are kept of each task's texts, and bytes of the file after which tasks are listed without them. */
export interface HtmlLimits {
  readonly diff: number;
  readonly log: number;
  readonly text: number;
  readonly file: number;
}

const LIMITS: HtmlLimits = { diff: 1024 * 1024, log: 128 * 1024, text: 64 * 1024, file: 64 * 1024 * 1024 };
const AT_ONCE = 4;
/** Neighbours resemble each other, so several are packed as one; all of them are unpacked to read one. */
const GROUP_TASKS = 16;
const GROUP_CHARACTERS = 256 * 1024;
const SAMPLES = 16;

/** The page in pieces, to be written one after another; never rejects because of a task. */
export async function* htmlReport(document: StatusDocument, options: HtmlReportOptions): AsyncGenerator<string, void, undefined> {
  const limits = { ...LIMITS, ...options.limits };
  let bytes = 0;
  const counted = (piece: string): string => {
    bytes += Buffer.byteLength(piece);
    return piece;
  };
  yield counted(pageOpening(document, options));
  const dictionary = dictionaryOf(await samplesOf(document.tasks, { load: options.load, limits, isFull: false }));
  yield counted(block('dictionary', encode85(dictionary)));
  const ahead: Promise<string>[] = [];
  let next = 0;
  let group: string[] = [];
  for (const index of document.tasks.keys()) {
    for (; ahead.length < AT_ONCE && next < document.tasks.length; next++) {
      const task = document.tasks[next];
      const packing = { load: options.load, limits, isFull: bytes >= limits.file };
      if (task !== undefined) ahead.push(payloadText(task, packing));
    }
    group.push((await ahead.shift()) ?? '');
    const isLast = index === document.tasks.length - 1;
    if (!isLast && group.length < GROUP_TASKS && group.reduce((sum, text) => sum + text.length, 0) < GROUP_CHARACTERS) continue;
    // A line each: JSON has no line ends of its own.
    yield counted(block(`tasks-${index + 1 - group.length}`, await packText(group.join('\n'), dictionary)));
    group = [];
  }
  yield '</body>\n</html>\n';
}

function pageOpening(document: StatusDocument, { viewer, now }: HtmlReportOptions): string {
  for (const [what, text, end] of [['script', viewer.script, /<\/script|<!--/i], ['style', viewer.style, /<\/style/i]] as const) {
    if (end.test(text)) throw new Error(`the viewer's ${what} would end its own element`);
  }
  const policy = [
    "default-src 'none'", `script-src '${hashOf(viewer.script)}'`, `style-src '${hashOf(viewer.style)}'`,
    "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(safeText(document.run))} · orch report</title>
<style>${viewer.style}</style>
</head>
<body>
<noscript>This report needs JavaScript, which is switched off here. It loads nothing from anywhere.</noscript>
<script type="application/json" id="run">${JSON.stringify(runPayload(document, now)).replaceAll('<', '\\u003c')}</script>
<script>${viewer.script}</script>
`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function runPayload({ tasks, ...run }: StatusDocument, now: Instant): RunPayload {
  return { ...run, writtenAt: isoTime(now), rows: tasks.map(rowPayload) };
}

function rowPayload(task: TaskDocument): RowPayload {
  const { id, name, reason, filesChanged, insertions, deletions, costUsd, durationMs, agent, head } = task;
  return { id, name, reason, filesChanged, insertions, deletions, costUsd, durationMs, agent, head: head === null ? null : head.slice(0, 12), word: wordOf(task), tone: toneOf(task) };
}

function isUnmergeable({ merge }: TaskDocument): boolean {
  return merge === 'conflict' || merge === 'rejected';
}

function wordOf(task: TaskDocument): string {
  if (task.outcome === null) return task.state;
  if (task.outcome === 'completed' && isUnmergeable(task)) return task.merge === 'conflict' ? 'merge conflict' : 'merge rejected';
  return OUTCOME_WORDS[task.outcome];
}

function toneOf(task: TaskDocument): Tone {
  if (task.outcome === null) return task.state === 'queued' || task.state === 'blocked' ? 'idle' : 'live';
  if (isFailure(task.outcome) || isUnmergeable(task)) return 'bad';
  return task.outcome === 'completed' ? 'good' : 'idle';
}

interface Packing {
  readonly load: HtmlReportOptions['load'];
  readonly limits: HtmlLimits;
  readonly isFull: boolean;
}

function block(id: string, data: string): string {
  return `<script type="text/plain" id="${id}">${data}</script>\n`;
}

/** Some of all tasks, evenly spread. */
async function samplesOf(tasks: readonly TaskDocument[], packing: Packing): Promise<string[]> {
  const step = Math.max(1, tasks.length / SAMPLES);
  const samples: string[] = [];
  for (let at = step / 2; at < tasks.length; at += step) {
    const task = tasks[Math.floor(at)];
    if (task !== undefined) samples.push(await payloadText(task, packing));
  }
  return samples;
}

async function payloadText(task: TaskDocument, packing: Packing): Promise<string> {
  const payload: TaskPayload = { ...(await materialOf(task, packing)), task };
  return JSON.stringify(payload);
}

async function materialOf(task: TaskDocument, { load, limits, isFull }: Packing): Promise<Omit<TaskPayload, 'task'>> {
  if (isFull) return { material: null, missing: 'This file had become too large; the task is only listed.' };
  try {
    const { diff, log, prompt, result } = await load(task);
    const material: MaterialPayload = {
      diff: keepStart(diff, limits.diff),
      log: cutLog(log, limits.log),
      prompt: keepStart(prompt, limits.text),
      result: result === null ? null : keepStart(result, limits.text),
    };
    return { material, missing: null };
  } catch (error) {
    return { material: null, missing: error instanceof Error ? error.message : String(error) };
  }
}

/** A log is read for what it says: colours and other sequences are taken out of it, unlike of a diff. */
function cutLog(log: string, most: number): MaterialPayload['log'] {
  const cut = keepEnd(log, most);
  return { ...cut, text: cut.text.split('\n').map((line) => safeText(line.replaceAll('\t', '    ')).trimEnd()).join('\n') };
}
