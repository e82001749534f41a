// Runs for programs: planned, begun, watched and steered without a command line, by the same functions that the command
// line calls. Prints nothing, listens to no signals: who imports it decides.
import { openRepository } from '../effects/git/repository.ts';
import { resolveRun } from '../journal/run-list.ts';
import type { Plan, RunId, TaskId } from '../plan/plan.ts';
import type { Driver } from '../run/driver.ts';
import type { AgentOutput, RunEvent } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { statusDocument, type StatusDocument } from '../reporters/status.ts';
import { requireAddition } from './adding.ts';
import { createEventQueue } from './event-queue.ts';
import { requirePlan, type Planned, type PlanningArgs } from './planning.ts';
import { preflight } from './preflight.ts';
import { startRun, type SessionEnd } from './session.ts';
import { loadStatus } from './records.ts';

/** What is to be done: the path of a manifest (or of a plan), prompts, or a manifest as an object. */
export type Work = string | readonly string[] | { readonly tasks: object; readonly [key: string]: unknown };

/** As the flags of `orch run`; what is not said comes from the manifest, `ORCH_*` variables and `.orchestrator.yml`. */
export interface PlanOptions {
  /** Where the repository is; default the current directory. */
  readonly cwd?: string;
  readonly maxParallel?: number;
  /** `90s`, `20m`, `1h30m`. */
  readonly timeout?: string;
  readonly agent?: string;
  readonly model?: string;
  readonly base?: string;
  /** Globs of ids. */
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly failFast?: boolean;
  readonly maxWait?: string;
  /** Merge what completes, while others run. */
  readonly merge?: boolean;
  readonly into?: string;
  readonly runId?: RunId;
}

export interface RunOptions extends PlanOptions {
  /** Told of each line of progress of an agent; not kept. */
  readonly onOutput?: (output: AgentOutput) => void;
  /** Told what a person should know and need not do anything about. */
  readonly onNotice?: (line: string) => void;
}

/** A run under way in this process. Iterating gives each event once it is on disk, from the first one, until the run has ended. */
export interface Run extends AsyncIterable<RunEvent> {
  readonly id: RunId;
  readonly plan: Plan;
  /** The run when it has ended: `exitCode`, `counts`, `tasks`. Rejects only for a bug, or records that could not be written. */
  readonly result: Promise<StatusDocument>;
  /** Ends these tasks, or all; what they had done is saved. Resolves when that is on disk. Rejects with OrchError when they have ended. */
  cancel(...tasks: readonly TaskId[]): Promise<readonly TaskId[]>;
  /** Tries tasks again that have ended without completing. */
  retry(...tasks: readonly TaskId[]): Promise<readonly TaskId[]>;
  /** Adds tasks, which may need those of the run; returns their ids. */
  add(work: Work): Promise<readonly TaskId[]>;
  /** As Ctrl-C: everything stops, what was done is saved, `orch resume` goes on. `force`: without grace. */
  stop(options?: { readonly force?: boolean }): Promise<void>;
  /** The run now. */
  status(): StatusDocument;
}

/** Makes a plan and creates nothing. Throws OrchError for everything that is wrong with it. */
export async function plan(work: Work, options: PlanOptions = {}): Promise<Plan> {
  return (await requirePlan(argsOf(work, options))).plan;
}

/** Plans and begins a run. Throws OrchError when it cannot begin. */
export async function run(work: Work, options: RunOptions = {}): Promise<Run> {
  const planned = await requirePlan(argsOf(work, options));
  const versions = await preflight(planned.repo, planned.plan);
  for (const warning of planned.warnings) options.onNotice?.(warning);
  return await begin({ ...planned, versions }, options);
}

/** A run of this repository, live or not: the newest, or one by its id or a unique beginning of it. */
export async function status(id?: RunId, { cwd = process.cwd() }: Pick<PlanOptions, 'cwd'> = {}): Promise<StatusDocument> {
  const { commonDir } = await openRepository(cwd);
  return await loadStatus(commonDir, await resolveRun(commonDir, id));
}

function argsOf(work: Work, options: PlanOptions): PlanningArgs {
  const { cwd, maxParallel, timeout, agent, model, base, only = [], skip = [], failFast, maxWait, merge, into, runId } = options;
  const what = typeof work === 'string' ? [work] : isList(work) ? [...work] : [];
  return {
    ...(cwd === undefined ? {} : { cwd }), ...(typeof work === 'string' || isList(work) ? { what } : { text: JSON.stringify(work) }),
    'max-parallel': maxParallel === undefined ? undefined : String(maxParallel), timeout, agent, model, base, only: [...only], skip: [...skip],
    'fail-fast': failFast, 'max-wait': maxWait, merge, into, 'run-id': runId,
  };
}

function isList(work: Work): work is readonly string[] {
  return Array.isArray(work);
}

async function begin({ repo, plan: frozen, manifestText, versions }: Planned & { readonly versions: Readonly<Record<string, string>> }, options: RunOptions): Promise<Run> {
  const queue = createEventQueue<RunEvent>();
  const { driver, ending } = await new Promise<{ driver: Driver; ending: Promise<SessionEnd> }>((resolve, reject) => {
    const whole = startRun({
      repo, plan: frozen, manifestText, versions,
      listener: () => ({ onEvent: (event) => queue.push(event), onOutput: (output) => options.onOutput?.(output), onTick: () => undefined }),
      onStart: (begun) => resolve({ driver: begun, ending: whole }),
      ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
    });
    whole.catch(reject);
  });
  const document = (isLive: boolean): StatusDocument => statusDocument(frozen, driver.state, { run: frozen.run, now: Date.now(), live: isLive });
  const result = ending.then(({ journalError }) => {
    if (journalError !== null) throw journalError;
    return document(false);
  }).finally(() => queue.end());
  // Whoever awaits it is told.
  result.catch(() => undefined);
  return {
    id: frozen.run, plan: frozen, result,
    cancel: async (...tasks) => (await driver.request({ type: 'cancel', tasks: tasks.length === 0 ? 'all' : tasks })).tasks,
    retry: async (...tasks) => (await driver.request({ type: 'retry', tasks })).tasks,
    add: async (work) => {
      const { tasks, agents } = await requireAddition(repo, grownPlan(frozen, driver.state), argsOf(work, options.cwd === undefined ? {} : { cwd: options.cwd }));
      return (await driver.request({ type: 'add', tasks, agents })).tasks;
    },
    stop: async ({ force = false } = {}) => { await driver.request({ type: 'stop', force }); },
    status: () => document(driver.state.finishedAt === null),
    [Symbol.asyncIterator]: () => queue.iterate(),
  };
}
