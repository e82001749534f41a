// Puts the parts of a merge together for a session: git, the commands of the plan under the session's containment, logs.
import { mkdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Integrity, Processes, Repository } from '../effects/effects.ts';
import { agentEnvironment } from '../effects/env.ts';
import { KnownObjects } from '../effects/git/merge-changes.ts';
import { createMergeHistory } from '../effects/git/merge-history.ts';
import { createRefs, type Refs } from '../effects/git/refs.ts';
import { freezeView, type FrozenView } from '../effects/git/merge-quarantine.ts';
import { openMergeWorld, type MergeGuard } from '../effects/git/merge-world.ts';
import { carry, createCopyList } from '../effects/workspaces/carry.ts';
import { openThrowaway } from '../effects/workspaces/private-repo.ts';
import type { RunPaths } from '../journal/run-paths.ts';
import { mergeMessage } from '../merging/message.ts';
import type { LeftOut } from '../merging/pull-request-text.ts';
import { runMerge, waitingBranch, type MergeGit } from '../merging/run-merge.ts';
import { coAuthorOf } from '../merging/co-author.ts';
import { createMergeCommands } from '../merging/verify.ts';
import type { MergeSettings, Plan, TaskId } from '../plan/plan.ts';
import type { MergeJob, Phases } from '../run/driver.ts';
import type { Fact } from '../run/events.ts';
import type { IsolationParts } from './isolation.ts';
import { requestEach, requestWaiting } from './pull-requests.ts';
import { grownPlan } from '../run/grown.ts';
import type { RunState } from '../run/state.ts';

export interface MergingOptions {
  readonly plan: Plan;
  readonly repo: Repository;
  readonly paths: RunPaths;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly isolation: IsolationParts;
  readonly integrity: Integrity;
}

export interface Merging {
  readonly merge: Phases['merge'];
  close(): Promise<void>;
}

/** Verifications at once: each may start as many processes as it likes. */
const MOST_SLOTS = 4;
const TIMEOUT_MS = 30 * 60_000;

/** Merging as the driver sees it. Merges that agents may be at work beside use the configuration of now. */
export async function createMerging(options: MergingOptions): Promise<Merging> {
  const { repo, plan: { merge } } = options;
  const isBeside = merge?.when === 'each' || merge?.onConflict === 'retry' || merge?.onConflict === 'resolve';
  const view = isBeside ? await freezeView(repo) : null;
  return { merge: createMerge(options, view), close: async () => { await view?.dispose(); } };
}

function createMerge(options: MergingOptions, view: FrozenView | null): Phases['merge'] {
  const { repo, paths, processes, isolation } = options;
  return async (begun, { stop, record, arrivals }) => {
    let state = begun;
    const plan = grownPlan(options.plan, state);
    const request = () => ({ plan: grownPlan(options.plan, state), state, repo, dir: paths.dir, stop: stop.gentle, record });
    const how = state.merging?.settings.pullRequest;
    if (how === 'task') return await requestAll(request(), arrivals);
    const logs = path.join(paths.dir, 'merge');
    const secluded = path.join(paths.dir, 'merge-private');
    for (const folder of [logs, secluded]) await mkdir(folder, { recursive: true, mode: 0o700 });
    const commands = createMergeCommands({
      processes, logs, verify: state.merging?.settings.verify ?? [], setup: plan.worktrees.setup ?? [], graceMs: plan.graceMs, stop: stop.gentle, force: stop.force,
      async sandboxOf(folder) {
        if (isolation.sandboxOf === null) return null;
        const git = await openThrowaway(path.join(secluded, path.basename(folder)), { repo, worktree: folder, env: { ORCH_RUN_ID: plan.run, ORCH_RUN_DIR: paths.dir } });
        return isolation.sandboxOf({ worktree: folder, git, dir: logs, records: [] });
      },
      // A merged tree takes no longer than the slowest of what is in it.
      timeoutMs: Math.max(TIMEOUT_MS, ...plan.tasks.map(({ timeoutMs }) => timeoutMs)),
      env: agentEnvironment({ parent: process.env, pass: plan.passEnv, set: { ORCH_RUN_ID: plan.run, ORCH_RUN_DIR: paths.dir, ORCH_BASE: plan.base.sha } }),
    });
    const leftOut: LeftOut[] = [];
    const known = new KnownObjects();
    await using refs = createRefs(repo, { message: `orch: merge of ${plan.run}` });
    const git = mergeGit({ ...options, view, known, refs }, () => state);
    const joined = { async next() {
      const arrival = await arrivals.next();
      state = arrival?.state ?? state;
      return arrival;
    } };
    try {
      return await runMerge({
        plan: options.plan, state, git, commands, slots: Math.max(1, Math.min(MOST_SLOTS, plan.maxParallel)), stop: stop.gentle, arrivals: joined,
        record: async (facts) => {
          await record(facts);
          leftOut.push(...facts.filter((fact) => fact.type === 'task-unmerged'));
        },
        ...(how === undefined ? {} : { onWaiting: async (waiting) => await requestWaiting(request(), waiting, leftOut) }),
      });
    } finally {
      await rm(secluded, { recursive: true, force: true });
    }
  };
}

