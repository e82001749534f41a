// The queue's state as a fold over its facts: the only place where it is made. Pure and deterministic, so that
// replaying a journal gives the live state. An answer to a job that was dropped changes nothing.
import { unreachable } from '../errors.ts';
import type { Sha, TaskId } from '../plan/plan.ts';
import { keepCandidates } from './order.ts';
import { BATCH, EMPTY_LINE, type BranchAt, type BranchState, type Candidate, type Job, type JobId, type JobResult, type MergeFact, type QueueState, type Settled, type Verdict } from './queue.ts';

/** The state after one more fact. Throws on a fact that names an unknown branch: that is a bug or a foreign journal. */
export function reduceQueue(state: QueueState, fact: MergeFact): QueueState {
  switch (fact.type) {
    case 'branches-arrived':
      return arrive(state, fact.candidates);
    case 'arrivals-closed':
      return { ...state, isClosed: true };
    case 'target-seen':
      return moveTarget(recall(state, fact.landed), fact.commit, fact.green);
    case 'job-started': {
      const started = { ...state, jobs: new Map(state.jobs).set(fact.job, fact.what), nextJob: fact.job + 1 };
      return fact.what.kind === 'assemble' ? place(started, fact.what.branches, { at: 'line' }) : started;
    }
    case 'job-finished': {
      const what = state.jobs.get(fact.job);
      return what === undefined ? state : finish(withoutJob(state, fact.job), what, fact.result);
    }
    case 'job-dropped':
      return withoutJob(state, fact.job);
    case 'target-red':
      return { ...state, tipIs: 'red' };
    case 'branch-suspected':
      return suspect(state, fact.id);
    case 'branches-settled':
      return settle(state, fact.settled);
    case 'queue-stopped':
      return stop(state, fact.reason, fact.message);
    case 'queue-finished':
      return { ...state, isFinished: true };
    default:
      return unreachable(fact);
  }
}

function arrive(state: QueueState, candidates: readonly Candidate[]): QueueState {
  const branches = new Map(state.branches);
  const news = new Set<TaskId>();
  for (const candidate of candidates) {
    const known = branches.get(candidate.id);
    // What was not merged may come again with other work.
    const isNews = known === undefined || (known.now.at === 'settled' && known.now.outcome.kind !== 'merged' && known.candidate.tip !== candidate.tip);
    if (!isNews) continue;
    news.add(candidate.id);
    branches.set(candidate.id, { candidate, now: { at: 'waiting' }, passes: 0 });
  }
  // What its earlier work clashed with says nothing of the new one.
  return { ...state, branches, line: { ...state.line, clashes: state.line.clashes.filter(({ id }) => !news.has(id)) } };
}

/** A landing that happened although nobody lived to write that down. */
function recall(state: QueueState, commit: Sha | null): QueueState {
  const lost = [...state.jobs.values()].find((job) => job.kind === 'land' && job.to === commit);
  if (lost?.kind !== 'land') return state;
  return landed(state, lost);
}

/** A queue that died may have landed steps that it had not yet declared merged. */
function settleLanded(state: QueueState): QueueState {
  const done = state.line.steps.slice(0, state.line.landed).filter(({ id }) => state.branches.get(id)?.now.at === 'line');
  return settle(state, done.map(({ id, commit }) => ({ id, outcome: { kind: 'merged', commit } })));
}

/** Everything that was stacked on another commit is of no use any more; nothing is held against any branch. */
function moveTarget(state: QueueState, commit: Sha, isGreen: boolean): QueueState {
  const settled = settleLanded(state);
  const back = clearLine({ ...settled, tip: commit, tipIs: isGreen ? 'green' : 'unknown', tipFails: 0, cleared: null });
  return { ...back, jobs: new Map() };
}

function clearLine(state: QueueState): QueueState {
  const inLine = [...state.branches.values()].filter(({ now }) => now.at === 'line').map(({ candidate }) => candidate.id);
  const jobs = new Map([...state.jobs].filter(([, job]) => job.kind === 'try' || job.kind === 'land' || (job.kind === 'verify' && job.probe.kind === 'target')));
  return { ...place(state, inLine, { at: 'waiting' }), line: EMPTY_LINE, jobs };
}

function finish(state: QueueState, what: Job, result: JobResult): QueueState {
  switch (result.kind) {
    case 'assembled': {
      return what.kind === 'assemble' ? assembled(state, what.branches, result) : state;
    }
    case 'verified':
      return what.kind === 'verify' ? verified(countBroken(state, result.verdict), what, result.verdict) : state;
    case 'tried':
      return what.kind === 'try' ? tried(countBroken(state, result.verdict), what, result) : state;
    case 'clashed':
      return what.kind === 'try' ? place(state, [what.branch], { at: 'suspect', fails: 0, on: what.onto, clash: result.files }) : state;
    case 'landed':
      return what.kind === 'land' ? landed(state, what) : state;
    case 'target-moved':
      return moveTarget(state, result.to, false);
    case 'failed':
      return stop(state, 'stopped', result.message);
    default:
      return unreachable(result);
  }
}

