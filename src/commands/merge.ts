// `orch merge [run] [task…]`: merges what a run has delivered and not merged yet, or shows what that would come to.
import { mergeSettings } from '../config/resolve.ts';
import type { Repository } from '../effects/effects.ts';
import { commitsOf } from '../effects/git/merge-history.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { loadRun } from '../journal/store.ts';
import { nearest } from '../lib/nearest.ts';
import { deliveredBranches, withNeeds } from '../merging/branches.ts';
import type { MergeSettings, Plan, RunId, TaskId } from '../plan/plan.ts';
import type { Fact } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { isMergeable, isRequested } from '../run/merges.ts';
import type { RunState } from '../run/state.ts';
import { drive } from './drive.ts';
import type { MergeArgs } from './main.ts';
import { printMergePlan } from './merge-plan.ts';
import { requireRequestPlace } from './pull-requests.ts';
import { loadReporting, printSummary, requireReporters } from './reporting.ts';
import { stateOf } from './records.ts';
import { mergeRun } from './session.ts';
import { note } from './terminal.ts';

type Started = Extract<Fact, { type: 'merge-started' }>;

/** Merges; returns 0 when all that was asked for is merged, 5 when some of it is not. */
export async function mergeCommand(args: Partial<MergeArgs>): Promise<number> {
  const wanted = requireReporters(args);
  const repo = await openRepository(process.cwd());
  const { run, tasks } = await requireWords(repo, args);
  let asked: readonly TaskId[] = [];
  const request = async (plan: Plan, state: RunState): Promise<Started | null> => {
    const started = await requestOf(repo, { args, tasks }, { plan, state });
    asked = started?.tasks ?? [];
    return started;
  };
  if (args['dry-run'] === true) {
    const loaded = await loadRun(repo.commonDir, run);
    const state = stateOf(loaded);
    const started = await request(loaded.plan, state);
    if (started !== null) await printMergePlan(repo, { plan: grownPlan(loaded.plan, state), state, started });
    return EXIT.ok;
  }
  const createReporting = await loadReporting(wanted);
  const end = await drive(async (hooks) => await mergeRun({ repo, run, request, ...hooks }), (plan) => createReporting(plan, args.color));
  if (end === null) return EXIT.ok;
  printSummary(end, args.color);
  if (end.journalError !== null || end.exitCode > 128) return end.exitCode;
  const plan = grownPlan(end.plan, end.state);
  const isOutstanding = plan.tasks.some(({ id }, index) => asked.includes(id) && end.state.tasks[index]?.merge?.status !== 'merged' && !isRequested(end.state.tasks[index]));
  return isOutstanding ? EXIT.mergeOutstanding : EXIT.ok;
}

/** The first word is a run or, if it names none, a task of the newest one. */
async function requireWords(repo: Repository, { run: first, task: rest = [] }: Partial<MergeArgs>): Promise<{ run: RunId; tasks: readonly string[] }> {
  if (first === undefined) return { run: await resolveRun(repo.commonDir, undefined), tasks: rest };
  try {
    return { run: await resolveRun(repo.commonDir, first), tasks: rest };
  } catch (error) {
    const newest = await resolveRun(repo.commonDir, undefined);
    const loaded = await loadRun(repo.commonDir, newest);
    const { tasks } = grownPlan(loaded.plan, stateOf(loaded));
    if (tasks.some(({ id }) => id === first)) return { run: newest, tasks: [first, ...rest] };
    throw error;
  }
}

interface Asked {
  readonly args: Partial<MergeArgs>;
  readonly tasks: readonly string[];
}

