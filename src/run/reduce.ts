// The state of a run as a fold over its facts: the only place where state is made. Pure and deterministic, so that
// replaying the journal gives the live state.
import { unreachable } from '../errors.ts';
import type { Plan, TaskId } from '../plan/plan.ts';
import type { AgentReport, PhaseDetail, PhaseResult, RunEvent, Tokens } from './events.ts';
import { isCandidate, isDecided } from './candidates.ts';
import { scopeKey } from './breaker.ts';
import { grownPlan, openFanOuts } from './grown.ts';
import { asksToMerge, isMergeable, isRequested, isRunAgain, MAX_CONFLICT_RETRIES } from './merges.ts';
import { countKey, failuresOf, isResumable, keptBecause } from './outcome.ts';
import { indexOfTask } from './plan-index.ts';
import { onPhaseEnd, onSignal } from './providers.ts';
import { afterFailure } from './retry.ts';
import { withCosts } from './spending.ts';
import { FRESH } from './state.ts';
import type { Counts, RunState, TaskState } from './state.ts';

type Finished = Extract<RunEvent, { type: 'phase-finished' }>;

/** The state after one more event. Throws on an event that cannot follow this state: that is a bug or a foreign journal. */
export function reduce(frozen: Plan, state: RunState, event: RunEvent): RunState {
  return closeMerge(step(frozen, state, event));
}

/** Once all tasks have settled and nothing waits to join, nothing will join. */
function closeMerge(state: RunState): RunState {
  const { merging, joining, conflicted, firstOpen, tasks, cancelling } = state;
  if (merging === null || merging.isClosed) return state;
  const isOpen = cancelling === null && (firstOpen < tasks.length || joining.length > 0 || conflicted.length > 0);
  return isOpen ? state : { ...state, merging: { ...merging, isClosed: true } };
}

function step(frozen: Plan, state: RunState, event: RunEvent): RunState {
  const plan = grownPlan(frozen, state);
  const next: RunState = { ...state, seq: event.seq };
  switch (event.type) {
    case 'run-started':
      return { ...next, startedAt: event.at };
    case 'run-resumed':
      return resume(plan, { ...next, budgetUsd: event.budgetUsd ?? next.budgetUsd }, event);
    case 'phase-started':
      return update(next, indexOfTask(plan, event.task), (task) => ({
        ...task,
        now: { at: 'running', phase: event.phase, attempt: event.attempt, since: event.at },
        attempts: Math.max(task.attempts, event.attempt),
        startedAt: task.startedAt ?? event.at,
        ...(event.phase === 'verify' ? {} : { workDone: false, verified: false }),
      }));
    case 'phase-finished':
      return finishPhase(plan, next, event);
    case 'task-settled': {
      const index = indexOfTask(plan, event.task);
      const after = update(next, index, (task) => ({
        ...task,
        now: { at: 'settled', outcome: event.outcome, reason: event.reason, message: event.message },
        settledAt: event.at,
      }));
      // A conflict that its agent could not resolve stays one.
      return isToBeMerged(plan, after, index) && after.tasks[index]?.merge?.status !== 'conflict' ? { ...after, joining: [...after.joining, index] } : after;
    }
    case 'task-cancelling':
      return update(next, indexOfTask(plan, event.task), cancel);
    case 'task-reopened':
      return reopenOne(plan, next, indexOfTask(plan, event.task));
    case 'tasks-added':
      if (event.fanOut !== null && !openFanOuts(plan, state).some(({ id }) => id === event.fanOut)) throw new Error(`the plan has no fan-out ${event.fanOut} to be made`);
      return {
        ...next,
        added: [...next.added, { fanOut: event.fanOut, tasks: event.tasks, ...(event.agents === undefined ? {} : { agents: event.agents }) }],
        tasks: [...next.tasks, ...event.tasks.map(() => FRESH)],
        counts: { ...next.counts, waiting: next.counts.waiting + event.tasks.length },
      };
    case 'worktree-released': {
      const index = indexOfTask(plan, event.task);
      const after = event.kept === null ? update(next, index, (task) => ({ ...task, worktree: null })) : next;
      return { ...after, unreleased: after.unreleased.filter((i) => i !== index) };
    }
    case 'gate-changed':
      return announced(next, event.provider);
    case 'provider-signal':
      return onSignal(plan, next, event);
    case 'starts-stopped': {
      const key = scopeKey(event.provider);
      const trouble = next.trouble[key];
      return trouble === undefined ? next : { ...next, trouble: { ...next.trouble, [key]: { ...trouble, announced: true } } };
    }
    case 'merge-started': {
      const { target, settings, tasks } = event;
      const merging = { target, settings, tasks, isClosed: false };
      return { ...withMerges(plan, next, tasks.map(asked)), finishedAt: null, exitCode: null, cancelling: null, merging, mergeAs: { target, settings }, joining: [], conflicted: next.conflicted.filter((index) => !tasks.includes(plan.tasks[index]?.id ?? '')), mergeNotes: [] };
    }
    case 'merge-joined': {
      const { merging } = next;
      if (merging === null) throw new Error('no merge is under way');
      return { ...withMerges(plan, next, event.tasks.map(asked)), merging: { ...merging, tasks: [...merging.tasks, ...event.tasks] }, joining: [] };
    }
    case 'tasks-repeated':
      return runAgain(plan, next, event);
    case 'merge-landing':
      return withMerges(plan, next, event.tasks.map(({ task, commit }) => ({ task, merge: (before) => ({ status: before?.status ?? 'unmerged', commit, message: before?.message ?? null }) })));
    case 'task-merged':
      return withMerges(plan, next, [{ task: event.task, merge: () => ({ status: 'merged', commit: event.commit, message: null }) }]);
    case 'task-unmerged': {
      const index = indexOfTask(plan, event.task);
      const after = withMerges(plan, next, [{ task: event.task, merge: (before) => ({ status: event.merge, commit: before?.commit ?? null, message: event.message }) }]);
      return event.merge === 'conflict' && isRunAgain(plan, next, index) ? { ...after, conflicted: [...after.conflicted, index] } : after;
    }
    case 'pull-request-pushing':
    case 'pull-request-seen':
      return withPullRequest(plan, next, event);
    case 'merge-finished':
      return { ...next, merging: null, mergeNotes: event.notes };
    case 'run-cancelling':
      return { ...next, cancelling: event.reason };
    case 'run-finished':
      return { ...next, finishedAt: event.at, exitCode: event.exitCode };
    default:
      return unreachable(event);
  }
}