/** A request for each task, also for those that join. */
async function requestAll(parts: Parameters<typeof requestEach>[0], arrivals: MergeJob['arrivals']): Promise<Fact> {
  const { merging } = parts.state;
  let last = await requestEach(parts);
  const notes = last.type === 'merge-finished' ? [...last.notes] : [];
  for (let joined = await arrivals.next(); joined !== null && merging !== null; joined = await arrivals.next()) {
    const state = { ...joined.state, merging: { ...merging, tasks: joined.tasks } };
    last = await requestEach({ ...parts, plan: grownPlan(parts.plan, state), state });
    if (last.type === 'merge-finished') notes.push(...last.notes);
  }
  return { type: 'merge-finished', notes: [...new Set(notes)].slice(-20) };
}

/** The folder in which a run's merges are verified. */
export function mergeRoot({ run, worktrees }: Pick<Plan, 'run' | 'worktrees'>): string {
  return path.join(worktrees.root, run, '.merge');
}

/** `now`: the run as it is. */
function mergeGit({ repo, paths, clock, plan, view, integrity, known, refs }: MergingOptions & { readonly view: FrozenView | null; readonly known: KnownObjects; readonly refs: Refs }, now: () => RunState): MergeGit {
  const root = mergeRoot(plan);
  const from = repo.topLevel;
  const history = createMergeHistory(repo, refs, known);
  const copies = createCopyList(from ?? repo.commonDir);
  return {
    commitsOf: async (branch, since) => await history.commitsOf(branch, since),
    changedPaths: async (pairs) => await history.changedPaths(pairs),
    async open(target, settings, { commands, onNote }) {
      const world = await openMergeWorld({
        repo, run: plan.run, refs, target, keepsTarget: settings.pullRequest !== undefined, strategy: settings.strategy, policies: settings.conflicts, known, root, recalls: settings.verify.length > 0, mark: { ORCH_RUN_ID: plan.run, ORCH_RUN_DIR: paths.dir }, onNote, ...(view === null ? {} : { view }), guard: guardOf(plan, integrity), now: () => Math.floor(clock.now() / 1000),
        message: (id) => messageOf(grownPlan(plan, now()), now(), { id, settings }),
        verify: async (folder, commit, signal) => await commands.verify(folder, commit, signal),
        regenerate: async (folder, command) => await commands.regenerate(folder, command),
        async setUp(folder, signal) {
          const problem = await commands.setUp(folder, signal);
          if (problem !== null) onNote(`nothing could be verified: ${problem}`);
          return problem === null;
        },
        ...(from === null ? {} : { carry: async (to: string) => (await carry({ from, to, copy: plan.worktrees.copy, link: plan.worktrees.link }, copies)).paths }),
      });
      return {
        ...world,
        async close() {
          await world.close();
          for (const folder of [root, path.dirname(root)]) await rmdir(folder).catch(() => undefined);
        },
      };
    },
  };
}

/** Commands of a merge count as commands of the plan's. */
function guardOf({ run, worktrees }: Plan, integrity: Integrity): MergeGuard {
  let count = 0;
  return {
    async stand(work) {
      count += 1;
      const task = `.merge-${count}`;
      const who = { task, workspace: { run, task, attempt: 1, branch: waitingBranch(run), path: path.join(worktrees.root, run, task), start: '' }, kind: 'command', trace: null } as const;
      await integrity.enter(who);
      try {
        return await work();
      } finally {
        await integrity.leave(who, new Map());
      }
    },
    moving: (ref, to) => { integrity.moving(ref, to); },
    moved: (ref, to) => { integrity.moved(ref, to); },
  };
}

function messageOf(plan: Plan, state: RunState, { id, settings }: { id: TaskId; settings: MergeSettings }): string {
  const index = plan.tasks.findIndex((task) => task.id === id);
  const task = plan.tasks[index];
  const prompt = task?.work.kind === 'agent' ? task.work.prompt : null;
  return mergeMessage({ strategy: settings.strategy, run: plan.run, task: id, name: task?.name ?? id, attempt: state.tasks[index]?.attempts ?? 1, prompt, coAuthor: coAuthorOf(plan, task, settings) });
}