/** What is to be merged, and how; null when there is nothing, which was said then. Throws OrchError. */
async function requestOf(repo: Repository, { args, tasks: named }: Asked, { plan: frozen, state }: { plan: Plan; state: RunState }): Promise<Started | null> {
  const plan = grownPlan(frozen, state);
  const open = plan.tasks.filter((_, index) => state.tasks[index]?.now.at !== 'settled');
  if (open.length > 0 || state.startedAt === null) {
    throw new OrchError({ code: 'run-unfinished', message: `${plan.run} was stopped before all of its tasks had ended`, hint: `orch resume ${plan.run} goes on with it; then merge`, exitCode: EXIT.preflight });
  }
  const target = args.into ?? state.merging?.target ?? plan.target;
  if (target === null) throw new OrchError({ code: 'no-target', message: `${plan.run} began at ${plan.base.ref}, which is no branch: there is nothing to merge into`, hint: 'say which branch: --into NAME', exitCode: EXIT.usage });
  const has = await commitsOf(repo, target, plan.base.sha);
  if (has === null) throw new OrchError({ code: 'no-target', message: `there is no branch ${JSON.stringify(target)} to merge into`, hint: `name one that is there with --into, or make it: git branch ${target}`, exitCode: EXIT.usage });
  const deliverable = plan.tasks.flatMap(({ id }, index) => (isMergeable(state.tasks[index]) ? [id] : []));
  const wanted = named.length === 0 ? deliverable : withNeeds(plan, state, named.map((id) => requireDelivered(plan, state, id)));
  const isMerged = (id: TaskId): boolean => {
    const task = state.tasks[plan.tasks.findIndex((each) => each.id === id)];
    return task?.merge?.status === 'merged' && task.merge.commit !== null && has.has(task.merge.commit);
  };
  const tasks = wanted.filter((id) => !isMerged(id));
  if (tasks.length === 0) {
    note(wanted.length === 0 ? `${plan.run} has delivered nothing to merge` : `nothing to merge: ${target} has all of it`);
    return null;
  }
  const extra = named.length === 0 ? [] : tasks.filter((id) => !named.includes(id));
  if (extra.length > 0) note(`note: merged too, because what was named contains their work: ${extra.join(', ')}`);
  const settings = settingsOf(args, plan);
  if (settings.pullRequest !== undefined && args['dry-run'] !== true) await requireRequestPlace(repo, target);
  return { type: 'merge-started', target, settings, tasks };
}

function requireDelivered(plan: Plan, state: RunState, id: string): TaskId {
  const index = plan.tasks.findIndex((task) => task.id === id);
  const close = nearest(id, plan.tasks.map((task) => task.id));
  if (index === -1) throw new OrchError({ code: 'no-task', message: `run ${plan.run} has no task ${JSON.stringify(id)}`, hint: close === undefined ? `orch status ${plan.run} lists its tasks` : `did you mean ${close}?`, exitCode: EXIT.usage });
  if (deliveredBranches(plan, state, [id]).length === 0) throw new OrchError({ code: 'not-delivered', message: `${id} has nothing to merge: it did not complete, or changed nothing`, hint: `orch status ${plan.run} ${id}`, exitCode: EXIT.usage });
  return id;
}

const STRATEGIES = ['merge', 'squash', 'rebase'] as const;
const REQUESTS = ['run', 'task'] as const;

function settingsOf(args: Partial<MergeArgs>, plan: Plan): MergeSettings {
  const { when: _, pullRequest: plannedRequest, ...planned } = { when: 'never', ...(plan.merge ?? mergeSettings({})) };
  const said = args['pull-request'];
  const pullRequest = said === undefined ? plannedRequest : REQUESTS.find((known) => known === said);
  if (pullRequest === undefined && said !== undefined && said !== 'none') throw new OrchError({ code: 'usage', message: `--pull-request ${said}: not a way to ask`, hint: 'use run, task or none', exitCode: EXIT.usage });
  const strange = (['strategy', 'verify'] as const).find((name) => pullRequest === 'task' && args[name] !== undefined);
  if (strange !== undefined) throw new OrchError({ code: 'usage', message: `--${strange} has no use when each task has a pull request of its own`, hint: '--pull-request run asks for the merged and verified result', exitCode: EXIT.usage });
  const strategy = args.strategy === undefined ? planned.strategy : STRATEGIES.find((known) => known === args.strategy);
  if (strategy === undefined) throw new OrchError({ code: 'usage', message: `--strategy ${String(args.strategy)}: not a strategy`, hint: `use ${STRATEGIES.join(', ')}`, exitCode: EXIT.usage });
  const verify = args.verify === undefined ? planned.verify : args.verify.length === 1 && args.verify[0] === 'none' ? [] : args.verify;
  return { ...planned, strategy, verify, ...(pullRequest === undefined ? {} : { pullRequest }) };
}
