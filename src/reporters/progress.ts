// What there is to see of a run at one instant: plan, state, last outputs and time → a view that any surface can draw.
// Pure, and linear in the number of tasks; draws nothing itself.
import type { Plan, TaskId } from '../plan/plan.ts';
import { grownPlan } from '../run/grown.ts';
import type { CancelReason, Instant, Phase } from '../run/events.ts';
import type { Counts, RunState, TaskState } from '../run/state.ts';
import { headOfLine } from './recent.ts';
import type { RecentOutputs } from './recent.ts';

export interface RunningView {
  readonly id: TaskId;
  readonly name: string;
  readonly phase: Phase;
  readonly attempt: number;
  /** Since the task was first seen running, by this process. */
  readonly forMs: number;
  /** Its last line of output in this phase, safe to print. */
  readonly text: string | null;
}

export interface GateView {
  readonly provider: string;
  readonly reason: string;
  /** 0 = open. */
  readonly opensInMs: number;
  /** Attempts at once, while they are fewer than the run has. */
  readonly slots?: number;
}

export interface ProgressView {
  readonly total: number;
  readonly settled: number;
  readonly counts: Counts;
  /** failed, timed out or over budget */
  readonly failed: number;
  /** Longest first. */
  readonly running: readonly RunningView[];
  /** Providers that nothing, or less than usual, may be started of just now. */
  readonly gates: readonly GateView[];
  readonly costUsd: number;
  /** What may be spent; absent = no limit. */
  readonly budgetUsd?: number;
  readonly elapsedMs: number;
  /** null until something can be said. */
  readonly etaMs: number | null;
  readonly cancelling: CancelReason | null;
}

export interface ProgressMoment {
  readonly outputs: RecentOutputs;
  readonly now: Instant;
  /** When this process began to watch: a resumed run's clock starts here. */
  readonly since: Instant;
}

/** The view at `moment.now`. */
export function progressView(frozen: Plan, state: RunState, moment: ProgressMoment): ProgressView {
  const plan = grownPlan(frozen, state);
  const { counts } = state;
  const running = runningViews(plan, state, moment);
  const budgetUsd = state.budgetUsd ?? plan.budget?.usd ?? null;
  const failed = counts.failed + counts.timedOut + counts.overBudget;
  return {
    total: plan.tasks.length,
    settled: counts.completed + failed + counts.cancelled + counts.skipped,
    counts,
    failed,
    running,
    gates: gateViews(state, moment.now),
    costUsd: state.costUsd,
    ...(budgetUsd === null ? {} : { budgetUsd }),
    elapsedMs: Math.max(0, moment.now - moment.since),
    etaMs: state.cancelling === null ? etaMs(plan, state, { running, since: moment.since }) : null,
    cancelling: state.cancelling,
  };
}

function runningViews(plan: Plan, state: RunState, moment: ProgressMoment): RunningView[] {
  const views: RunningView[] = [];
  for (const [index, task] of state.tasks.entries()) {
    const planned = plan.tasks[index];
    if (task.now.at !== 'running' || planned === undefined) continue;
    const began = Math.max(task.startedAt ?? task.now.since, moment.since);
    views.push({
      id: planned.id,
      name: planned.name,
      phase: task.now.phase,
      attempt: task.now.attempt,
      forMs: Math.max(0, moment.now - began),
      text: headOfLine(moment.outputs.get(planned.id) ?? '') || null,
    });
  }
  return views.sort((a, b) => b.forMs - a.forMs);
}

function gateViews(state: RunState, now: Instant): GateView[] {
  return Object.entries(state.gates).flatMap(([provider, gate]): GateView[] => {
    const slots = state.throttles[provider]?.slots;
    const opensInMs = Math.max(0, gate.closedUntil - now);
    return opensInMs === 0 && slots === undefined ? [] : [{ provider, reason: gate.reason, opensInMs, ...(slots === undefined ? {} : { slots }) }];
  });
}

/** Milliseconds that a settled task took; null if it never started or was stopped from outside. */
export function tookMs(task: TaskState): number | null {
  if (task.now.at !== 'settled' || task.now.outcome === 'cancelled' || task.now.outcome === 'skipped') return null;
  return task.startedAt === null || task.settledAt === null ? null : Math.max(0, task.settledAt - task.startedAt);
}

/** What is left, at the mean of what was finished, spread over the slots; never less than the longest that still runs. */
function etaMs(plan: Plan, state: RunState, seen: { readonly running: readonly RunningView[]; readonly since: Instant }): number | null {
  const { running, since } = seen;
  let finished = 0;
  let sum = 0;
  for (const task of state.tasks) {
    const took = tookMs(task);
    // A task that began before a resume took the night, too.
    if (took === null || (task.startedAt ?? 0) < since) continue;
    finished += 1;
    sum += took;
  }
  const { waiting } = state.counts;
  if (finished < Math.min(3, plan.tasks.length) || waiting + running.length === 0) return null;
  const mean = sum / finished;
  const remaining = running.map((view) => Math.max(0, mean - view.forMs));
  const slots = Math.max(1, Math.min(plan.maxParallel, waiting + running.length));
  const total = waiting * mean + remaining.reduce((a, b) => a + b, 0);
  return Math.max(total / slots, waiting > 0 ? mean : 0, ...remaining);
}
