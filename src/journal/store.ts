// The records of runs as folders: made whole, read back checked, removed whole. What a journal line means is not known here.
import { createHash, randomBytes } from 'node:crypto';
import { access, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { EXIT, OrchError } from '../errors.ts';
import { crashPoint } from '../lib/crash-point.ts';
import type { Plan, RunId, TaskId } from '../plan/plan.ts';
import type { RunEvent } from '../run/events.ts';
import { makeDirs, syncDirectory, writeSynced } from './durable.ts';
import { corrupt, errnoOf, newer, unreadable } from './journal-error.ts';
import { loadJournal } from './load.ts';
import type { LoadedJournal } from './load.ts';
import { ignoreMissing } from './lock-files.ts';
import { loadHolder } from './lock.ts';
import { runPaths, runsDir, stateDir } from './run-paths.ts';
import type { AttemptPaths, RunPaths } from './run-paths.ts';
import { notWritable, requireWritable } from './state-dir.ts';

/** A run read from disk, its plan checked against its journal. */
export interface LoadedRun {
  readonly paths: RunPaths;
  readonly plan: Plan;
  /** sha256 of plan.json, as in `run-started`. */
  readonly planHash: string;
  /** Empty when orch was stopped before the first one. */
  readonly events: readonly RunEvent[];
  /** For `Journal.open`. */
  readonly journal: LoadedJournal;
}

const PLAN_FORMAT = 1;
const MAX_ID_LENGTH = 64;
const STAGED = '.new-';
const TRASHED = '.trash-';
const STAGED_FOR_MS = 3_600_000;

/** sha256 (hex) of the plan.json that `createRun` writes for this plan. */
export function planHash(plan: Plan): string {
  return sha256(planText(plan));
}

/**
 * Makes the folder of a run, which appears with plan and manifest in it or not at all. `manifestText` null = there was no
 * file. Throws `run-exists` (exit 2) and `state-not-writable` (exit 74).
 */
export async function createRun(init: { commonDir: string; plan: Plan; manifestText: string | null }): Promise<RunPaths> {
  const { commonDir, plan, manifestText } = init;
  await requireWritable(commonDir);
  const paths = runPaths(commonDir, plan.run);
  const staged = path.join(runsDir(commonDir), `${STAGED}${randomBytes(6).toString('hex')}`);
  try {
    await makeDirs(path.dirname(staged), path.basename(staged), 'tasks');
    await Promise.all([
      writeSynced(path.join(staged, 'plan.json'), planText(plan)),
      ...(manifestText === null ? [] : [writeSynced(path.join(staged, 'manifest.yml'), manifestText)]),
    ]);
    await syncDirectory(staged);
    crashPoint('run-staged');
    await rename(staged, paths.dir);
    await syncDirectory(runsDir(commonDir));
    crashPoint('run-created');
    return paths;
  } catch (error) {
    await rm(staged, { recursive: true, force: true }).catch(() => undefined);
    if (['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error))) throw exists(paths);
    throw notWritable(paths.dir, error);
  }
}

/** `id`, or `id-2`, `id-3` …: the first that no run has. Another process may take it first; then `createRun` says so. */
export async function freeRunId(commonDir: string, id: RunId): Promise<RunId> {
  for (let n = 1; ; n += 1) {
    const suffix = n === 1 ? '' : `-${n}`;
    const candidate = `${id.slice(0, MAX_ID_LENGTH - suffix.length)}${suffix}`;
    if (!(await isThere(runPaths(commonDir, candidate).dir))) return candidate;
  }
}

/** Makes the folder of an attempt (0700); it may be there already. */
export async function createAttemptDir(paths: RunPaths, task: TaskId, attempt: number): Promise<AttemptPaths> {
  const files = paths.attempt(task, attempt);
  await makeDirs(paths.dir, ...path.relative(paths.dir, files.dir).split(path.sep));
  return files;
}

/**
 * Reads a run. Throws with exit 3: `state-unreadable`, `journal-corrupt`, `format-newer`, and `plan-changed` when
 * plan.json is not the one that the run began with.
 */
export async function loadRun(commonDir: string, run: RunId): Promise<LoadedRun> {
  const paths = runPaths(commonDir, run);
  const [text, journal] = await Promise.all([readFile(paths.plan).catch((error: unknown) => unreadablePlan(paths, error)), loadJournal(paths.dir)]);
  const hash = sha256(text);
  const first = journal.events[0];
  if (first !== undefined) requireSamePlan(first, hash, paths);
  const plan = parsePlan(text, paths);
  return { paths, plan, planHash: hash, events: journal.events, journal };
}

/** The plan of a run, not checked against its journal. Throws with exit 3. */
export async function loadPlan(commonDir: string, run: RunId): Promise<Plan> {
  const paths = runPaths(commonDir, run);
  return parsePlan(await readFile(paths.plan).catch((error: unknown) => unreadablePlan(paths, error)), paths);
}

/** Removes the records of a run that nobody is working on, at once for every reader; needs no space. Throws `run-locked`, exit 3. */
export async function removeRun(commonDir: string, run: RunId): Promise<void> {
  const { dir } = runPaths(commonDir, run);
  const state = stateDir(commonDir);
  const holder = (await isThere(dir)) ? await loadHolder(dir) : null;
  if (holder !== null) throw inUse(run, holder.pid, holder.host);
  try {
    await rename(dir, path.join(state, `${TRASHED}${run}-${randomBytes(6).toString('hex')}`)).catch(ignoreMissing);
    await removeNames(state, (name) => name.startsWith(TRASHED));
    await removeNames(runsDir(commonDir), (name, ageMs) => name.startsWith(STAGED) && ageMs > STAGED_FOR_MS);
  } catch (error) {
    throw notWritable(dir, error);
  }
}

/** Also what an earlier orch left when it was killed while it made or removed a run. */
async function removeNames(dir: string, isWaste: (name: string, ageMs: number) => boolean): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names.filter((entry) => entry.startsWith('.'))) {
    const ageMs = await stat(path.join(dir, name)).then((found) => Date.now() - found.mtimeMs, () => 0);
    if (isWaste(name, ageMs)) await rm(path.join(dir, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

function requireSamePlan(first: RunEvent, hash: string, paths: RunPaths): void {
  if (first.type !== 'run-started') throw corrupt({ file: paths.dir, line: 2, byte: 0 }, `the first event is ${first.type}, not run-started`);
  if (first.format > PLAN_FORMAT) throw newer(paths.dir, `run format ${String(first.format)}`, 'a later orch');
  if (first.plan !== hash) throw planChanged(paths, `its sha256 is ${hash}, and the run began with ${first.plan}`);
}

function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

function parsePlan(text: Buffer, paths: RunPaths): Plan {
  let plan: Partial<Plan>;
  try {
    plan = JSON.parse(text.toString('utf8')) as Partial<Plan>;
  } catch (error) {
    throw unreadable(paths.plan, error);
  }
  if (typeof plan.format === 'number' && plan.format > PLAN_FORMAT) throw newer(paths.plan, `plan format ${String(plan.format)}`, 'a later orch');
  if (plan.format !== PLAN_FORMAT || plan.run !== paths.run || !Array.isArray(plan.tasks)) throw planChanged(paths, `it is not the plan of run ${paths.run}`);
  return plan as Plan;
}

function unreadablePlan(paths: RunPaths, error: unknown): never {
  throw unreadable(paths.plan, error);
}

function planChanged(paths: RunPaths, what: string): OrchError {
  return new OrchError({
    code: 'plan-changed',
    message: `${paths.plan} was changed: ${what}`,
    hint: 'put the old file back, or start a new run with: orch run',
    exitCode: EXIT.preflight,
  });
}

function exists(paths: RunPaths): OrchError {
  return new OrchError({
    code: 'run-exists',
    message: `there is already a run ${paths.run}, in ${paths.dir}`,
    hint: `go on with it: orch resume ${paths.run}; or choose another --run-id`,
    exitCode: EXIT.usage,
  });
}

function inUse(run: RunId, pid: number, host: string): OrchError {
  return new OrchError({
    code: 'run-locked',
    message: `run ${run} is being worked on by process ${pid} on ${host}`,
    hint: 'stop it first with: orch cancel --all',
    exitCode: EXIT.preflight,
  });
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(() => true, () => false);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