interface MergeChange {
  readonly task: TaskId;
  readonly merge: (before: TaskState['merge']) => NonNullable<TaskState['merge']>;
}

function asked(task: TaskId): MergeChange {
  return { task, merge: (before) => ({ status: 'unmerged', commit: before?.commit ?? null, message: null }) };
}

/** Changes nothing else of these tasks, so that no derived set has to follow. */
function withMerges(plan: Plan, state: RunState, changes: readonly MergeChange[]): RunState {
  const tasks = [...state.tasks];
  for (const change of changes) {
    const index = indexOfTask(plan, change.task);
    const before = tasks[index];
    if (before !== undefined) tasks[index] = { ...before, merge: change.merge(before.merge) };
  }
  return { ...state, tasks };
}

/** What it had done before is what it has done: the conflict is parked. */
function giveUpResolving(task: TaskState, { delivery, start, message }: NonNullable<TaskState['resolving']>, failure: Extract<PhaseResult, { ok: false }>): TaskState {
  return {
    ...task, delivery, start, conflicts: MAX_CONFLICT_RETRIES, workDone: true, resumeSession: false,
    now: { at: 'ending', outcome: 'completed', reason: null, message: null },
    merge: { status: 'conflict', commit: null, message: `${message}; its agent did not resolve that: ${failure.message}` },
    lastFailure: { reason: failure.reason, message: failure.message },
  };
}

/** Its work stays on its branch until the next attempt has a worktree, and on a rescue ref from then on. */
function runAgain(plan: Plan, state: RunState, { tasks, note, resolve }: Extract<RunEvent, { type: 'tasks-repeated' }>): RunState {
  const indices = tasks.map((id) => indexOfTask(plan, id));
  const reopened = indices.reduce((before, index, i) => update(before, index, (task) => ({
    ...task,
    now: { at: 'waiting', next: 'prepare', attempt: task.attempts + 1, notBefore: 0 },
    settledAt: null, conflicts: task.conflicts + (i === 0 ? 1 : 0), counted: 0, infra: 0, workDone: false, verified: false, resumeSession: false,
    resolving: i === 0 && resolve === true && task.delivery !== null ? { delivery: task.resolving?.delivery ?? task.delivery, start: task.resolving === null ? task.start : task.resolving.start, message: task.merge?.message ?? note } : null,
    feedback: note, merge: { status: 'unmerged', commit: null, message: null },
  })), state);
  const { merging } = reopened;
  return {
    ...reopened,
    firstOpen: Math.min(reopened.firstOpen, ...indices),
    merging: merging === null ? null : { ...merging, tasks: merging.tasks.filter((id) => !tasks.includes(id)) },
    joining: reopened.joining.filter((index) => !indices.includes(index)),
    conflicted: reopened.conflicted.filter((index) => !indices.includes(index)),
  };
}

