// A run as one JSON document (spec §8). A later release may add keys and never renames one. Pure.
import { EXIT, unreachable } from '../errors.ts';
import { isoTime } from '../lib/time.ts';
import type { Plan, PlannedTask, RunId, Sha, TaskId } from '../plan/plan.ts';
import { grownPlan } from '../run/grown.ts';
import type { FailureReason, Instant, MergeStatus, PullRequest, TaskOutcome, Tokens } from '../run/events.ts';
import type { RunState, TaskState } from '../run/state.ts';

/** `interrupted`: not all of it was done, nobody is at it, and `orch resume` goes on. */
export type RunStatus = 'planned' | 'running' | 'interrupted' | 'finished';
export type TaskStatus = 'queued' | 'blocked' | 'preparing' | 'running' | 'verifying' | 'merging' | 'settled';

/** Times are ISO 8601 in UTC, durations milliseconds, money US dollars. */
export interface TaskDocument {
  readonly id: TaskId;
  readonly name: string;
  readonly state: TaskStatus;
  readonly outcome: TaskOutcome | null;
  readonly reason: FailureReason | null;
  readonly message: string | null;
  readonly attempts: number;
  /** Without `refs/heads/`; exists once the task was prepared. */
  readonly branch: string;
  /** What the present or last attempt started from. */
  readonly base: Sha | null;
  /** What it delivered, as far as that is known. */
  readonly head: Sha | null;
  /** The ref that keeps `head`: the branch or a rescue ref, in full. */
  readonly ref: string | null;
  readonly worktree: string | null;
  readonly commits: number;
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
  readonly verified: boolean;
  readonly merge: MergeStatus;
  /** Why what was to be merged is not; null when it is, or nobody asked. */
  readonly mergeMessage: string | null;
  readonly mergeCommit: Sha | null;
  /** The one that asks to merge it, as it was when it was last looked at; null when there is none. */
  readonly pullRequest: PullRequest | null;
  /** null for a shell command. */
  readonly agent: string | null;
  readonly model: string | null;
  readonly sessionId: string | null;
  readonly costUsd: number | null;
  readonly tokens: Tokens | null;
  readonly startedAt: string | null;
  /** So far, while it runs; null before it started. */
  readonly durationMs: number | null;
  readonly log: string | null;
  readonly needs: readonly TaskId[];
  /** The task at which it is one attempt among several, or null. */
  readonly candidateOf: TaskId | null;
  /** What it wrote to $ORCH_OUTPUT, by name. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** How many tasks; they add up to all of them. `queued` counts blocked ones, `running` every phase. */
export interface CountsDocument {
  readonly queued: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly overBudget: number;
}

export interface StatusDocument {
  readonly v: 1;
  readonly run: RunId;
  readonly state: RunStatus;
  /** null until the run has finished. */
  readonly exitCode: number | null;
  readonly base: Sha;
  readonly target: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly costUsd: number;
  /** What may be spent; null = no limit. */
  readonly budgetUsd: number | null;
  readonly counts: CountsDocument;
  /** Providers that less than usual may be started of just now; of a live run only. */
  readonly gates: readonly GateDocument[];
  readonly tasks: readonly TaskDocument[];
}

export interface GateDocument {
  readonly provider: string;
  /** null = open. */
  readonly closedUntil: string | null;
  /** Attempts at once; null = as many as the run has. */
  readonly slots: number | null;
  readonly reason: string;
}

export interface StatusOptions {
  readonly run: RunId;
  readonly now: Instant;
  /** Whether a live process holds the run; what the journal cannot tell. */
  readonly live: boolean;
}

/** The document of a run as its journal and its lock have it. */
export function statusDocument(frozen: Plan, state: RunState, options: StatusOptions): StatusDocument {
  const plan = grownPlan(frozen, state);
  const { waiting, ...counts } = state.counts;
  const completed = new Map(plan.tasks.map(({ id }, index) => [id, isCompleted(state.tasks[index])]));
  const isBlocked = (task: PlannedTask): boolean => task.needs.some((need) => completed.get(need) !== true);
  return {
    v: 1,
    run: options.run,
    state: runStatus(state, options.live),
    exitCode: state.exitCode,
    base: plan.base.sha,
    target: plan.target,
    startedAt: isoTime(state.startedAt),
    finishedAt: isoTime(state.finishedAt),
    costUsd: state.costUsd,
    budgetUsd: state.budgetUsd ?? plan.budget?.usd ?? null,
    counts: { queued: waiting, ...counts },
    gates: options.live ? gateDocuments(state, options.now) : [],
    tasks: plan.tasks.flatMap((planned, index) => {
      const task = state.tasks[index];
      return task === undefined ? [] : [taskDocument(planned, task, { now: options.now, isBlocked: isBlocked(planned) })];
    }),
  };
}

function gateDocuments(state: RunState, now: Instant): GateDocument[] {
  return Object.entries(state.gates).flatMap(([provider, { closedUntil, reason }]) => {
    const slots = state.throttles[provider]?.slots ?? null;
    return closedUntil <= now && slots === null ? [] : [{ provider, closedUntil: closedUntil <= now ? null : isoTime(closedUntil), slots, reason }];
  });
}

function runStatus(state: RunState, live: boolean): RunStatus {
  if (live) return 'running';
  if (state.startedAt === null) return 'planned';
  if (state.finishedAt === null) return 'interrupted';
  return isStopped(state.exitCode) ? 'interrupted' : 'finished';
}

/** Whether an exit code says that the run was stopped before its end, and can be resumed. */
export function isStopped(exitCode: number | null): boolean {
  return exitCode === EXIT.stateNotWritable || exitCode === EXIT.limit || (exitCode !== null && exitCode > 128);
}

function isCompleted(task: TaskState | undefined): boolean {
  return task?.now.at === 'settled' && task.now.outcome === 'completed';
}

function taskDocument(planned: PlannedTask, task: TaskState, seen: { readonly now: Instant; readonly isBlocked: boolean }): TaskDocument {
  const { now, delivery, report } = task;
  const settled = now.at === 'settled' ? now : null;
  const { work } = planned;
  return {
    id: planned.id,
    name: planned.name,
    state: taskStatus(task, seen.isBlocked),
    outcome: settled?.outcome ?? null,
    reason: settled?.reason ?? null,
    message: settled?.message ?? null,
    attempts: task.attempts,
    branch: planned.branch,
    base: task.start,
    head: delivery?.head ?? null,
    ref: delivery?.ref ?? null,
    worktree: task.worktree,
    commits: delivery?.commits ?? 0,
    filesChanged: delivery?.filesChanged ?? 0,
    insertions: delivery?.insertions ?? 0,
    deletions: delivery?.deletions ?? 0,
    verified: task.verified,
    merge: task.merge?.status ?? 'unmerged',
    mergeMessage: task.merge?.message ?? null,
    mergeCommit: task.merge?.status === 'merged' ? task.merge.commit : null,
    pullRequest: task.pullRequest?.request ?? null,
    agent: work.kind === 'agent' ? work.agent : null,
    model: report?.model ?? (work.kind === 'agent' ? work.model : null),
    sessionId: report?.sessionId ?? null,
    costUsd: report?.costUsd ?? null,
    tokens: report?.tokens ?? null,
    startedAt: isoTime(task.startedAt),
    durationMs: task.startedAt === null ? null : Math.max(0, (task.settledAt ?? seen.now) - task.startedAt),
    log: task.log,
    needs: planned.needs,
    candidateOf: planned.candidateOf ?? null,
    outputs: task.outputs,
  };
}

function taskStatus({ now }: TaskState, isBlocked: boolean): TaskStatus {
  switch (now.at) {
    case 'waiting': return isBlocked ? 'blocked' : 'queued';
    case 'settled': return 'settled';
    case 'ending': return 'running';
    case 'running': return now.phase === 'prepare' ? 'preparing' : now.phase === 'verify' ? 'verifying' : 'running';
    default: return unreachable(now);
  }
}
