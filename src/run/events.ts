// The program's vocabulary: every fact that a run records, in one file. Guarantees of the stream, each asserted by a
// property test in test/unit/run:
//  1 `seq` is gapless and starts at 1;          2 `run-started` is first, `run-finished` last (`run-resumed` and `merge-started` re-open);
//  3 every `phase-started` has one `phase-finished`, in the same process or found by the next one just before its
//    `run-resumed`, or is answered by that `run-resumed`;
//  4 a task settles once (again only after `run-resumed`, `task-reopened` or `tasks-repeated` re-opened it), and as cancelled if `task-cancelling` was first;
//  5 nothing starts after `run-cancelling`;
//  6 an event is on disk before anyone sees it; 7 replaying the journal gives the live state;
//  8 `tasks-added` comes before its tasks start; once for a fan-out, after its source has settled as completed.
import type { AgentSpec, MergeSettings, PlannedTask, RunId, Sha, TaskId } from '../plan/plan.ts';

/** Milliseconds since the Unix epoch, UTC. */
export type Instant = number;

export type Phase = 'prepare' | 'work' | 'verify';
export interface Action {
  readonly phase: Phase;
  readonly task: TaskId;
  /** 1 for the first try; a retry is a new attempt. */
  readonly attempt: number;
}

export type Signal = string;
/** Why a running phase was stopped from outside. */
export type CancelReason = 'cancelled' | 'interrupted' | 'terminated' | 'hangup' | 'journal-failed' | 'provider-limit';
/** How a process ended. */
export type Exit =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: Signal }
  | { readonly kind: 'timeout'; readonly afterMs: number; readonly idle: boolean; readonly forced: boolean }
  | { readonly kind: 'killed'; readonly by: CancelReason; readonly forced: boolean }
  | { readonly kind: 'spawn-error'; readonly message: string };

export type TaskOutcome = 'completed' | 'failed' | 'timed-out' | 'cancelled' | 'skipped' | 'over-budget';

/** How the merging of a completed task's work ended (spec §5). */
export type MergeStatus = 'merged' | 'conflict' | 'rejected' | 'unmerged';

/** A pull request (on GitLab, a merge request), as its host has it. */
export interface PullRequest {
  readonly number: number;
  readonly url: string;
  readonly state: 'open' | 'merged' | 'closed';
}

/** Why a task did not complete: the one documented list (README, `orch schema`). */
export type FailureReason =
  | 'agent-error' // the agent said so, or exited non-zero
  | 'no-terminal-event' // exit 0, but the stream ended without a result
  | 'permission-denied' // nothing was delivered, and the agent was refused a tool
  | 'max-turns'
  | 'no-changes'
  | 'unexpected-changes'
  | 'out-of-scope'
  | 'left-branch' // the agent ended on another branch; its commits are on a rescue ref
  | 'unmerged-paths' // a merge or rebase was left in progress
  | 'worktree-lost' // the agent deleted or replaced its worktree
  | 'bad-output' // $ORCH_OUTPUT cannot be read, or does not hold the list that other tasks are to be made of
  | 'verify-failed'
  | 'setup-failed'
  | 'dependency' // a need did not complete
  | 'needs-conflict' // the needs' branches do not merge with each other
  | 'idle'
  | 'timeout'
  | 'rate-limited'
  | 'usage-limit'
  | 'overloaded'
  | 'auth'
  | 'billing'
  | 'budget'
  | 'context' // prompt or context too long
  | 'model-not-found'
  | 'spawn' // the program could not be started
  | 'workspace' // git or the file system refused
  | 'interrupted'
  | 'cancelled' // somebody cancelled this very task
  | 'max-fail'
  | 'tampered';

/** What may be tried next, spec §6. The first two do not count against `retries`. */
export type RetryClass = 'infrastructure' | 'provider' | 'timeout' | 'verify' | 'agent' | 'never';

