// The queue without a world: every verification takes one unit of time, everything else none. Commits are made-up names
// that stand for a set of branches; a model says which sets are green and which clash.
import { unreachable } from '../../../src/errors.ts';
import { decideMerge } from '../../../src/merging/decide.ts';
import { initialQueue, type Candidate, type Job, type JobId, type JobResult, type MergeFact, type MergeOutcome, type QueueSettings, type QueueState } from '../../../src/merging/queue.ts';
import { reduceQueue } from '../../../src/merging/reduce.ts';

export interface Model {
  readonly candidates: readonly Candidate[];
  /** When each candidate arrives, in units; default all at 0. */
  readonly arrivesAt?: (id: string) => number;
  /** Whether a tree with exactly these branches is green. */
  readonly isGreen: (branches: ReadonlySet<string>, moves: number) => boolean;
  /** Files on which a branch clashes with this tree; empty = clean. */
  readonly clashes?: (id: string, branches: ReadonlySet<string>) => readonly string[];
  /** Probability that a verification of a green tree fails. */
  readonly flake?: number;
  /** Probability that a verification cannot be run. */
  readonly broken?: number;
  /** Units at which somebody else moves the target. */
  readonly movesAt?: readonly number[];
  /** Units for each verification; default always 1. */
  readonly duration?: () => number;
  /** Facts after which the process dies and is resumed. */
  readonly crashesAt?: readonly number[];
  readonly seed: number;
}

export interface Seen {
  readonly outcomes: ReadonlyMap<string, MergeOutcome>;
  /** Units until the end. */
  readonly rounds: number;
  /** Verifications begun. */
  readonly runs: number;
  /** What the target had after each landing. */
  readonly landings: readonly ReadonlySet<string>[];
  readonly facts: readonly MergeFact[];
  readonly state: QueueState;
  /** The most verifications at once. */
  readonly peak: number;
  readonly moves: number;
  /** Verifications that were waited for although their answer could tell nothing. */
  readonly useless: number;
}

