// One run in this process, from a frozen plan to an exit code: where the pure core meets the concrete effects. Owns the
// lock, the journal and the reporters for as long as the run takes, and gives all of them back.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createMerge } from './merging.ts';
import { requireIsolation, type IsolationParts } from './isolation.ts';
import { adapterFor } from '../agents/adapters.ts';
import { createClock } from '../effects/clock.ts';
import { agentEnvironment } from '../effects/env.ts';
import { createFiles } from '../effects/files.ts';
import { createIntegrity } from '../effects/git/integrity.ts';
import { createProcesses } from '../effects/processes.ts';
import type { Containment } from '../effects/processes/containment.ts';
import { firmestContainment } from '../effects/processes/tiers.ts';
import { createWorkspaces } from '../effects/workspaces.ts';
import type { Clock, Processes, Repository, Workspaces } from '../effects/effects.ts';
import { acquire, type RunLock } from '../journal/lock.ts';
import { Journal } from '../journal/journal.ts';
import { listRuns } from '../journal/run-list.ts';
import { createRun, loadRun, planHash, type LoadedRun } from '../journal/store.ts';
import { runPaths, type RunPaths } from '../journal/run-paths.ts';
import { crashPoint } from '../lib/crash-point.ts';
import { version } from '../lib/version.ts';
import type { PhaseContext } from '../phases/context.ts';
import { createPhases } from '../phases/phases.ts';
import { reconcile } from '../phases/reconcile.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import { Driver, type DriverEnd } from '../run/driver.ts';
import type { AgentOutput, Fact, RunEvent } from '../run/events.ts';
import { reduce } from '../run/reduce.ts';
import { initialState, type RunState } from '../run/state.ts';

/** Who is told of a run: the hub of the command line, or a program. */
export interface Listener {
  onEvent(event: RunEvent, state: RunState): void;
  onOutput(output: AgentOutput): void;
  onTick(now: number): void;
}

export interface SessionOptions {
  readonly repo: Repository;
  readonly listener: (plan: Plan) => Listener;
  /** Called once the run is under way. */
  readonly onStart?: (driver: Driver, clock: Clock) => void;
  /** Told what was found and put in order before the run goes on. One line each. */
  readonly onNotice?: (line: string) => void;
}

export interface SessionEnd extends DriverEnd {
  readonly plan: Plan;
  /** When this process began to run it. */
  readonly since: number;
}

const TICK_MS = 125;

/** Runs a new plan to its end. Throws OrchError when it cannot begin. */
export async function startRun(options: SessionOptions & { readonly plan: Plan; readonly manifestText: string | null }): Promise<SessionEnd> {
  const { repo, plan, manifestText } = options;
  const trial = tryContainment();
  const paths = await createRun({ commonDir: repo.commonDir, plan, manifestText });
  const first: Fact = {
    type: 'run-started', format: 1, name: plan.name, base: plan.base.sha, target: plan.target, tasks: plan.tasks.length, plan: planHash(plan),
  };
  await using lock = await acquire({ dir: paths.dir });
  return await session({ ...options, trial, paths, lock, state: initialState(plan), first });
}

/** Goes on with a run that ended early. `failed` also retries what failed; `force` takes it from another machine; `budgetUsd` limits the whole run from now on. */
export async function resumeRun(options: SessionOptions & { readonly run: RunId; readonly failed: boolean; readonly force: boolean; readonly budgetUsd?: number | null }): Promise<SessionEnd> {
  const { repo, run, failed, force } = options;
  const trial = tryContainment();
  const paths = runPaths(repo.commonDir, run);
  await using lock = await acquire({ dir: paths.dir, force });
  // Read under the lock: what the last holder wrote is all there is.
  const loaded = await loadRun(repo.commonDir, run);
  const { plan } = loaded;
  const first: Fact = loaded.events.length > 0 ? { type: 'run-resumed', failed, ...(options.budgetUsd == null ? {} : { budgetUsd: options.budgetUsd }) } : {
    type: 'run-started', format: 1, name: plan.name, base: plan.base.sha, target: plan.target, tasks: plan.tasks.length, plan: planHash(plan),
  };
  return await session({ ...options, trial, plan, paths, lock, state: stateOf(loaded), first });
}

/** Merges what a run has delivered. `request` says what, from the plan and the state under the lock; null = nothing is to be merged. */
export async function mergeRun(options: SessionOptions & { readonly run: RunId; readonly request: (plan: Plan, state: RunState) => Promise<Extract<Fact, { type: 'merge-started' }> | null> }): Promise<SessionEnd | null> {
  const { repo, run } = options;
  const trial = tryContainment();
  const paths = runPaths(repo.commonDir, run);
  await using lock = await acquire({ dir: paths.dir });
  const loaded = await loadRun(repo.commonDir, run);
  const state = stateOf(loaded);
  const first = await options.request(loaded.plan, state);
  return first === null ? null : await session({ ...options, trial, plan: loaded.plan, paths, lock, state, first });
}