export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** What git says that an attempt delivered. */
export interface Delivery {
  /** The commit that holds all of it; equal to the start commit if nothing was done. */
  readonly head: Sha;
  /** A ref that keeps `head` alive: the task's branch or a rescue ref, in full. */
  readonly ref: string;
  readonly commits: number;
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
}

/** What an agent's own stream said; facts about money and sessions, never about success. */
export interface AgentReport {
  readonly sessionId: string | null;
  readonly model: string | null;
  readonly costUsd: number | null;
  /** The client told tokens only, and a price table did the rest. */
  readonly isCostEstimate?: true;
  readonly tokens: Tokens | null;
  /** What the client has counted for the session so far, where it counts like that: the next attempt's `tokens` are what is more. */
  readonly sessionTokens?: Tokens;
  readonly turns: number | null;
  /** The final text, cut to 64 KiB. */
  readonly result: string | null;
}

/** Filled in by whichever phase learned it; absent keys were not learned by this phase. */
export interface PhaseDetail {
  /** prepare: absolute path of the worktree. */
  readonly worktree?: string;
  /** prepare: the commit that the task starts from. */
  readonly start?: Sha;
  readonly delivery?: Delivery;
  readonly report?: AgentReport;
  /** work that ended well: what it wrote to $ORCH_OUTPUT, by name. */
  readonly outputs?: Readonly<Record<string, string>>;
  readonly exit?: Exit;
  /** verify: what the score command printed. */
  readonly score?: number;
  /** work: how firmly the processes were held: 1 and 2 = a pid namespace, 3 = a subreaper, 4 = session and environment. */
  readonly tier?: number;
  /** Awake milliseconds of the processes of this phase. */
  readonly durationMs?: number;
  /** Path of the attempt's output.log. */
  readonly log?: string;
  /** Things worth a line that failed nothing, e.g. `the agent left a process running; it was stopped`. */
  readonly notes?: readonly string[];
}

export type PhaseResult =
  | { readonly ok: true; readonly detail: PhaseDetail }
  | {
      readonly ok: false;
      readonly reason: FailureReason;
      readonly retry: RetryClass;
      /** One line for people: what and where; no hint. */
      readonly message: string;
      readonly detail: PhaseDetail;
      /** provider class: do not ask again before this. */
      readonly notBefore?: Instant;
      /** verify class: the failing command and the end of its output, for the next attempt's prompt. */
      readonly feedback?: string;
    };

/** What a provider lets an attempt know while it is under way, from its stream's own fields and never from its texts. */
export type ProviderSignal =
  | { readonly kind: 'answered' }
  /** A request was refused for now; the client repeats it after `delayMs`. */
  | { readonly kind: 'refused'; readonly message: string; readonly delayMs: number | null }
  /** A quota is used up. */
  | { readonly kind: 'used-up'; readonly message: string; readonly resetsAt: Instant | null };

