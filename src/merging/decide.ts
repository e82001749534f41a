// What the queue does next: a pure question to a state, asked again after each answer until there is none. It names
// commits that others made and never touches git; what cannot have been verified, it cannot ask to land.
import type { TaskId } from '../plan/plan.ts';
import { foldPath } from '../lib/path-overlaps.ts';
import { nextInLine } from './order.ts';
import { nextProbe } from './probes.ts';
import type { BranchState, Clash, Job, JobKind, MergeDecision, MergeOutcome, QueueState } from './queue.ts';

/** Trials, alone on a green commit, that a branch must fail to be rejected: one and its repetition. */
const FAILS_TO_REJECT = 2;
const FAILS_TO_BE_RED = 2;
const BROKEN_TO_STOP = 3;

/** The next thing to do, or undefined when all that can be done is to wait for jobs or arrivals. */
export function decideMerge(state: QueueState): MergeDecision | undefined {
  if (state.isFinished || (state.tip === null && state.stopped === null)) return undefined;
  const settled = settleLine(state) ?? settleOthers(state);
  if (settled !== undefined) return settled;
  if (state.stopped !== null) return state.jobs.size === 0 ? (settleRest(state) ?? finish(state)) : undefined;
  return stopBroken(state) ?? land(state) ?? judge(state) ?? dropUseless(state) ?? extend(state) ?? probe(state) ?? tryAlone(state) ?? giveUp(state);
}

function settle(id: TaskId, outcome: MergeOutcome): MergeDecision {
  return { record: { type: 'branches-settled', settled: [{ id, outcome }] } };
}

/** Whether a job of this kind is under way. */
function isUnderWay(state: QueueState, kind: JobKind): boolean {
  for (const job of state.jobs.values()) if (job.kind === kind) return true;
  return false;
}

function settleLine(state: QueueState): MergeDecision | undefined {
  const { line } = state;
  const isOpen = (id: TaskId): boolean => state.branches.get(id)?.now.at === 'line';
  if (line.landed > 0 && isOpen(line.steps[line.landed - 1]?.id ?? '')) {
    const merged = line.steps.slice(0, line.landed).filter(({ id }) => isOpen(id));
    return { record: { type: 'branches-settled', settled: merged.map(({ id, commit }) => ({ id, outcome: { kind: 'merged', commit } })) } };
  }
  // A clash with what is only about to be merged may yet dissolve.
  const clash = line.clashes.find(({ id, after }) => after <= line.landed && isOpen(id));
  return clash === undefined ? undefined : settle(clash.id, conflict(state, clash));
}

function conflict(state: QueueState, { id, files }: Pick<Clash, 'id' | 'files'>): MergeOutcome {
  const folded = new Set(files.map(foldPath));
  const others = [...state.branches.values()].filter(({ candidate, now }) => {
    const isMerged = now.at === 'settled' && now.outcome.kind === 'merged';
    return isMerged && candidate.id !== id && candidate.paths.some((path) => folded.has(foldPath(path)));
  });
  return { kind: 'conflict', files, with: others.map(({ candidate }) => candidate.id) };
}

function settleOthers(state: QueueState): MergeDecision | undefined {
  for (const { candidate, now, passes } of state.branches.values()) {
    const { id } = candidate;
    if (now.at === 'suspect') {
      if (now.clash !== null) return settle(id, conflict(state, { id, files: now.clash }));
      if (now.fails >= FAILS_TO_REJECT && now.on !== null) return settle(id, { kind: 'rejected', on: now.on, passedBefore: passes > 0 });
    }
    if (now.at !== 'waiting') continue;
    const message = missingNeed(state, candidate.needs);
    if (message !== null) return settle(id, { kind: 'unmerged', reason: 'need', message });
  }
  return undefined;
}

function missingNeed(state: QueueState, needs: readonly TaskId[]): string | null {
  for (const need of needs) {
    const branch = state.branches.get(need);
    if (branch === undefined && state.isClosed) return `needs ${need}, which is not among the branches to merge`;
    if (branch?.now.at === 'settled' && branch.now.outcome.kind !== 'merged') return `needs ${need}, which was not merged (${branch.now.outcome.kind})`;
  }
  return null;
}

function settleRest(state: QueueState): MergeDecision | undefined {
  const { stopped } = state;
  const open = openBranches(state);
  if (open.length === 0 || stopped === null) return undefined;
  return settleAll(open, { kind: 'unmerged', ...stopped });
}

function openBranches(state: QueueState): readonly BranchState[] {
  return [...state.branches.values()].filter(({ now }) => now.at !== 'settled');
}

function settleAll(branches: readonly BranchState[], outcome: MergeOutcome): MergeDecision {
  return { record: { type: 'branches-settled', settled: branches.map(({ candidate }) => ({ id: candidate.id, outcome })) } };
}

function stopBroken(state: QueueState): MergeDecision | undefined {
  if (state.broken < BROKEN_TO_STOP) return undefined;
  return { record: { type: 'queue-stopped', reason: 'verify-broken', message: `the verify command could not be run, ${state.broken} times in a row` } };
}

