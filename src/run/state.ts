// What a run is right now: a value that `reduce` derives from facts and from nothing else. Types and constructors.
//
//            ┌────────────── retry (next = prepare | work) ───────────────┐
//            ▼                                                            │
//   waiting(prepare) → running(prepare) → waiting(work) → running(work) → waiting(verify) → running(verify)
//        │                   │ fail              │ fail          │ fail / ok without verify        │
//        └───────────────────┴───────────────────┴─ ending → settled ──────────────────────────────┘
// `ending`: how it ends is known, and `decide` has yet to record it.
import type { MergeSettings, Plan, PlannedTask, Sha, TaskId } from '../plan/plan.ts';
import type { AgentReport, CancelReason, Delivery, Exit, FailureReason, Instant, MergeStatus, Phase, PullRequest, TaskOutcome } from './events.ts';

export type TaskAt =
  | { readonly at: 'waiting'; readonly next: Phase; readonly attempt: number; /** back-off */ readonly notBefore: Instant }
  | { readonly at: 'running'; readonly phase: Phase; readonly attempt: number; readonly since: Instant }
  | { readonly at: 'ending'; readonly outcome: TaskOutcome; readonly reason: FailureReason | null; readonly message: string | null }
  | { readonly at: 'settled'; readonly outcome: TaskOutcome; readonly reason: FailureReason | null; readonly message: string | null };

/** Everything known of a task. Order and index as in the tasks of `grownPlan`. */
export interface TaskState {
  readonly now: TaskAt;
  /** Attempts that were started. */
  readonly attempts: number;
  /** Times that it was run again because its work conflicted. */
  readonly conflicts: number;
  /** Its attempts resolve the conflict of this earlier work with the target: `delivery`, that started at `start`. */
  readonly resolving: { readonly delivery: Delivery; readonly start: Sha | null; /** what conflicts, in one line */ readonly message: string } | null;
  /** Attempts that counted against `retries`. */
  readonly counted: number;
  /** Infrastructure failures in a row. */
  readonly infra: number;
  /** How far it has climbed the ladder of its models. */
  readonly step: number;
  readonly startedAt: Instant | null;
  readonly settledAt: Instant | null;
  /** The commit that the current attempt started from. */
  readonly start: Sha | null;
  /** Absolute path while it exists. */
  readonly worktree: string | null;
  readonly delivery: Delivery | null;
  /** Costs and tokens summed over attempts; session, model and text of the last one. */
  readonly report: AgentReport | null;
  /** What it wrote to $ORCH_OUTPUT when its work last ended well. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly exit: Exit | null;
  readonly log: string | null;
  /** The present attempt's agent has ended well and its work is collected: it is never run again, only verified. */
  readonly workDone: boolean;
  /** Somebody wants it to end; so it does when its phase has. */
  readonly cancelling: boolean;
  readonly verified: boolean;
  /** What its score command printed of the work that is verified; null = none, or no number. */
  readonly score: number | null;
  /** What the next attempt should be told: the failing verify output, or what the timed-out try had saved. */
  readonly feedback: string | null;
  /** The next work phase goes on in the same worktree and session. */
  readonly resumeSession: boolean;
  readonly notes: readonly string[];
  /** Why the attempt before this one failed. */
  readonly lastFailure: { readonly reason: FailureReason; readonly message: string } | null;
  /** null = nobody asked to merge it. `commit`: what was, or was about to be, put on the target for it. */
  readonly merge: { readonly status: MergeStatus; readonly commit: Sha | null; readonly message: string | null } | null;
  /** The branch of the remote that has its work. `heads`: where orch has put it, or was about to. `request`: null until one was seen. */
  readonly pullRequest: { readonly branch: string; readonly heads: readonly Sha[]; readonly request: PullRequest | null } | null;
}

/** A merge that is under way, or was when orch died. */
export interface MergeState {
  readonly target: string;
  readonly settings: MergeSettings;
  readonly tasks: readonly TaskId[];
  /** Nothing joins it any more: what comes after is merged in another one. */
  readonly isClosed: boolean;
}

export interface GateState {
  /** No start before then. */
  readonly closedUntil: Instant;
  readonly reason: string;
  /** Provider failures since the last success. */
  readonly failures: number;
  /** When the present trouble began. */
  readonly since: Instant;
  /** The present state was recorded as `gate-changed`. */
  readonly announced: boolean;
}

/** How many attempts a provider is given at once, while that is fewer than the run has. */
export interface ThrottleState {
  /** From 1 up. */
  readonly slots: number;
  /** How many it was when trouble last began. */
  readonly ceiling: number;
  /** Attempts that ended well since it last changed. */
  readonly successes: number;
  /** Indices of tasks that were refused and have not been answered since. */
  readonly refused: readonly number[];
  readonly announced: boolean;
}

