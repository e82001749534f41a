// One merge of a run, from what it delivered to facts of its journal: what the target has already is only told, the rest
// goes through the queue. What became of a landing that nobody lived to record is asked of git, as is everything else.
import { crashPoint } from '../lib/crash-point.ts';
import { listSome } from '../lib/text.ts';
import type { MergeSettings, Plan, RunId, Sha, TaskId } from '../plan/plan.ts';
import { grownPlan } from '../run/grown.ts';
import type { Fact } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { deliveredBranches } from './branches.ts';
import { createDesk, type Desk, type WaitingMerge } from './desk.ts';
import { Merger, type MergeWorld } from './merger.ts';
import { watchQueue, type Watch } from './outcomes.ts';
import { initialQueue, type Candidate, type MergeFact } from './queue.ts';
import type { MergeCommands } from './verify.ts';

/** The result of moving the target. */
export type LastLanding = { readonly kind: string; readonly branch?: string; readonly because?: string; readonly command?: string } | null;
export interface RunMergeWorld extends MergeWorld {
  tip(): Promise<Sha | null>;
  lastLanding(): LastLanding;
  close(): Promise<void>;
}

export interface MergeGit {
  /** Commits of a branch (without `refs/heads/`) that `since` has not; null = there is no such branch. */
  commitsOf(branch: string, since: Sha): Promise<ReadonlySet<Sha> | null>;
  /** Paths that differ between each pair of commits; null where one of them is not in the repository any more. */
  changedPaths(pairs: readonly { readonly from: Sha; readonly to: Sha }[]): Promise<readonly (readonly string[] | null)[]>;
  open(target: string, settings: MergeSettings, parts: { commands: MergeCommands; onNote: (note: string) => void }): Promise<RunMergeWorld>;
}

export interface RunMergeOptions {
  readonly plan: Plan;
  readonly state: RunState;
  readonly git: MergeGit;
  readonly commands: MergeCommands;
  /** Verifications at once. */
  readonly slots: number;
  readonly stop: AbortSignal;
  /** Resolves when the facts are on disk. */
  readonly record: (facts: readonly Fact[]) => Promise<void>;
  /** Tasks that join, with the run as it is then; null = none any more. */
  readonly arrivals: { next(): Promise<{ readonly tasks: readonly TaskId[]; readonly state: RunState } | null> };
  /** Takes what waits beside the target, to record what becomes of it; returns notes. Absent: recorded as unmerged, with what to type. */
  readonly onWaiting?: (waiting: readonly WaitingMerge[]) => Promise<readonly string[]>;
}

/** The branch on which results wait for a target that cannot be touched. */
export function waitingBranch(run: RunId): string {
  return `orch/${run}/merged`;
}

/** Merges what `state.merging` says and what joins it; returns the fact that ends it. Rejects when a fact could not be recorded. */
export async function runMerge(options: RunMergeOptions): Promise<Fact> {
  const { plan, state, git, record } = options;
  const { merging } = state;
  if (merging === null) throw new Error('no merge is under way');
  crashPoint('merge-begun');
  const { target, settings } = merging;
  const notes: string[] = [];
  const onTarget = async (): Promise<ReadonlySet<Sha> | null> => await git.commitsOf(target, plan.base.sha);
  if ((await onTarget()) === null) {
    await refuseAll(options, `there is no branch ${target} to merge into`);
    return { type: 'merge-finished', notes };
  }
  const world = await git.open(target, settings, { commands: options.commands, onNote: (note) => notes.push(note) });
  try {
    const waiting = await bringIn(world, async () => await git.commitsOf(waitingBranch(plan.run), plan.base.sha), onTarget);
    const desk = createDesk(options, { onTarget, waiting });
    const watch = watchQueue({ run: plan.run, target, whyRefused: (commit) => options.commands.whyRefused(commit), isOnTarget: () => world.lastLanding()?.kind === 'landed' });
    await mergeQueue({ world, watch, desk, first: await desk.admit({ tasks: merging.tasks, state }), options, settings });
    const now = (await onTarget()) ?? new Set<Sha>();
    const placed = desk.aside(watch.pending);
    await record(placed.filter(({ commit }) => now.has(commit)).map(({ task, commit }): Fact => ({ type: 'task-merged', task, commit })));
    const waits = placed.filter(({ commit }) => !now.has(commit));
    if (options.onWaiting === undefined) {
      const because = asideText(world.lastLanding(), waitingBranch(plan.run));
      await record(waits.map(({ task }): Fact => ({ type: 'task-unmerged', task, merge: 'unmerged', message: because })));
    } else if (waits.length > 0) notes.push(...(await options.onWaiting(waits)));
    crashPoint('merge-told');
    return { type: 'merge-finished', notes: [...new Set([...watch.notes, ...options.commands.notes(), ...notes])].slice(-20) };
  } finally {
    await world.close();
  }
}

