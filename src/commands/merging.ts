// Puts the parts of a merge together for a session: git, the commands of the plan under the session's containment, logs.
import { mkdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Processes, Repository } from '../effects/effects.ts';
import { agentEnvironment } from '../effects/env.ts';
import { changedPaths, commitsOf } from '../effects/git/merge-history.ts';
import { openMergeWorld } from '../effects/git/merge-world.ts';
import { openThrowaway } from '../effects/workspaces/private-repo.ts';
import type { RunPaths } from '../journal/run-paths.ts';
import { mergeMessage } from '../merging/message.ts';
import type { LeftOut } from '../merging/pull-request-text.ts';
import { runMerge, type MergeGit } from '../merging/run-merge.ts';
import { coAuthorOf } from '../merging/co-author.ts';
import { createMergeCommands } from '../merging/verify.ts';
import type { MergeSettings, Plan, TaskId } from '../plan/plan.ts';
import type { Phases } from '../run/driver.ts';
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
}

/** Verifications at once: each may start as many processes as it likes. */
const MOST_SLOTS = 4;
const TIMEOUT_MS = 30 * 60_000;

/** Merging as the driver sees it. */
export function createMerge(options: MergingOptions): Phases['merge'] {
  const { repo, paths, processes, isolation } = options;
  return async (state, stop, record) => {
    const plan = grownPlan(options.plan, state);
    const request = { plan, state, repo: options.repo, dir: paths.dir, stop: stop.gentle, record };
    const how = state.merging?.settings.pullRequest;
    if (how === 'task') return await requestEach(request);
    const logs = path.join(paths.dir, 'merge');
    const secluded = path.join(paths.dir, 'merge-private');
    for (const folder of [logs, secluded]) await mkdir(folder, { recursive: true, mode: 0o700 });
    const commands = createMergeCommands({
      processes, logs, verify: state.merging?.settings.verify ?? [], graceMs: plan.graceMs, stop: stop.gentle, force: stop.force,
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
    const git = mergeGit(options, { plan, state });
    try {
      return await runMerge({
        plan, state, git, commands, slots: Math.max(1, Math.min(MOST_SLOTS, plan.maxParallel)), stop: stop.gentle,
        record: async (facts) => {
          await record(facts);
          leftOut.push(...facts.filter((fact) => fact.type === 'task-unmerged'));
        },
        ...(how === undefined ? {} : { onWaiting: async (waiting) => await requestWaiting(request, waiting, leftOut) }),
      });
    } finally {
      await rm(secluded, { recursive: true, force: true });
    }
  };
}

function mergeGit({ repo, clock }: MergingOptions, { plan, state }: { plan: Plan; state: RunState }): MergeGit {
  const root = path.join(plan.worktrees.root, plan.run, '.merge');
  return {
    commitsOf: async (branch, since) => await commitsOf(repo, branch, since),
    changedPaths: async (pairs) => await changedPaths(repo, pairs),
    async open(target, settings, { commands, onNote }) {
      const world = await openMergeWorld({
        repo, run: plan.run, target, keepsTarget: settings.pullRequest !== undefined, strategy: settings.strategy, policies: settings.conflicts, root, onNote, now: () => Math.floor(clock.now() / 1000),
        message: (id) => messageOf(plan, state, { id, settings }),
        verify: async (folder, commit, signal) => await commands.verify(folder, commit, signal),
        regenerate: async (folder, command) => await commands.regenerate(folder, command),
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

function messageOf(plan: Plan, state: RunState, { id, settings }: { id: TaskId; settings: MergeSettings }): string {
  const index = plan.tasks.findIndex((task) => task.id === id);
  const task = plan.tasks[index];
  const prompt = task?.work.kind === 'agent' ? task.work.prompt : null;
  return mergeMessage({ strategy: settings.strategy, run: plan.run, task: id, name: task?.name ?? id, attempt: state.tasks[index]?.attempts ?? 1, prompt, coAuthor: coAuthorOf(plan, task, settings) });
}