export function random(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function candidate(id: string, over: Partial<Candidate> = {}): Candidate {
  return { id, tip: `tip-${id}`, start: 'start', paths: [`${id}.txt`], needs: [], priority: 0, size: 1, ...over };
}

export function simulate(model: Model, settings: QueueSettings): Seen {
  const next = random(model.seed);
  const contents = new Map<string, ReadonlySet<string>>([['t0', new Set()]]);
  const needs = new Map(model.candidates.map(({ id, needs: all }) => [id, all]));
  let names = 0;
  let target = 't0';
  let moves = 0;
  let runs = 0;
  let peak = 0;
  let useless = 0;
  let now = 0;
  const landings: ReadonlySet<string>[] = [];
  const facts: MergeFact[] = [];
  const ends = new Map<JobId, number>();
  const started = new Map<JobId, Job>();
  const pendingMoves = [...(model.movesAt ?? [])].sort((a, b) => a - b);
  const crashes = [...(model.crashesAt ?? [])].sort((a, b) => a - b);
  const arrivals = [...model.candidates].map((c) => ({ c, at: model.arrivesAt?.(c.id) ?? 0 })).sort((a, b) => a.at - b.at);
  let state = initialQueue(settings);
  const tell = (fact: MergeFact): void => {
    facts.push(fact);
    state = reduceQueue(state, fact);
  };
  const has = (commit: string): ReadonlySet<string> => {
    const set = contents.get(commit);
    if (set === undefined) throw new Error(`unknown commit ${commit}`);
    return set;
  };
  const commit = (branches: Iterable<string>): string => {
    const name = `c${(names += 1)}`;
    contents.set(name, new Set(branches));
    return name;
  };
  const verdict = (at: string): 'pass' | 'fail' | 'broken' => {
    const isGreen = model.isGreen(has(at), moves);
    if (next() < (model.broken ?? 0)) return 'broken';
    return isGreen && next() >= (model.flake ?? 0) ? 'pass' : 'fail';
  };
  const perform = (job: Job): JobResult => {
    switch (job.kind) {
      case 'assemble': {
        const steps: { id: string; commit: string }[] = [];
        const clashes: { id: string; files: readonly string[]; after: number }[] = [];
        const left = new Set<string>();
        let onto = job.onto;
        for (const id of job.branches) {
          const files = model.clashes?.(id, has(onto)) ?? [];
          const isOrphan = (needs.get(id) ?? []).some((need) => left.has(need));
          if (files.length > 0 || isOrphan) left.add(id);
          if (isOrphan) continue;
          if (files.length > 0) {
            clashes.push({ id, files, after: steps.length });
            continue;
          }
          onto = commit([...has(onto), id]);
          steps.push({ id, commit: onto });
        }
        return { kind: 'assembled', steps, clashes };
      }
      case 'verify':
        return { kind: 'verified', verdict: verdict(job.commit) };
      case 'try': {
        const files = model.clashes?.(job.branch, has(job.onto)) ?? [];
        if (files.length > 0) return { kind: 'clashed', files };
        const at = commit([...has(job.onto), job.branch]);
        return { kind: 'tried', commit: at, verdict: verdict(at) };
      }
      case 'land':
        if (target !== job.from) return { kind: 'target-moved', to: target };
        target = job.to;
        landings.push(has(target));
        return { kind: 'landed' };
      default:
        return unreachable(job);
    }
  };
  /** A job that was dropped may still answer, and must not be listened to. */
  const forget = (): void => {
    for (const old of [...ends.keys()].filter((job) => !state.jobs.has(job))) {
      ends.delete(old);
      tell({ type: 'job-finished', job: old, result: { kind: 'verified', verdict: 'pass' } });
    }
  };
  const arrive = (): void => {
    const due: Candidate[] = [];
    while (arrivals[0] !== undefined && arrivals[0].at <= now) due.push(...arrivals.splice(0, 1).map(({ c }) => c));
    if (due.length > 0) tell({ type: 'branches-arrived', candidates: due });
    if (arrivals.length === 0 && !state.isClosed) tell({ type: 'arrivals-closed' });
  };
  const crash = (): void => {
    crashes.shift();
    // What was told is on disk; what ran is gone. The state is what a replay gives.
    state = facts.reduce(reduceQueue, initialQueue(settings));
    ends.clear();
    const lost = [...state.jobs.values()].find((job) => job.kind === 'land');
    const isLanded = lost?.kind === 'land' && [...has(lost.to)].every((id) => has(target).has(id));
    tell({ type: 'target-seen', commit: target, green: false, landed: isLanded ? lost.to : null });
  };
  tell({ type: 'target-seen', commit: target, green: false, landed: null });
  arrive();
  for (let turns = 0; ; turns += 1) {
    if (turns > 200_000) throw new Error(`the queue hangs at ${now}: ${JSON.stringify([...state.branches.values()].map((b) => b.now))}`);
    if (crashes[0] !== undefined && facts.length >= crashes[0]) crash();
    const decision = decideMerge(state);
    if (decision !== undefined && 'record' in decision) {
      tell(decision.record);
      continue;
    }
    if (decision !== undefined) {
      const job = state.nextJob;
      tell({ type: 'job-started', job, what: decision.launch });
      started.set(job, decision.launch);
      if (decision.launch.kind === 'assemble' || decision.launch.kind === 'land') {
        if (crashes[0] !== undefined && facts.length >= crashes[0] && decision.launch.kind === 'land') {
          // Landed, but dead before it was written down.
          perform(decision.launch);
          continue;
        }
        tell({ type: 'job-finished', job, result: perform(decision.launch) });
        continue;
      }
      runs += 1;
      ends.set(job, now + (model.duration?.() ?? 1));
      forget();
      peak = Math.max(peak, ends.size);
      continue;
    }
    if (state.isFinished) {
      const outcomes = new Map([...state.branches].flatMap(([id, { now: at }]) => (at.at === 'settled' ? [[id, at.outcome] as const] : [])));
      return { outcomes, rounds: now, runs, landings, facts, state, peak, moves, useless };
    }
    forget();
    for (const job of state.jobs.values()) {
      if (job.kind !== 'verify' || job.probe.kind !== 'line' || state.tipIs === 'red') continue;
      if (job.probe.position <= state.line.passed || job.probe.position > (state.line.failed[0] ?? Infinity)) useless += 1;
    }
    const at = Math.min(...ends.values(), arrivals[0]?.at ?? Infinity);
    if (at === Infinity) throw new Error(`nothing runs at ${now}: ${JSON.stringify([...state.branches.values()].map((b) => b.now))}`);
    now = at;
    while (pendingMoves[0] !== undefined && pendingMoves[0] <= now) {
      pendingMoves.shift();
      moves += 1;
      target = commit(has(target));
    }
    arrive();
    for (const [job, end] of ends) {
      if (end > now) continue;
      ends.delete(job);
      const what = started.get(job);
      if (what !== undefined && state.jobs.has(job)) tell({ type: 'job-finished', job, result: perform(what) });
    }
  }
}
