// The merge queue's vocabulary: what is merged, what can be done, what can be told, and the state that is a fold over
// what was told. Plain JSON but for maps, so that a journal can hold every fact. Types and the first state only.
import type { Sha, TaskId } from '../plan/plan.ts';

/** One branch that asks to be merged, frozen when it arrives: a later commit on it is another candidate. */
export interface Candidate {
  readonly id: TaskId;
  readonly tip: Sha;
  /** What the task started from; its work is `start..tip`. */
  readonly start: Sha;
  /** Changed between start and tip, relative to the repository's root. */
  readonly paths: readonly string[];
  /** Candidates whose work this one contains: it is never merged without them. */
  readonly needs: readonly TaskId[];
  /** Higher goes first. */
  readonly priority: number;
  /** Lines changed, or any other measure: smaller goes first. */
  readonly size: number;
}

export type UnmergedReason = 'need' | 'target-red' | 'verify-broken' | 'stopped';
/** How a branch ended. Exactly one per branch. */
export type MergeOutcome =
  | { readonly kind: 'merged'; /** the commit on the target that brought it in */ readonly commit: Sha }
  | { readonly kind: 'conflict'; readonly files: readonly string[]; /** merged branches that changed these files */ readonly with: readonly TaskId[] }
  | { readonly kind: 'rejected'; /** the green commit on which it failed twice, alone */ readonly on: Sha; /** it had passed on an earlier one: it clashes with a branch merged since */ readonly passedBefore: boolean }
  | { readonly kind: 'unmerged'; readonly reason: UnmergedReason; readonly message: string };

export interface Settled {
  readonly id: TaskId;
  readonly outcome: MergeOutcome;
}

export type JobId = number;
/** What a verification is for. A position counts the line's steps, 0 being the target itself. */
export type Probe =
  | { readonly kind: 'target' }
  | { readonly kind: 'line'; readonly position: number };

/** Something to do in the world. Answered by one `job-finished`, unless the job was dropped meanwhile. */
export type Job =
  /** Put these branches on top of a commit, one step each, in this order, leaving out those that clash and those that need one left out. */
  | { readonly kind: 'assemble'; readonly onto: Sha; readonly branches: readonly TaskId[] }
  /** Run the verify command on exactly this commit. Takes a slot. */
  | { readonly kind: 'verify'; readonly commit: Sha; readonly probe: Probe }
  /** Put one branch alone on a green commit and verify that. Takes a slot. */
  | { readonly kind: 'try'; readonly onto: Sha; readonly branch: TaskId }
  /** Move the target from one commit to exactly this verified one, or not at all. */
  | { readonly kind: 'land'; readonly from: Sha; readonly to: Sha; readonly branches: readonly TaskId[] };
export type JobKind = Job['kind'];

export interface Step {
  readonly id: TaskId;
  /** The commit that has this branch and all before it. */
  readonly commit: Sha;
}
export interface Clash {
  readonly id: TaskId;
  readonly files: readonly string[];
  /** How many of this assembly's steps are below the commit that it conflicts with. */
  readonly after: number;
}
/** `broken`: the verify command could not be run, which says nothing about the commit. */
export type Verdict = 'pass' | 'fail' | 'broken';

export type JobResult =
  | { readonly kind: 'assembled'; readonly steps: readonly Step[]; readonly clashes: readonly Clash[] }
  | { readonly kind: 'verified'; readonly verdict: Verdict }
  | { readonly kind: 'tried'; readonly commit: Sha; readonly verdict: Verdict }
  | { readonly kind: 'clashed'; readonly files: readonly string[] }
  | { readonly kind: 'landed' }
  /** The target was not where it was expected: somebody else has moved it. */
  | { readonly kind: 'target-moved'; readonly to: Sha }
  /** The job could not be done, for no fault of a branch: the queue stops. */
  | { readonly kind: 'failed'; readonly message: string };