/** What was pushed before is remembered: only that may be replaced on the remote. */
function withPullRequest(plan: Plan, state: RunState, event: Extract<RunEvent, { type: 'pull-request-pushing' | 'pull-request-seen' }>): RunState {
  const tasks = [...state.tasks];
  for (const index of event.tasks.map((task) => indexOfTask(plan, task))) {
    const before = tasks[index];
    if (before === undefined) continue;
    const known = before.pullRequest?.branch === event.branch ? before.pullRequest : { branch: event.branch, heads: [], request: null };
    const isSeen = event.type === 'pull-request-seen';
    tasks[index] = {
      ...before,
      pullRequest: isSeen ? { ...known, request: event.request } : { ...known, heads: [...known.heads.filter((head) => head !== event.head), event.head] },
      ...(isSeen && before.merge !== null ? { merge: { ...before.merge, message: null } } : {}),
    };
  }
  return { ...state, tasks };
}

function finishPhase(plan: Plan, state: RunState, event: Finished): RunState {
  const index = indexOfTask(plan, event.task);
  const task = plan.tasks[index];
  const { result } = event;
  if (task === undefined) throw new Error(`the plan has no task ${event.task}`);
  const after = update({ ...state, ...withCosts(plan, state, { index, result }) }, index, (before) => {
    const learned = learn(before, result.detail);
    if (before.cancelling) return { ...learned, now: CANCELLED, workDone: false };
    return result.ok ? succeed(learned, event, { hasVerify: task.verify.length > 0 || task.score !== undefined, isChoice: task.choose !== undefined }) : fail(learned, event, result);
  });
  return onPhaseEnd(plan, after, event);

  function fail(before: TaskState, finished: Finished, failure: Extract<PhaseResult, { ok: false }>): TaskState {
    if (task === undefined) return before;
    const retry = afterFailure(task, before, { ...failure, at: finished.at, attempt: finished.attempt, phase: finished.phase });
    if (retry.now.at === 'ending' && before.resolving !== null && failure.reason !== 'tampered' && !isResumable(failure.reason) && !before.cancelling) return giveUpResolving(before, before.resolving, failure);
    return {
      ...before,
      now: retry.now,
      counted: before.counted + (retry.counts ? 1 : 0),
      infra: failure.retry === 'infrastructure' ? before.infra + 1 : 0,
      step: before.step + (retry.climbs === true ? 1 : 0),
      workDone: before.workDone && finished.phase === 'verify' && (retry.now.at === 'ending' || (retry.now.at === 'waiting' && retry.now.next === 'verify')),
      verified: false,
      feedback: retry.now.at === 'waiting' ? (failure.feedback ?? before.feedback) : before.feedback,
      resumeSession: retry.resumeSession,
      lastFailure: { reason: failure.reason, message: failure.message },
    };
  }
}

function succeed(task: TaskState, event: Finished, { hasVerify, isChoice }: { readonly hasVerify: boolean; readonly isChoice: boolean }): TaskState {
  const { attempt, phase, at } = event;
  const completed: TaskState['now'] = { at: 'ending', outcome: 'completed', reason: null, message: null };
  switch (phase) {
    case 'prepare':
      // A candidate that was taken has been verified, as far as it was asked for.
      if (isChoice) return { ...task, now: completed, workDone: true, verified: true };
      return { ...task, now: { at: 'waiting', next: 'work', attempt, notBefore: at } };
    case 'work':
      return { ...task, now: hasVerify ? { at: 'waiting', next: 'verify', attempt, notBefore: at } : completed, workDone: true, infra: 0 };
    case 'verify':
      return { ...task, now: completed, verified: true, infra: 0 };
    default:
      return unreachable(phase);
  }
}

function learn(task: TaskState, detail: PhaseDetail): TaskState {
  return {
    ...task,
    worktree: detail.worktree ?? task.worktree,
    start: detail.start ?? task.start,
    // A new start means that the delivery of the attempt before is history (it is on a rescue ref).
    delivery: detail.delivery ?? (detail.start === undefined ? task.delivery : null),
    report: detail.report === undefined ? task.report : addReport(task.report, detail.report),
    outputs: detail.outputs ?? task.outputs,
    score: detail.score ?? (detail.start === undefined && detail.delivery === undefined ? task.score : null),
    exit: detail.exit ?? task.exit,
    log: detail.log ?? task.log,
    notes: detail.notes === undefined || detail.notes.length === 0 ? task.notes : [...task.notes, ...detail.notes].slice(-20),
  };
}