/** Also of what still joins. */
async function refuseAll({ plan, state, record, arrivals }: RunMergeOptions, message: string): Promise<void> {
  type Joined = { readonly tasks: readonly TaskId[]; readonly state: RunState };
  for (let joined: Joined | null = { tasks: state.merging?.tasks ?? [], state }; joined !== null; joined = await arrivals.next()) {
    const branches = deliveredBranches(grownPlan(plan, joined.state), joined.state, joined.tasks);
    await record(branches.map(({ id }) => ({ type: 'task-unmerged', task: id, merge: 'unmerged', message })));
  }
}

function asideText(landing: LastLanding, branch: string): string {
  if (landing?.kind !== 'aside') return `merged on ${branch}, which is not on the target yet`;
  return `merged on ${branch}, not on the target, because ${landing.because ?? 'it could not be touched'}; to bring it in: ${landing.command ?? `git merge --ff-only ${branch}`}`;
}

/** Results of an earlier merge that wait for the target are tried first. Returns the commits that still wait. */
async function bringIn(world: RunMergeWorld, waitingCommits: () => Promise<ReadonlySet<Sha> | null>, onTarget: () => Promise<ReadonlySet<Sha> | null>): Promise<ReadonlySet<Sha>> {
  const none = new Set<Sha>();
  const tip = await world.tip();
  const waiting = (await waitingCommits()) ?? none;
  if (tip === null || !waiting.has(tip) || (await onTarget())?.has(tip) === true) return none;
  // Whatever is in its way, it waits on.
  await world.land(tip, tip, []).catch(() => null);
  return (await onTarget())?.has(tip) === true ? none : waiting;
}

/** Branches of a batch when nothing is verified: there is no failure that a smaller one could find. */
const ALL_AT_ONCE = 10_000;

interface QueueRun {
  readonly world: RunMergeWorld;
  readonly watch: Watch;
  readonly desk: Desk;
  readonly first: readonly Candidate[];
  readonly options: RunMergeOptions;
  readonly settings: MergeSettings;
}

async function mergeQueue({ world, watch, desk, first, options, settings }: QueueRun): Promise<void> {
  const { slots, stop, record, arrivals } = options;
  const merger = new Merger({
    world: settings.verify.length > 0 ? steps(world) : { ...steps(world), verify: async () => await Promise.resolve('pass' as const) },
    state: initialQueue({ slots, batch: settings.verify.length === 0 && settings.batch === 'auto' ? ALL_AT_ONCE : settings.batch }),
    record: async (fact: MergeFact) => {
      const facts = watch.factsOf(fact, merger.state);
      if (facts.length > 0) await record(facts);
      if (facts.some(({ type }) => type === 'merge-landing')) crashPoint('merge-landing');
      const clash = facts.flatMap((each) => (each.type === 'task-unmerged' && each.merge === 'conflict' ? [each.task] : []));
      if (settings.onConflict === 'fail' && clash.length > 0) merger.tell({ type: 'queue-stopped', reason: 'stopped', message: `not merged, because ${listSome(clash, 5)} conflicts and on-conflict is fail` });
    },
  });
  const onStop = (): void => { merger.tell({ type: 'queue-stopped', reason: 'stopped', message: 'merging was stopped before its turn came' }); };
  const letIn = async (): Promise<void> => {
    for (let joined = await arrivals.next(); joined !== null; joined = await arrivals.next()) {
      crashPoint('merge-joined');
      merger.tell({ type: 'branches-arrived', candidates: await desk.admit(joined) });
    }
  };
  merger.tell({ type: 'target-seen', commit: (await world.tip()) ?? '', green: settings.verify.length === 0, landed: null });
  merger.tell({ type: 'branches-arrived', candidates: first });
  let failure: { readonly error: unknown } | null = null;
  void letIn().catch((error: unknown) => {
    failure = { error };
    onStop();
  }).then(() => { merger.tell({ type: 'arrivals-closed' }); });
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    await merger.run();
  } finally {
    stop.removeEventListener('abort', onStop);
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}

/** The world, with the steps at which a merge may die. */
function steps(world: MergeWorld): MergeWorld {
  return {
    async assemble(name, onto, branches, signal) {
      const assembled = await world.assemble(name, onto, branches, signal);
      crashPoint('merge-stacked');
      return assembled;
    },
    async verify(commit, signal) {
      const verdict = await world.verify(commit, signal);
      crashPoint('merge-verified');
      return verdict;
    },
    async land(from, to, branches) {
      const landed = await world.land(from, to, branches);
      crashPoint('merge-landed');
      return landed;
    },
  };
}