export type MergeFact =
  | { readonly type: 'branches-arrived'; readonly candidates: readonly Candidate[] }
  /** No branch will arrive any more. */
  | { readonly type: 'arrivals-closed' }
  /**
   * Where the target is: at the start, and after a resume. What was built on another commit is built anew. `landed`: the
   * `to` of a landing whose answer was lost, if the target turned out to contain it.
   */
  | { readonly type: 'target-seen'; readonly commit: Sha; readonly green: boolean; readonly landed: Sha | null }
  | { readonly type: 'job-started'; readonly job: JobId; readonly what: Job }
  | { readonly type: 'job-finished'; readonly job: JobId; readonly result: JobResult }
  /** Its answer is of no use any more. */
  | { readonly type: 'job-dropped'; readonly job: JobId }
  /** Without any branch, the target fails its verification (twice): no branch is blamed for that. */
  | { readonly type: 'target-red'; readonly commit: Sha }
  /** A step made a green commit red; its branch is set aside to be tried alone. */
  | { readonly type: 'branch-suspected'; readonly id: TaskId }
  | { readonly type: 'branches-settled'; readonly settled: readonly Settled[] }
  | { readonly type: 'queue-stopped'; readonly reason: 'verify-broken' | 'stopped'; readonly message: string }
  | { readonly type: 'queue-finished' };

export type MergeDecision = { readonly record: MergeFact } | { readonly launch: Job };

//   waiting ──▶ line ──▶ settled(merged | conflict)
//      ▲         │ ▲
//      ├─rebuild─┘ └──────── (cleared: passed alone)
//      └── cleared ── suspect ──▶ settled(rejected | conflict | merged)          any ──▶ settled(unmerged)
export type BranchAt =
  | { readonly at: 'waiting' }
  | { readonly at: 'line' }
  | { readonly at: 'suspect'; /** trials that failed, alone on a green commit */ readonly fails: number; readonly on: Sha | null; readonly clash: readonly string[] | null }
  | { readonly at: 'settled'; readonly outcome: MergeOutcome };

export interface BranchState {
  readonly candidate: Candidate;
  readonly now: BranchAt;
  /** Trials that it has passed, alone on a green commit. */
  readonly passes: number;
}

/** The speculative future of the target: branches stacked on it, any prefix of which can be verified and landed. */
export interface Line {
  readonly steps: readonly Step[];
  /** How many of the steps the target already has. */
  readonly landed: number;
  /** The highest position known to pass. */
  readonly passed: number;
  /** Positions above `passed` that failed. */
  readonly failed: readonly number[];
  /** Left out; `after` is a position of this line. */
  readonly clashes: readonly Clash[];
}

export interface QueueSettings {
  /** Verifications at once, at least 1. */
  readonly slots: number;
  /** Branches from one verified commit to the next; `auto` adapts. */
  readonly batch: 'auto' | number;
}

export interface QueueState {
  readonly settings: QueueSettings;
  /** null until the target was seen. */
  readonly tip: Sha | null;
  readonly tipIs: 'green' | 'unknown' | 'red';
  /** Failed verifications of the bare target in a row. */
  readonly tipFails: number;
  readonly isClosed: boolean;
  readonly stopped: { readonly reason: 'verify-broken' | 'stopped'; readonly message: string } | null;
  readonly isFinished: boolean;
  /** In order of arrival. */
  readonly branches: ReadonlyMap<TaskId, BranchState>;
  readonly line: Line;
  /** A suspect that passed on the present tip and may land as it is. */
  readonly cleared: { readonly step: Step; readonly onto: Sha } | null;
  readonly jobs: ReadonlyMap<JobId, Job>;
  readonly nextJob: JobId;
  readonly batch: number;
  /** Branches landed since the batch size was last decided on. */
  readonly run: number;
  /** Verifications in a row that could not be run. */
  readonly broken: number;
}

export const BATCH = { first: 16, most: 64, least: 1 } as const;
export const EMPTY_LINE: Line = { steps: [], landed: 0, passed: 0, failed: [], clashes: [] };

/** The state before the first fact. */
export function initialQueue(settings: QueueSettings): QueueState {
  return {
    settings, tip: null, tipIs: 'unknown', tipFails: 0, isClosed: false, stopped: null, isFinished: false,
    branches: new Map(), line: EMPTY_LINE, cleared: null, jobs: new Map(), nextJob: 1,
    batch: settings.batch === 'auto' ? BATCH.first : settings.batch, run: 0, broken: 0,
  };
}