export type Fact =
  | {
      readonly type: 'run-started';
      readonly format: 1;
      readonly name: string;
      readonly base: Sha;
      readonly target: string | null;
      readonly tasks: number;
      /** sha256 of plan.json, so that a swapped plan is noticed. */
      readonly plan: string;
      /** Versions of the agents' programs by the name of the agent, as far as they say it. */
      readonly versions?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'run-resumed';
      /** Also reopen tasks that did not complete. */
      readonly failed: boolean;
      /** Of what has settled, reopen these tasks and no others. */
      readonly tasks?: readonly TaskId[];
      /** The limit of the whole run from now on, in US dollars. */
      readonly budgetUsd?: number;
    }
  /** Somebody wants this task to end: it is stopped if it runs, and settles as cancelled whatever its phase comes to. */
  | { readonly type: 'task-cancelling'; readonly task: TaskId }
  /** Somebody wants a settled task to be tried again. */
  | { readonly type: 'task-reopened'; readonly task: TaskId }
  | { readonly type: 'phase-started'; readonly phase: Phase; readonly task: TaskId; readonly attempt: number }
  | {
      readonly type: 'phase-finished';
      readonly phase: Phase;
      readonly task: TaskId;
      readonly attempt: number;
      readonly result: PhaseResult;
    }
  | {
      readonly type: 'task-settled';
      readonly task: TaskId;
      readonly outcome: TaskOutcome;
      readonly reason: FailureReason | null;
      readonly message: string | null;
    }
  /** They stand behind all others: what a completed task named, once for each fan-out of the plan, or what somebody added. */
  | {
      readonly type: 'tasks-added';
      /** null = somebody added them. */
      readonly fanOut: TaskId | null;
      readonly tasks: readonly PlannedTask[];
      /** Their agents that the plan does not have. */
      readonly agents?: Readonly<Record<string, AgentSpec>>;
    }
  /** The worktree was removed, or kept and why. */
  | { readonly type: 'worktree-released'; readonly task: TaskId; readonly kept: string | null }
  | {
      readonly type: 'gate-changed';
      readonly provider: string;
      /** No start of this provider before then; null = open. */
      readonly closedUntil: Instant | null;
      readonly reason: string;
      /** Attempts at once from now on; absent or null = as many as the run has. */
      readonly slots?: number | null;
    }
  | { readonly type: 'provider-signal'; readonly task: TaskId; readonly attempt: number; readonly signal: ProviderSignal }
  /** Nothing of this provider (null = nothing at all) is started any more in this session: it would only fail again. */
  | { readonly type: 'starts-stopped'; readonly provider: string | null; readonly reason: FailureReason; readonly message: string }
  /** From now on the work of these tasks is merged into `target`, in this way. */
  | { readonly type: 'merge-started'; readonly target: string; readonly settings: MergeSettings; readonly tasks: readonly TaskId[] }
  /** The work of these tasks is merged with the others', too. */
  | { readonly type: 'merge-joined'; readonly tasks: readonly TaskId[] }
  /** The first of these conflicts with what was merged: they are run again, it from the target and the others, which had begun with its work, from its new work. */
  | { readonly type: 'tasks-repeated'; readonly tasks: readonly TaskId[]; /** what the agents are told */ readonly note: string; /** The first is not done again: its agent resolves the conflict of the work that it has. */ readonly resolve?: true }
  /** The target is about to be moved to commits that hold these tasks' work. Whether it was, git knows. */
  | { readonly type: 'merge-landing'; readonly tasks: readonly { readonly task: TaskId; readonly commit: Sha }[] }
  /** `commit`, which brought its work in, is on the target. */
  | { readonly type: 'task-merged'; readonly task: TaskId; readonly commit: Sha }
  | { readonly type: 'task-unmerged'; readonly task: TaskId; readonly merge: Exclude<MergeStatus, 'merged'>; readonly message: string }
  /** This branch of the remote is about to be put at `head`, for these tasks' work. Whether it was, the remote knows. */
  | { readonly type: 'pull-request-pushing'; readonly branch: string; readonly head: Sha; readonly tasks: readonly TaskId[] }
  /** The branch is on the remote, and has this pull request. `isNew`: it was opened for this. */
  | { readonly type: 'pull-request-seen'; readonly branch: string; readonly request: PullRequest; readonly isNew: boolean; readonly tasks: readonly TaskId[] }
  /** `notes`: things worth a line that concern no single task. */
  | { readonly type: 'merge-finished'; readonly notes: readonly string[] }
  | { readonly type: 'run-cancelling'; readonly reason: CancelReason; readonly message: string | null }
  | { readonly type: 'run-finished'; readonly exitCode: number };

export type RunEvent = Fact & { readonly v: 1; readonly seq: number; readonly at: Instant; readonly run: RunId };

/** A line of an agent's progress. Transient: never in the journal. */
export interface AgentOutput {
  readonly task: TaskId;
  readonly attempt: number;
  /** One line, not yet stripped of control characters. */
  readonly text: string;
}
