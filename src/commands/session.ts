// One run in this process, from a frozen plan to an exit code: where the pure core meets the concrete effects. Owns the
// lock, the journal and the reporters for as long as the run takes, and gives all of them back.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { serveControl } from './control-server.ts';
import { createMerging } from './merging.ts';
import { stateOf } from './records.ts';
import { requireIsolation, type IsolationParts } from './isolation.ts';
import { adapterFor } from '../agents/adapters.ts';
import { createClock } from '../effects/clock.ts';
import { agentEnvironment } from '../effects/env.ts';
import { createFiles } from '../effects/files.ts';
import { createIntegrity } from '../effects/git/integrity.ts';
import { createLander } from '../effects/git/land.ts';
import { createRefs } from '../effects/git/refs.ts';
import { createProcesses } from '../effects/processes.ts';
import { loadExeca } from '../effects/processes/child.ts';
import type { Containment } from '../effects/processes/containment.ts';
import { firmestContainment, firmnessNote } from '../effects/processes/tiers.ts';
import { createWorkspaces } from '../effects/workspaces.ts';
import type { Clock, Processes, Repository, Tier, Workspaces } from '../effects/effects.ts';
import { acquire, type RunLock } from '../journal/lock.ts';
import { Journal } from '../journal/journal.ts';
import { listRuns } from '../journal/run-list.ts';
import { createRun, loadRun, planHash } from '../journal/store.ts';
import { runPaths, type RunPaths } from '../journal/run-paths.ts';
import { OrchError } from '../errors.ts';
import { crashPoint } from '../lib/crash-point.ts';
import { version } from '../lib/version.ts';
import type { PhaseContext } from '../phases/context.ts';
import { createPhases } from '../phases/phases.ts';
import { reconcile } from '../phases/reconcile.ts';
import type { Plan, RunId, TaskId } from '../plan/plan.ts';
import { Driver, type DriverEnd } from '../run/driver.ts';
import type { AgentOutput, Fact, RunEvent } from '../run/events.ts';
import { control, isOpen, type ControlAnswer, type Controlled, type ControlRequest } from '../run/control.ts';
import { grownPlan } from '../run/grown.ts';
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

/** What a new run is made of. */
export interface StartOptions {
  readonly plan: Plan;
  readonly manifestText: string | null;
  /** Of the agents' programs, for the records. */
  readonly versions?: Readonly<Record<string, string>>;
  /** What `tryContainment` has begun already. */
  readonly trial?: Promise<Containment>;
}

/** Runs a new plan to its end. Throws OrchError when it cannot begin. */
export async function startRun(options: SessionOptions & StartOptions): Promise<SessionEnd> {
  const { repo, plan, manifestText, versions, trial = tryContainment() } = options;
  const paths = await createRun({ commonDir: repo.commonDir, plan, manifestText });
  const first: Fact = startedFact(plan, versions);
  await using lock = await acquire({ dir: paths.dir });
  return await session({ ...options, trial, paths, lock, state: initialState(plan), first, firmest: null });
}