/** The same failure, over and over. */
export interface TroubleState {
  /** The provider; null = the machine, the repository, this run. */
  readonly scope: string | null;
  readonly reason: FailureReason;
  readonly message: string;
  readonly count: number;
  /** The last tasks that met with it. */
  readonly tasks: readonly TaskId[];
  /** Nothing is started any more. */
  readonly isOpen: boolean;
  readonly announced: boolean;
}

/** What a model was paid. */
export interface Spending {
  readonly attempts: number;
  readonly usd: number;
  /** Tokens, cached ones among them. */
  readonly input: number;
  readonly output: number;
  /** Some of it comes from a price table, or is missing. */
  readonly isEstimate: boolean;
}

export interface Counts {
  readonly waiting: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly overBudget: number;
}

/** Tasks that the frozen plan does not have: those of a fan-out, or (null) what somebody added. */
export interface AddedTasks {
  readonly fanOut: TaskId | null;
  readonly tasks: readonly PlannedTask[];
  readonly agents?: Plan['agents'];
}

export interface RunState {
  readonly seq: number;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly exitCode: number | null;
  /** Set once: nothing starts any more. */
  readonly cancelling: CancelReason | null;
  readonly tasks: readonly TaskState[];
  /** In the order in which they were recorded; the tasks stand behind those of the plan. */
  readonly added: readonly AddedTasks[];
  /** Indices of tasks that are running, ending, or waiting between two phases of an attempt. */
  readonly active: readonly number[];
  /** Indices of settled tasks whose worktree is neither removed nor declared kept. */
  readonly unreleased: readonly number[];
  /** What had ended before the last resume: it does not count against `max-fail` again. */
  readonly forgiven: { readonly failed: number; readonly completed: number };
  /** The lowest index that is not settled. */
  readonly firstOpen: number;
  readonly counts: Counts;
  readonly gates: Readonly<Record<string, GateState>>;
  /** By provider; none = as many as the run has. */
  readonly throttles: Readonly<Record<string, ThrottleState>>;
  /** Providers and models that have answered in this session, as `warmKey` names them. */
  readonly warm: readonly string[];
  /** By scope (breaker.ts). */
  readonly trouble: Readonly<Record<string, TroubleState>>;
  readonly costUsd: number;
  /** The limit that the last resume set, over the plan's. */
  readonly budgetUsd: number | null;
  /** The most that one attempt has cost, by agent and model (budget.ts). */
  readonly costs: Readonly<Record<string, number>>;
  /** By the model that answered. */
  readonly spending: Readonly<Record<string, Spending>>;
  readonly merging: MergeState | null;
  /** How the last merge since the start or the last resume was asked for. */
  readonly mergeAs: Pick<MergeState, 'target' | 'settings'> | null;
  /** Indices of tasks whose work is to be merged and is in no merge yet, in the order in which they settled. */
  readonly joining: readonly number[];
  /** Indices of tasks that are to be run again because their work conflicts. */
  readonly conflicted: readonly number[];
  /** What the last merge had to say. */
  readonly mergeNotes: readonly string[];
}

/** A task that nothing has happened to. */
export const FRESH: TaskState = {
  now: { at: 'waiting', next: 'prepare', attempt: 1, notBefore: 0 },
  attempts: 0, conflicts: 0, resolving: null, counted: 0, infra: 0, step: 0, startedAt: null, settledAt: null, start: null, worktree: null, delivery: null,
  report: null, outputs: {}, exit: null, log: null, workDone: false, cancelling: false, verified: false, score: null, feedback: null, resumeSession: false, notes: [], lastFailure: null, merge: null, pullRequest: null,
};

/** The state before the first fact. */
export function initialState(plan: Plan): RunState {
  return {
    seq: 0, startedAt: null, finishedAt: null, exitCode: null, cancelling: null,
    tasks: plan.tasks.map(() => FRESH), added: [], active: [], unreleased: [], firstOpen: 0, forgiven: { failed: 0, completed: 0 },
    counts: { waiting: plan.tasks.length, running: 0, completed: 0, failed: 0, timedOut: 0, cancelled: 0, skipped: 0, overBudget: 0 },
    gates: {}, throttles: {}, warm: [], trouble: {}, costUsd: 0, budgetUsd: null, costs: {}, spending: {}, merging: null, mergeAs: null, joining: [], conflicted: [], mergeNotes: [],
  };
}
