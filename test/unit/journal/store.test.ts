import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Journal } from '../../../src/journal/journal.ts';
import { acquire } from '../../../src/journal/lock.ts';
import { latestRun, listRuns, resolveRun } from '../../../src/journal/run-list.ts';
import { runPaths } from '../../../src/journal/run-paths.ts';
import { requireSpace, requireWritable } from '../../../src/journal/state-dir.ts';
import { createAttemptDir, createRun, freeRunId, loadRun, planHash, removeRun } from '../../../src/journal/store.ts';
import type { RunEvent } from '../../../src/run/events.ts';
import { samplePlan } from './events.ts';
import { segmentBytes, temporaryDir } from './sample.ts';

const at = 1_790_000_000_000;

function started(run: string, plan = planHash(samplePlan(run))): RunEvent {
  return { v: 1, seq: 1, at, run, type: 'run-started', format: 1, name: 'sample', base: 'a'.repeat(40), target: null, tasks: 12, plan };
}
function finished(run: string, seq: number, exitCode = 1): RunEvent {
  return { v: 1, seq, at: at + seq, run, type: 'run-finished', exitCode };
}
function longEvent(run: string, seq: number): RunEvent {
  return { v: 1, seq, at: at + seq, run, type: 'task-settled', task: 't', outcome: 'failed', reason: null, message: 'x'.repeat(50_000) };
}

/** A run whose journal has these events, written at this second. */
async function run(commonDir: string, id: string, events: readonly RunEvent[], seconds = 1000): Promise<string> {
  const paths = await createRun({ commonDir, plan: samplePlan(id), manifestText: 'tasks: []\n' });
  const file = path.join(paths.dir, 'journal.1.ndjson');
  writeFileSync(file, segmentBytes(1, null, events));
  utimesSync(file, seconds, seconds);
  return file;
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => 'ok', (error: unknown) => error);
}

test('a run appears whole and private, and its plan is the one whose hash is recorded', async () => {
  const commonDir = temporaryDir();
  const plan = samplePlan('one-20261120-070000');
  const paths = await createRun({ commonDir, plan, manifestText: 'tasks:\n  - ünï\n' });
  expect(paths.dir).toBe(path.join(commonDir, 'orch/runs/one-20261120-070000'));
  expect(readdirSync(paths.dir).sort()).toEqual(['manifest.yml', 'plan.json', 'tasks']);
  expect(readFileSync(paths.manifest, 'utf8')).toBe('tasks:\n  - ünï\n');
  for (const file of [path.join(commonDir, 'orch'), paths.dir, path.join(paths.dir, 'tasks')]) expect(statSync(file).mode & 0o777).toBe(0o700);
  for (const file of [paths.plan, paths.manifest]) expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(path.dirname(paths.dir))).toEqual([plan.run]);
  const lock = await acquire({ dir: paths.dir });
  const journal = await Journal.open({ dir: paths.dir, epoch: lock.epoch });
  await journal.append([started(plan.run)]);
  await journal.close();
  const loaded = await loadRun(commonDir, plan.run);
  expect(loaded).toMatchObject({ plan, planHash: planHash(plan), events: [started(plan.run)] });
});

test('a name that is taken is refused, and the next free one is found', async () => {
  const commonDir = temporaryDir();
  const id = 'one-20261120-070000';
  expect(await freeRunId(commonDir, id)).toBe(id);
  const [first, second] = await Promise.all([1, 2].map(() => codeOf(createRun({ commonDir, plan: samplePlan(id), manifestText: null }))));
  expect([first, second].filter((result) => result === 'ok')).toHaveLength(1);
  expect([first, second].find((result) => result !== 'ok')).toMatchObject({ code: 'run-exists', exitCode: 2 });
  expect(await freeRunId(commonDir, id)).toBe(`${id}-2`);
  await createRun({ commonDir, plan: samplePlan(`${id}-2`), manifestText: null });
  expect(await freeRunId(commonDir, id)).toBe(`${id}-3`);
  expect(existsSync(runPaths(commonDir, id).manifest)).toBe(false);
  const long = 'x'.repeat(64);
  await createRun({ commonDir, plan: samplePlan(long), manifestText: null });
  expect(await freeRunId(commonDir, long)).toBe(`${'x'.repeat(62)}-2`);
  expect(readdirSync(path.join(commonDir, 'orch/runs')).sort()).toEqual([id, `${id}-2`, long]);
});