/** How a run is gone on with. */
export interface ResumeOptions {
  readonly repo: Repository;
  readonly run: RunId;
  /** Also retry what failed. */
  readonly failed: boolean;
  /** Take it from another machine. */
  readonly force: boolean;
  /** Of what has settled, only these. */
  readonly tasks?: readonly TaskId[];
  /** Limits the whole run from now on, in US dollars. */
  readonly budgetUsd?: number | null;
  /** Of the agents' programs, for the records of a run that nobody has begun. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** Goes on with a run that ended early. */
export async function resumeRun(options: SessionOptions & ResumeOptions): Promise<SessionEnd> {
  const { repo, run, failed, force, tasks, versions, budgetUsd = null } = options;
  const trial = tryContainment();
  const paths = runPaths(repo.commonDir, run);
  await using lock = await acquire({ dir: paths.dir, force });
  // Read under the lock: what the last holder wrote is all there is.
  const loaded = await loadRun(repo.commonDir, run);
  const { plan } = loaded;
  const first: Fact = loaded.events.length > 0 ? { type: 'run-resumed', failed, ...(tasks === undefined ? {} : { tasks }), ...(budgetUsd === null ? {} : { budgetUsd }) } : startedFact(plan, versions);
  return await session({ ...options, trial, plan, paths, lock, state: stateOf(loaded), first, firmest: firmestOf(loaded.events) });
}

/** Records what is asked of a run that nobody is working on, and puts in order what an earlier orch left; starts no task. Throws OrchError when it is refused. */
export async function recordInRun({ repo, run, request, onNotice }: Pick<SessionOptions, 'repo' | 'onNotice'> & { readonly run: RunId; readonly request: ControlRequest }): Promise<Extract<ControlAnswer, { ok: true }>> {
  const trial = tryContainment();
  const paths = runPaths(repo.commonDir, run);
  await using lock = await acquire({ dir: paths.dir });
  const loaded = await loadRun(repo.commonDir, run);
  const { plan } = loaded;
  const ask = (state: RunState): Controlled => {
    const asked = control(plan, state, request);
    if (!asked.answer.ok) throw new OrchError(asked.answer);
    return asked;
  };
  let { answer } = ask(stateOf(loaded));
  const alongside = (opened: RunState): readonly Fact[] => {
    const { answer: said, facts } = ask(opened);
    answer = said;
    // What is left over stays stopped, and can be resumed.
    const isLeft = fold(plan, opened, facts).tasks.some(isOpen);
    return isLeft ? [...facts, { type: 'run-cancelling', reason: 'interrupted', message: null }] : facts;
  };
  const first: Fact = loaded.events.length > 0 ? { type: 'run-resumed', failed: false, tasks: [] } : startedFact(plan);
  const nobody: Listener = { onEvent: () => undefined, onOutput: () => undefined, onTick: () => undefined };
  const end = await session({ repo, trial, plan, paths, lock, state: stateOf(loaded), first, alongside, listener: () => nobody, ...(onNotice === undefined ? {} : { onNotice }) });
  if (end.journalError !== null) throw end.journalError;
  return answer.ok ? answer : { ok: true, tasks: [], notes: [] };
}

/** The state after facts that are about to be recorded. */
function fold(plan: Plan, state: RunState, facts: readonly Fact[]): RunState {
  return facts.reduce((before, fact) => reduce(plan, before, { v: 1, seq: before.seq + 1, at: Date.now(), run: plan.run, ...fact }), state);
}

function startedFact(plan: Plan, versions: Readonly<Record<string, string>> = {}): Fact {
  return {
    type: 'run-started', format: 1, name: plan.name, base: plan.base.sha, target: plan.target, tasks: plan.tasks.length, plan: planHash(plan),
    ...(Object.keys(versions).length === 0 ? {} : { versions }),
  };
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
  return first === null ? null : await session({ ...options, trial, plan: loaded.plan, paths, lock, state, first, firmest: firmestOf(loaded.events) });
}

/** The firmest way to hold agents together here. Begun early, because it waits for programs, and what comes before it is needed waits for disks. */
export function tryContainment(): Promise<Containment> {
  const trial = firmestContainment(createClock());
  // Whoever awaits it is told, unless something else went wrong first.
  trial.catch(() => {});
  return trial;
}

/** The firmest tier that the journal has of any attempt. */
function firmestOf(events: readonly RunEvent[]): Tier | null {
  const tiers = events.flatMap((event) => (event.type === 'phase-finished' && event.result.detail?.tier !== undefined ? [event.result.detail.tier] : []));
  return tiers.length === 0 ? null : (Math.min(...tiers) as Tier);
}

interface Begun extends SessionOptions {
  /** The firmest way to hold agents together that works on this machine. */
  readonly trial: Promise<Containment>;
  readonly plan: Plan;
  readonly paths: RunPaths;
  readonly lock: RunLock;
  readonly state: RunState;
  readonly first: Fact;
  /** How agents of this run were held before; null = none was. Absent: none is started. */
  readonly firmest?: Tier | null;
  /** What is recorded with it, before anything is decided. */
  readonly alongside?: (opened: RunState) => readonly Fact[];
}

async function session(begun: Begun): Promise<SessionEnd> {
  const { repo, plan, paths, lock, state, first } = begun;
  const clock = createClock();
  const since = clock.now();
  // While others are waited for.
  if (first.type !== 'merge-started') void loadExeca();
  const isolation = await requireIsolation({ plan, repo, clock, notice: (line) => begun.onNotice?.(line) });
  const containment = await begun.trial;
  const firmness = begun.firmest === undefined ? null : firmnessNote(containment.tier, begun.firmest);
  if (firmness !== null) begun.onNotice?.(firmness);
  const processes = createProcesses({ clock, containment, ...(isolation.containment === null ? {} : { sandbox: isolation.containment }) });
  // Whatever an earlier process left running must be gone before its worktrees are touched.
  const orphans = first.type !== 'run-started' ? await processes.reap({ run: plan.run, dir: paths.dir }) : 0;
  if (orphans > 0) begun.onNotice?.(`note: what the last orch had left running was stopped (${orphans === 1 ? '1 process' : `${orphans} processes`})`);
  await using journal = await Journal.open({ dir: paths.dir, epoch: lock.epoch, writer: `orch ${version}` });
  for (const { file, bytes } of journal.repaired) begun.onNotice?.(`note: ${file}: ${bytes} bytes of an event that was never finished were cut off`);
  const listener = begun.listener(plan);
  const workspaces = await createWorkspaces({ repo, root: plan.worktrees.root, owner: { run: plan.run, dir: paths.dir } });
  const context = phaseContext({ repo, plan, paths, clock, processes, workspaces, listener, isolation, onSignal: (signal) => driver.signal(signal) });
  const merging = await createMerging({ plan, repo, paths, clock, processes, isolation, integrity: context.integrity });
  const found = await reconcile({ ...context, plan: grownPlan(plan, state) }, state);
  crashPoint('reconciled');
  const driver: Driver = new Driver({
    plan, state, found, first, alongside: begun.alongside?.(fold(plan, state, [...found, first])) ?? [], journal, clock, onEvent: (event, after) => listener.onEvent(event, after), phases: { ...createPhases(context), merge: merging.merge },
  });
  await using _control = await serveControl({ plan, driver, dir: paths.dir, notice: (line) => begun.onNotice?.(line) });
  begun.onStart?.(driver, clock);
  const ticker = setInterval(() => listener.onTick(clock.now()), TICK_MS);
  try {
    return { ...(await driver.done), plan, since };
  } finally {
    clearInterval(ticker);
    crashPoint('run-ended');
    await merging.close();
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
    targetTip: async (target) => {
      await using refs = createRefs(repo);
      return await createLander(repo, { run: plan.run, target, refs }).tip();
    },
    adapterOf: adapterFor,
    attemptPaths: (task, attempt) => {
      const files = paths.attempt(task, attempt);
      return { dir: files.dir, prompt: files.prompt, log: files.output, ended: path.join(files.dir, 'ended.json'), trace: path.join(files.dir, 'git.ndjson'), result: files.result, report: path.join(files.dir, 'usage.json'), output: path.join(files.dir, 'outputs.txt') };
    },
    environment: (set, pass) => agentEnvironment({ parent: process.env, pass, set }),
    async sandboxOf(workspace, { dir, ended, result }) {
      if (isolation.sandboxOf === null) return null;
      return isolation.sandboxOf({ worktree: workspace.path, git: await workspaces.seclude(workspace), dir, records: [ended, result] });
    },
    newId: () => randomUUID(),
    onOutput: (output) => listener.onOutput(output),
    onSignal,
  };
}