function land(state: QueueState): MergeDecision | undefined {
  const { tip, line, cleared } = state;
  if (tip === null || isUnderWay(state, 'land')) return undefined;
  if (cleared !== null) return { launch: { kind: 'land', from: tip, to: cleared.step.commit, branches: [cleared.step.id] } };
  const to = line.passed > line.landed ? line.steps[line.passed - 1] : undefined;
  if (to === undefined) return undefined;
  return { launch: { kind: 'land', from: tip, to: to.commit, branches: line.steps.slice(line.landed, line.passed).map(({ id }) => id) } };
}

/** Blames the target for its own redness, and a branch only for turning a green commit red by itself. */
function judge(state: QueueState): MergeDecision | undefined {
  const { line } = state;
  if (state.tipIs === 'unknown' && state.tip !== null && state.tipFails >= FAILS_TO_BE_RED) return { record: { type: 'target-red', commit: state.tip } };
  const culprit = line.failed[0] === line.landed + 1 ? line.steps[line.landed] : undefined;
  if (culprit === undefined || state.tipIs !== 'green' || isUnderWay(state, 'land')) return undefined;
  return { record: { type: 'branch-suspected', id: culprit.id } };
}

/** Verifications behind a failure contain it, and those below a pass are cleared by it. */
function dropUseless(state: QueueState): MergeDecision | undefined {
  const { passed, failed } = state.line;
  for (const [job, what] of state.jobs) {
    if (what.kind !== 'verify') continue;
    const isUseless = what.probe.kind === 'target' ? state.tipIs !== 'unknown' : what.probe.position <= passed || (state.tipIs !== 'red' && what.probe.position > (failed[0] ?? Infinity));
    if (isUseless) return { record: { type: 'job-dropped', job } };
  }
  return undefined;
}

/** Makes the line long enough for all slots; while a failure on it is looked for, it does not grow. */
function extend(state: QueueState): MergeDecision | undefined {
  const { line, tip, tipIs } = state;
  if (tip === null || state.cleared !== null || isUnderWay(state, 'assemble') || (line.failed.length > 0 && tipIs !== 'red')) return undefined;
  const wanted = tipIs === 'red' ? Infinity : line.passed + state.settings.slots * state.batch - line.steps.length;
  const branches = wanted > 0 ? nextInLine(state, wanted) : [];
  return branches.length === 0 ? undefined : { launch: { kind: 'assemble', onto: line.steps.at(-1)?.commit ?? tip, branches } };
}

function hasFreeSlot(state: QueueState): boolean {
  let taken = 0;
  for (const { kind } of state.jobs.values()) if (kind === 'verify' || kind === 'try') taken += 1;
  return taken < state.settings.slots;
}

function probe(state: QueueState): MergeDecision | undefined {
  const { tip } = state;
  const next = tip === null || !hasFreeSlot(state) ? null : nextProbe(state);
  if (next === null || tip === null) return undefined;
  if (next.kind === 'target') return { launch: { kind: 'verify', commit: tip, probe: next } };
  const step = state.line.steps[next.position - 1];
  return step === undefined ? undefined : { launch: { kind: 'verify', commit: step.commit, probe: next } };
}

/** Suspects use the slots that the line leaves free. What they are put on has to be known green. */
function tryAlone(state: QueueState): MergeDecision | undefined {
  const { tip, tipIs } = state;
  if (tip === null || tipIs === 'red' || !hasFreeSlot(state) || isUnderWay(state, 'assemble') || isUnderWay(state, 'land')) return undefined;
  const tried = new Set([...state.jobs.values()].map((job: Job) => (job.kind === 'try' ? job.branch : null)));
  for (const { candidate, now } of state.branches.values()) {
    if (now.at !== 'suspect' || tried.has(candidate.id)) continue;
    if (tipIs === 'green') return { launch: { kind: 'try', onto: tip, branch: candidate.id } };
    return isUnderWay(state, 'verify') ? undefined : { launch: { kind: 'verify', commit: tip, probe: { kind: 'target' } } };
  }
  return undefined;
}

/** Nothing runs and nothing can be started: what is left will not be merged. */
function giveUp(state: QueueState): MergeDecision | undefined {
  if (state.jobs.size > 0) return undefined;
  const open = openBranches(state);
  if (open.length === 0) return finish(state);
  const stuck = state.tipIs === 'red' ? open.filter(({ now }) => now.at !== 'waiting') : [];
  const message = 'the target fails the verification without it, and this branch does not repair it';
  if (stuck.length > 0) return settleAll(stuck, { kind: 'unmerged', reason: 'target-red', message });
  if (!state.isClosed) return undefined;
  return settleAll(open, { kind: 'unmerged', reason: 'need', message: 'waits for a branch that will not be merged' });
}

function finish(state: QueueState): MergeDecision | undefined {
  return state.isClosed ? { record: { type: 'queue-finished' } } : undefined;
}