function assembled(state: QueueState, asked: readonly TaskId[], result: Extract<JobResult, { kind: 'assembled' }>): QueueState {
  const { line } = state;
  const clashes = result.clashes.map((clash) => ({ ...clash, after: clash.after + line.steps.length }));
  const answered = new Set([...result.steps, ...clashes].map(({ id }) => id));
  const leftOut = asked.filter((id) => !answered.has(id));
  const next = { ...state, line: { ...line, steps: [...line.steps, ...result.steps], clashes: [...line.clashes, ...clashes] } };
  return place(next, leftOut, { at: 'waiting' });
}

function countBroken(state: QueueState, verdict: Verdict): QueueState {
  return { ...state, broken: verdict === 'broken' ? state.broken + 1 : 0 };
}

function verified(state: QueueState, { probe }: Extract<Job, { kind: 'verify' }>, verdict: Verdict): QueueState {
  if (verdict === 'broken') return state;
  const isPass = verdict === 'pass';
  if (probe.kind === 'target') {
    return isPass ? { ...state, tipIs: 'green', tipFails: 0 } : { ...state, tipFails: state.tipFails + 1 };
  }
  const { line } = state;
  if (probe.position <= line.passed) return state;
  // What is green counts: a pass clears the failures below it.
  if (isPass) return { ...state, line: { ...line, passed: probe.position, failed: line.failed.filter((at) => at > probe.position) } };
  return { ...state, line: { ...line, failed: [...line.failed, probe.position].sort((a, b) => a - b) } };
}

function tried(state: QueueState, what: Extract<Job, { kind: 'try' }>, result: Extract<JobResult, { kind: 'tried' }>): QueueState {
  const branch = requireBranch(state, what.branch);
  if (result.verdict === 'broken' || branch.now.at !== 'suspect') return state;
  if (result.verdict === 'fail') return place(state, [what.branch], { ...branch.now, fails: branch.now.fails + 1, on: what.onto });
  const passed = place(state, [what.branch], { at: 'waiting' }, branch.passes + 1);
  // The first time it goes back to the line, which costs nothing; one that keeps failing there lands as it was tried.
  const mayLand = what.onto === state.tip && (branch.passes > 0 || state.line.steps.length === state.line.landed);
  return mayLand ? { ...passed, cleared: { step: { id: what.branch, commit: result.commit }, onto: what.onto } } : passed;
}

function landed(state: QueueState, what: Extract<Job, { kind: 'land' }>): QueueState {
  const next: QueueState = { ...state, tip: what.to, tipIs: 'green', tipFails: 0, cleared: null };
  const { step } = state.cleared ?? {};
  if (step?.commit === what.to) {
    return settle(clearLine(next), [{ id: step.id, outcome: { kind: 'merged', commit: step.commit } }]);
  }
  const position = state.line.steps.findLastIndex(({ commit }) => commit === what.to) + 1;
  const run = state.run + position - state.line.landed;
  const isLongRun = run >= state.settings.slots * state.batch;
  return {
    ...next,
    line: { ...state.line, landed: position, passed: Math.max(position, state.line.passed) },
    batch: isLongRun ? resize(state, state.batch * 2) : state.batch,
    run: isLongRun ? 0 : run,
  };
}

function suspect(state: QueueState, id: TaskId): QueueState {
  const cleared = clearLine(state);
  const batch = state.run < state.batch ? resize(state, state.batch / 2) : state.batch;
  return { ...place(cleared, [id], { at: 'suspect', fails: 0, on: null, clash: null }), batch, run: 0 };
}

function settle(state: QueueState, settled: readonly Settled[]): QueueState {
  const branches = new Map(state.branches);
  let isLineVoid = false;
  for (const { id, outcome } of settled) {
    const branch = requireBranch(state, id);
    // What is stacked on a branch that is given up cannot land without it.
    if (outcome.kind === 'unmerged' && branch.now.at === 'line') isLineVoid = true;
    branches.set(id, { ...branch, now: { at: 'settled', outcome } });
  }
  keepCandidates(state.branches, branches);
  return isLineVoid ? clearLine({ ...state, branches }) : { ...state, branches };
}

function resize(state: QueueState, batch: number): number {
  if (state.settings.batch !== 'auto') return state.settings.batch;
  return Math.min(BATCH.most, Math.max(BATCH.least, Math.floor(batch)));
}

function place(state: QueueState, ids: readonly TaskId[], now: BranchAt, passes?: number): QueueState {
  if (ids.length === 0) return state;
  const branches = new Map(state.branches);
  for (const id of ids) {
    const branch = requireBranch(state, id);
    branches.set(id, { ...branch, now, passes: passes ?? branch.passes });
  }
  keepCandidates(state.branches, branches);
  return { ...state, branches };
}

function withoutJob(state: QueueState, job: JobId): QueueState {
  const jobs = new Map(state.jobs);
  jobs.delete(job);
  return { ...state, jobs };
}

/** A landing that is under way is waited for: it may have happened. */
function stop(state: QueueState, reason: 'verify-broken' | 'stopped', message: string): QueueState {
  const jobs = new Map([...state.jobs].filter(([, job]) => job.kind === 'land'));
  return { ...state, stopped: state.stopped ?? { reason, message }, jobs };
}

function requireBranch(state: QueueState, id: TaskId): BranchState {
  const branch = state.branches.get(id);
  if (branch === undefined) throw new Error(`the queue has no branch ${id}`);
  return branch;
}