function addReport(before: AgentReport | null, now: AgentReport): AgentReport {
  if (before === null) return now;
  const isSameSession = now.sessionId === null || now.sessionId === before.sessionId;
  const sessionTokens = now.sessionTokens ?? (isSameSession ? before.sessionTokens : undefined);
  return {
    ...(sessionTokens === undefined ? {} : { sessionTokens }),
    sessionId: now.sessionId ?? before.sessionId,
    model: now.model ?? before.model,
    result: now.result ?? before.result,
    costUsd: sum(before.costUsd, now.costUsd),
    ...(before.isCostEstimate === true || now.isCostEstimate === true ? { isCostEstimate: true } : {}),
    turns: sum(before.turns, now.turns),
    tokens: addTokens(before.tokens, now.tokens),
  };
}

function sum(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}

function addTokens(a: Tokens | null, b: Tokens | null): Tokens | null {
  if (a === null || b === null) return a ?? b;
  return { input: a.input + b.input, output: a.output + b.output, cacheRead: a.cacheRead + b.cacheRead, cacheWrite: a.cacheWrite + b.cacheWrite };
}

/** Reopens what was not settled for good. A phase that was running when orch died is begun again, uncounted. */
function resume(plan: Plan, state: RunState, { failed, tasks: asked }: Extract<RunEvent, { type: 'run-resumed' }>): RunState {
  let next: RunState = { ...state, cancelling: null, finishedAt: null, exitCode: null, gates: {}, throttles: {}, warm: [], trouble: {} };
  for (const index of plan.tasks.keys()) {
    const task = next.tasks[index];
    if (task === undefined || (asked === undefined && isDecided(plan, next, index))) continue;
    const reopened = reopen(task, asked === undefined ? (failed ? 'failed' : 'stopped') : asked.includes(plan.tasks[index]?.id ?? '') ? 'all' : 'none');
    if (reopened !== task) next = update(next, index, () => reopened);
  }
  const found = next.tasks.findIndex(({ now }) => now.at !== 'settled');
  const firstOpen = found === -1 ? next.tasks.length : found;
  return { ...next, ...resumeMerge(plan, { ...next, firstOpen }), firstOpen, forgiven: { failed: failuresOf(next.counts), completed: next.counts.completed }, unreleased: next.unreleased.filter((i) => next.tasks[i]?.now.at === 'settled') };
}

/** A merge goes on where it was, unless it is to come at the end and tasks go first. What it has not merged is tried again. */
function resumeMerge(plan: Plan, state: RunState): Pick<RunState, 'merging' | 'mergeAs' | 'joining' | 'conflicted'> {
  const isAwaited = plan.merge?.when !== 'each' && state.tasks.some(({ now, merge }) => now.at !== 'settled' && merge === null);
  const isMerged = (id: TaskId): boolean => state.tasks[indexOfTask(plan, id)]?.merge?.status === 'merged';
  const merging = state.merging === null || isAwaited ? null : { ...state.merging, tasks: state.merging.tasks.filter((id) => !isMerged(id)), isClosed: false };
  const inMerge = new Set(merging?.tasks);
  const joining = plan.tasks.flatMap(({ id }, index) => {
    const task = state.tasks[index];
    // What nobody but `orch merge` asked for, it is asked for again, unless it was just run again for it.
    const isWanted = asksToMerge(plan) || (task?.merge?.status === 'unmerged' && task.merge.message === null && !isRequested(task));
    return isWanted && isToBeMerged(plan, state, index) && !inMerge.has(id) ? [index] : [];
  });
  const isUnderWay = merging !== null || state.joining.length > 0 || state.tasks.some(({ now, merge }) => now.at !== 'settled' && merge !== null);
  return { merging, mergeAs: isUnderWay ? state.mergeAs : null, joining, conflicted: [] };
}

/** Whether a task is to be merged as soon as it has completed: the plan says so, or it was in a merge before. */
function isToBeMerged(plan: Plan, { tasks }: RunState, index: number): boolean {
  const task = tasks[index];
  return task !== undefined && isMergeable(task) && !isCandidate(plan, index) && task.merge?.status !== 'merged' && (asksToMerge(plan) || task.merge !== null);
}