test('attempts have their own folder and names', async () => {
  const commonDir = temporaryDir();
  const paths = await createRun({ commonDir, plan: samplePlan('one'), manifestText: null });
  const files = await createAttemptDir(paths, 'docs.api-en', 2);
  expect(files.dir).toBe(path.join(paths.dir, 'tasks/docs.api-en/attempt-2'));
  expect(Object.values(files).map((file) => path.relative(files.dir, file))).toEqual(['', 'prompt.md', 'output.log', 'events.ndjson', 'result.json']);
  expect(paths.attemptDir('docs.api-en', 2)).toBe(files.dir);
  expect(statSync(files.dir).mode & 0o777).toBe(0o700);
  await createAttemptDir(paths, 'docs.api-en', 2);
});

test('a plan that was swapped, damaged or is newer is refused', async () => {
  const commonDir = temporaryDir();
  await run(commonDir, 'one', [started('one')]);
  const { plan } = runPaths(commonDir, 'one');
  const text = readFileSync(plan, 'utf8');
  writeFileSync(plan, text.replace('"maxParallel": 2', '"maxParallel": 3'));
  expect(await codeOf(loadRun(commonDir, 'one'))).toMatchObject({ code: 'plan-changed', exitCode: 3, message: expect.stringContaining('plan.json') as string });
  writeFileSync(plan, text);
  expect(await codeOf(loadRun(commonDir, 'one'))).toBe('ok');
  const file = path.join(runPaths(commonDir, 'one').dir, 'journal.1.ndjson');
  for (const [changed, code] of [['{', 'state-unreadable'], [text.replace('"format": 1', '"format": 2'), 'format-newer'], [text.replace('"run": "one"', '"run": "two"'), 'plan-changed']] as const) {
    writeFileSync(plan, changed);
    writeFileSync(file, '');
    expect(await codeOf(loadRun(commonDir, 'one'))).toMatchObject({ code, exitCode: 3 });
  }
  writeFileSync(file, segmentBytes(1, null, [finished('one', 1)]));
  expect(await codeOf(loadRun(commonDir, 'one'))).toMatchObject({ code: 'journal-corrupt' });
  expect(await codeOf(loadRun(commonDir, 'absent'))).toMatchObject({ code: 'state-unreadable', exitCode: 3 });
});

test('runs are listed with what the two ends of their journals say, the last written first', async () => {
  const commonDir = temporaryDir();
  expect(await listRuns(commonDir)).toEqual([]);
  expect(await latestRun(commonDir)).toBeNull();
  await run(commonDir, 'old', [started('old'), finished('old', 2, 5)], 1000);
  await run(commonDir, 'broken', [finished('broken', 1)], 900);
  await run(commonDir, 'long', [started('long'), longEvent('long', 2)], 3000);
  await run(commonDir, 'torn', [started('torn'), longEvent('torn', 2), finished('torn', 3, 0)], 2000);
  const torn = path.join(runPaths(commonDir, 'torn').dir, 'journal.1.ndjson');
  appendFileSync(torn, 'half a line');
  writeFileSync(path.join(runPaths(commonDir, 'torn').dir, 'journal.2.ndjson'), segmentBytes(2, { epoch: 1, seq: 3 }, []));
  utimesSync(path.join(runPaths(commonDir, 'torn').dir, 'journal.2.ndjson'), 2000, 2000);
  await createRun({ commonDir, plan: samplePlan('empty'), manifestText: null });
  utimesSync(runPaths(commonDir, 'empty').dir, 4000, 4000);
  for (const name of ['.new-0123', 'NotARun', 'x y']) mkdirSync(path.join(commonDir, 'orch/runs', name));
  writeFileSync(path.join(commonDir, 'orch/runs/file'), '');
  const list = await listRuns(commonDir);
  expect(list.map((summary) => [summary.run, summary.state, summary.exitCode, summary.lastEventAt])).toEqual([
    ['empty', 'empty', null, null], ['long', 'unfinished', null, at + 2], ['torn', 'finished', 0, at + 3], ['old', 'finished', 5, at + 2], ['broken', 'unreadable', null, null],
  ]);
  expect(list[2]).toMatchObject({ name: 'sample', tasks: 12, startedAt: at, changedAt: 2_000_000, holder: null });
  await using _lock = await acquire({ dir: runPaths(commonDir, 'long').dir });
  expect((await listRuns(commonDir))[1]).toMatchObject({ run: 'long', holder: { pid: process.pid } });
});