/** The state that a run's journal gives. */
export function stateOf({ plan, events }: Pick<LoadedRun, 'plan' | 'events'>): RunState {
  return events.reduce<RunState>((state, event) => reduce(plan, state, event), initialState(plan));
}

/** Begun at once, because it waits for programs, and so does what comes before it is needed for disks. */
function tryContainment(): Promise<Containment> {
  const trial = firmestContainment(createClock());
  // Whoever awaits it is told, unless something else went wrong first.
  trial.catch(() => {});
  return trial;
}

interface Begun extends SessionOptions {
  /** The firmest way to hold agents together that works on this machine. */
  readonly trial: Promise<Containment>;
  readonly plan: Plan;
  readonly paths: RunPaths;
  readonly lock: RunLock;
  readonly state: RunState;
  readonly first: Fact;
}

async function session(begun: Begun): Promise<SessionEnd> {
  const { repo, plan, paths, lock, state, first } = begun;
  const clock = createClock();
  const since = clock.now();
  const isolation = await requireIsolation({ plan, repo, clock, notice: (line) => begun.onNotice?.(line) });
  const processes = createProcesses({ clock, containment: await begun.trial, ...(isolation.containment === null ? {} : { sandbox: isolation.containment }) });
  // Whatever an earlier process left running must be gone before its worktrees are touched.
  const orphans = first.type !== 'run-started' ? await processes.reap({ run: plan.run, dir: paths.dir }) : 0;
  if (orphans > 0) begun.onNotice?.(`note: what the last orch had left running was stopped (${orphans === 1 ? '1 process' : `${orphans} processes`})`);
  await using journal = await Journal.open({ dir: paths.dir, epoch: lock.epoch, writer: `orch ${version}` });
  for (const { file, bytes } of journal.repaired) begun.onNotice?.(`note: ${file}: ${bytes} bytes of an event that was never finished were cut off`);
  const listener = begun.listener(plan);
  const workspaces = await createWorkspaces({ repo, root: plan.worktrees.root, owner: { run: plan.run, dir: paths.dir } });
  const context = phaseContext({ repo, plan, paths, clock, processes, workspaces, listener, isolation, onSignal: (signal) => driver.signal(signal) });
  const found = await reconcile(context, state);
  crashPoint('reconciled');
  const driver: Driver = new Driver({
    plan, state, found, first, journal, clock, onEvent: (event, after) => listener.onEvent(event, after), phases: { ...createPhases(context), merge: createMerge({ plan, repo, paths, clock, processes, isolation }) },
  });
  begun.onStart?.(driver, clock);
  const ticker = setInterval(() => listener.onTick(clock.now()), TICK_MS);
  try {
    return { ...(await driver.done), plan, since };
  } finally {
    clearInterval(ticker);
    crashPoint('run-ended');
    isolation.release();
    await workspaces.flush();
  }
}

interface Parts {
  readonly repo: Repository;
  readonly plan: Plan;
  readonly paths: RunPaths;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly workspaces: Workspaces;
  readonly listener: Listener;
  readonly isolation: IsolationParts;
  readonly onSignal: PhaseContext['onSignal'];
}

function phaseContext({ repo, plan, paths, clock, processes, workspaces, listener, isolation, onSignal }: Parts): PhaseContext {
  return {
    plan, repo, clock, processes, workspaces, files: createFiles(),
    integrity: createIntegrity({
      repo, run: plan.run, linksOf: async ({ workspace }) => await workspaces.links(workspace),
      isOnlyRun: async () => (await listRuns(repo.commonDir)).every(({ run, holder }) => run === plan.run || holder === null),
    }),
    runDir: paths.dir,
    adapterOf: (agent) => adapterFor(plan.agents[agent]?.adapter ?? agent),
    attemptPaths: (task, attempt) => {
      const files = paths.attempt(task, attempt);
      return { dir: files.dir, prompt: files.prompt, log: files.output, ended: path.join(files.dir, 'ended.json'), trace: path.join(files.dir, 'git.ndjson'), result: files.result, output: path.join(files.dir, 'outputs.txt') };
    },
    environment: (set, pass) => agentEnvironment({ parent: process.env, pass, set }),
    sandboxOf: isolation.sandboxOf,
    newId: () => randomUUID(),
    onOutput: (output) => listener.onOutput(output),
    onSignal,
  };
}