/** `by`: which of the settled tasks are reopened: those that were stopped or skipped, what failed, too, or whatever did not complete. */
function reopen(task: TaskState, by: 'none' | 'stopped' | 'failed' | 'all'): TaskState {
  const { now } = task;
  const attempt = task.attempts + 1;
  if (now.at === 'waiting') return now.notBefore === 0 ? task : { ...task, now: { ...now, notBefore: 0 } };
  if (now.at === 'running') {
    if (task.cancelling) return { ...task, now: CANCELLED, workDone: false };
    const next = now.phase === 'verify' ? 'verify' : 'prepare';
    return { ...task, now: { at: 'waiting', next, attempt: next === 'verify' ? now.attempt : attempt, notBefore: 0 } };
  }
  if (now.outcome === 'completed' || by === 'none' || (now.reason === 'cancelled' && by !== 'all')) return task;
  const failedForGood = now.outcome === 'failed' || now.outcome === 'timed-out' || now.outcome === 'over-budget';
  if (failedForGood && !isResumable(now.reason) && by === 'stopped') return task;
  // An agent that had finished is not paid twice: only its verification is still to be done.
  const onlyVerify = task.workDone && isResumable(now.reason);
  return {
    ...task,
    now: { at: 'waiting', next: onlyVerify ? 'verify' : 'prepare', attempt: onlyVerify ? task.attempts : attempt, notBefore: 0 },
    settledAt: null, counted: 0, infra: 0, resumeSession: false, cancelling: false,
  };
}

function announced(state: RunState, provider: string): RunState {
  const [gate, throttle] = [state.gates[provider], state.throttles[provider]];
  return {
    ...state,
    gates: gate === undefined ? state.gates : { ...state.gates, [provider]: { ...gate, announced: true } },
    throttles: throttle === undefined ? state.throttles : { ...state.throttles, [provider]: { ...throttle, announced: true } },
  };
}

const CANCELLED = { at: 'ending', outcome: 'cancelled', reason: 'cancelled', message: 'cancelled by hand' } as const;

/** A running task ends when its phase has; one that a resume would begin again is cancelled for good. */
function cancel(task: TaskState): TaskState {
  const { now } = task;
  if (now.at === 'waiting') return { ...task, now: CANCELLED, cancelling: true };
  if (now.at === 'running') return { ...task, cancelling: true };
  return now.at === 'settled' && isResumable(now.reason) ? { ...task, now: { ...CANCELLED, at: 'settled' }, cancelling: true } : task;
}

function reopenOne(plan: Plan, state: RunState, index: number): RunState {
  const before = state.tasks[index];
  if (before?.now.at !== 'settled') throw new Error(`task ${index} has not settled`);
  // A worktree that is being removed must be gone before the task makes another.
  const isRemoved = keptBecause(plan, before) === null;
  const after = update(state, index, (task) => reopen(task, 'all'));
  return { ...after, firstOpen: Math.min(after.firstOpen, index), unreleased: isRemoved ? after.unreleased : after.unreleased.filter((i) => i !== index) };
}

/** Replaces one task and keeps the derived sets (counts, active, unreleased, firstOpen) in step. */
function update(state: RunState, index: number, change: (task: TaskState) => TaskState): RunState {
  const before = state.tasks[index];
  if (before === undefined) throw new Error(`no task at ${index}`);
  const after = change(before);
  const tasks = state.tasks.with(index, after);
  const isActive = isActiveTask(after);
  const wasActive = isActiveTask(before);
  const isPending = after.now.at === 'settled' && after.worktree !== null && before.now.at !== 'settled';
  let { firstOpen } = state;
  while (firstOpen < tasks.length && tasks[firstOpen]?.now.at === 'settled') firstOpen += 1;
  return {
    ...state,
    tasks,
    firstOpen,
    counts: recount(state.counts, before, after),
    active: isActive === wasActive ? state.active : isActive ? [...state.active, index] : state.active.filter((i) => i !== index),
    unreleased: isPending ? [...state.unreleased, index] : state.unreleased,
  };
}

function isActiveTask({ now }: TaskState): boolean {
  return now.at === 'running' || now.at === 'ending' || (now.at === 'waiting' && (now.next !== 'prepare' || now.attempt > 1));
}

function bucket({ now }: TaskState): keyof Counts {
  return now.at === 'waiting' ? 'waiting' : now.at === 'settled' ? countKey(now.outcome) : 'running';
}

function recount(counts: Counts, before: TaskState, after: TaskState): Counts {
  const from = bucket(before);
  const to = bucket(after);
  return from === to ? counts : { ...counts, [from]: counts[from] - 1, [to]: counts[to] + 1 };
}