test('a run is found by nothing, its name or the beginning of it', async () => {
  const commonDir = temporaryDir();
  expect(await codeOf(resolveRun(commonDir, undefined))).toMatchObject({ code: 'no-such-run', exitCode: 2 });
  await run(commonDir, 'docs-20261120-070000', [started('docs-20261120-070000')], 1000);
  await run(commonDir, 'docs-20261120-070000-2', [started('docs-20261120-070000-2')], 900);
  await run(commonDir, 'types-20261119-080000', [started('types-20261119-080000')], 800);
  expect(await resolveRun(commonDir, undefined)).toBe('docs-20261120-070000');
  expect(await resolveRun(commonDir, 'docs-20261120-070000')).toBe('docs-20261120-070000');
  expect(await resolveRun(commonDir, 'ty')).toBe('types-20261119-080000');
  expect(await codeOf(resolveRun(commonDir, 'docs'))).toMatchObject({ exitCode: 2, message: '"docs" may be any of docs-20261120-070000, docs-20261120-070000-2' });
  expect(await codeOf(resolveRun(commonDir, 'typse-20261119-080000'))).toMatchObject({ exitCode: 2, hint: 'did you mean types-20261119-080000?' });
  for (const wanted of ['', '../..', '.', '/']) expect(await codeOf(resolveRun(commonDir, wanted))).toMatchObject({ exitCode: 2 });
});

test('a run is removed at once, with what killed processes left, unless somebody works on it', async () => {
  const commonDir = temporaryDir();
  await run(commonDir, 'one', [started('one')]);
  const { dir } = runPaths(commonDir, 'one');
  const lock = await acquire({ dir });
  expect(await codeOf(removeRun(commonDir, 'one'))).toMatchObject({ code: 'run-locked', exitCode: 3 });
  await lock.release();
  const runs = path.dirname(dir);
  for (const name of ['.new-old', '.new-fresh']) mkdirSync(path.join(runs, name, 'tasks'), { recursive: true });
  utimesSync(path.join(runs, '.new-old'), 1000, 1000);
  mkdirSync(path.join(commonDir, 'orch/.trash-two-1/deep'), { recursive: true });
  mkdirSync(path.join(commonDir, 'orch/other'));
  await removeRun(commonDir, 'one');
  await removeRun(commonDir, 'one');
  expect(readdirSync(runs)).toEqual(['.new-fresh']);
  expect(readdirSync(path.join(commonDir, 'orch')).sort()).toEqual(['other', 'runs']);
});

test('a folder that cannot be written is exit 74, before anything is there', async () => {
  const commonDir = temporaryDir();
  const file = path.join(commonDir, 'file');
  writeFileSync(file, '');
  const unwritable = [file, path.join(commonDir, 'absent'), '/proc'];
  if (process.getuid?.() !== 0) {
    const closed = path.join(commonDir, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    unwritable.push(closed);
  }
  for (const dir of unwritable) {
    expect(await codeOf(createRun({ commonDir: dir, plan: samplePlan('one'), manifestText: null }))).toMatchObject({ code: 'state-not-writable', exitCode: 74 });
  }
  expect(readdirSync(commonDir).filter((name) => name !== 'closed')).toEqual(['file']);
  await requireWritable(commonDir);
  expect(readdirSync(path.join(commonDir, 'orch'))).toEqual(['runs']);
});

test('too little room is exit 74, with both numbers', async () => {
  const dir = temporaryDir();
  await requireSpace(dir, 1);
  expect(await codeOf(requireSpace(path.join(dir, 'absent'), 1))).toMatchObject({ code: 'state-not-writable', exitCode: 74 });
  expect(await codeOf(requireSpace(dir, 2 ** 60))).toMatchObject({ code: 'no-space', exitCode: 74, message: expect.stringMatching(/\d+ MiB are free, 1099511627776 MiB are needed/) as string });
});
