// Status documents, materials and pages for tests of the reports. Deterministic: the same numbers each time.
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Viewer } from '../../src/reporters/html/viewer.ts';
import { htmlReport } from '../../src/reporters/report-html.ts';
import type { HtmlReportOptions, TaskMaterial } from '../../src/reporters/report-html.ts';
import type { CountsDocument, StatusDocument, TaskDocument } from '../../src/reporters/status.ts';

const NOW = Date.UTC(2030, 0, 1, 12);

export function taskDocument(id: string, over: Partial<TaskDocument> = {}): TaskDocument {
  return {
    id, name: id, state: 'settled', outcome: 'completed', reason: null, message: null, attempts: 1, branch: `orch/test/${id}`,
    base: 'b'.repeat(40), head: 'c'.repeat(40), ref: `refs/heads/orch/test/${id}`, worktree: null, commits: 1, filesChanged: 2,
    insertions: 10, deletions: 3, verified: true, merge: 'unmerged', mergeMessage: null, mergeCommit: null, pullRequest: null, agent: 'claude', model: 'haiku',
    sessionId: '0b0e6c1e-0000-4000-8000-000000000000', costUsd: 0.12, tokens: { input: 1200, output: 3400, cacheRead: 56000, cacheWrite: 0 },
    startedAt: '2030-01-01T10:00:00.000Z', durationMs: 61_200, log: `/runs/test/tasks/${id}/attempt-1/output.log`, needs: [], candidateOf: null, outputs: {}, ...over,
  };
}

export function failedTask(id: string, over: Partial<TaskDocument> = {}): TaskDocument {
  return taskDocument(id, { outcome: 'failed', reason: 'verify-failed', message: 'npm test: exit 1', verified: false, ...over });
}

export function statusOf(tasks: readonly TaskDocument[], over: Partial<StatusDocument> = {}): StatusDocument {
  const count = (outcome: TaskDocument['outcome']): number => tasks.filter((task) => task.outcome === outcome).length;
  const counts: CountsDocument = {
    queued: tasks.filter(({ state }) => state === 'queued' || state === 'blocked').length,
    running: tasks.filter(({ state }) => state === 'running').length,
    completed: count('completed'), failed: count('failed'), timedOut: count('timed-out'), cancelled: count('cancelled'),
    skipped: count('skipped'), overBudget: count('over-budget'),
  };
  return {
    v: 1, run: 'test', state: 'finished', exitCode: counts.completed === tasks.length ? 0 : 1, base: 'a'.repeat(40), target: 'main',
    startedAt: '2030-01-01T10:00:00.000Z', finishedAt: '2030-01-01T11:10:00.000Z',
    costUsd: tasks.reduce((sum, task) => sum + (task.costUsd ?? 0), 0), counts, budgetUsd: null, gates: [], tasks, ...over,
  };
}

export function materialOf(over: Partial<TaskMaterial> = {}): TaskMaterial {
  return { diff: '', log: '', prompt: 'Do it.', result: null, ...over };
}

/** A number generator with a seed, so that sizes do not change from run to run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const SOURCE = path.resolve('node_modules/zod/src');
/** Lines of a library's source: what they compress to is what real work compresses to. */
const LINES = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).sort()
  .flatMap((name) => readFileSync(path.join(SOURCE, name), 'utf8').split('\n').filter((line) => line !== ''));

/** A diff of about so many characters: files of real source in which some lines were changed and some added. */
export function sampleDiff(size: number, random: () => number): string {
  const hash = (): string => Math.floor(random() * 1e9).toString(16);
  const rename = (line: string): string => line.replace(/\b[a-z]\w{3,}\b/i, (word) => `${word}${Math.floor(random() * 100)}`);
  let diff = '';
  for (let file = 1; diff.length < size; file++) {
    const name = `src/part-${Math.floor(random() * 1000)}/file-${file}.ts`;
    let from = Math.floor(random() * (LINES.length - 200));
    const take = (count: number): string[] => LINES.slice(from, from += count);
    diff += `diff --git a/${name} b/${name}\nindex ${hash()}..${hash()} 100644\n--- a/${name}\n+++ b/${name}\n`;
    for (let hunk = 0, at = 10; hunk < 6; hunk++, at += 60) {
      const before = take(3);
      const removed = take(4);
      const rows = [...before.map((line) => ` ${line}`), ...removed.map((line) => `-${line}`), ...removed.map((line) => `+${rename(line)}`),
        ...take(5).map((line) => `+${line}`), ...take(3).map((line) => ` ${line}`)];
      diff += `@@ -${at},10 +${at},15 @@ ${(before[0] ?? '').trim()}\n${rows.join('\n')}\n`;
    }
  }
  return diff.slice(0, diff.lastIndexOf('\n', size) + 1);
}

/** The page's program and style, built from the present source. */
export async function builtViewer(): Promise<Viewer> {
  const build = (await import(pathToFileURL(path.resolve('.ci/build.mjs')).href)) as { buildViewer(): Promise<Viewer> };
  return await build.buildViewer();
}

export const TINY_VIEWER: Viewer = { script: 'void 0;', style: 'body{}' };

/** The whole page as one string. */
export async function pageOf(document: StatusDocument, options: Partial<HtmlReportOptions> = {}): Promise<string> {
  let page = '';
  for await (const piece of htmlReport(document, { viewer: TINY_VIEWER, load: async () => materialOf(), now: NOW, ...options })) page += piece;
  return page;
}

/** Writes the page of a document with the real viewer; returns its address. */
export async function writePage(file: string, document: StatusDocument, options: Partial<HtmlReportOptions> = {}): Promise<string> {
  await writeFile(file, await pageOf(document, { viewer: await builtViewer(), ...options }));
  return pathToFileURL(file).href;
}
