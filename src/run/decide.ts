// What happens next: a pure question to a plan and a state, asked again after each answer until there is none.
// It says which task, never when a process really starts (that is the limiter's) and never touches the world.
import { addedTasks } from '../plan/fan-out.ts';
import type { Plan, PlannedTask } from '../plan/plan.ts';
import type { Action, Fact, FailureReason, Instant } from './events.ts';
import { choiceOf } from './best-of.ts';
import { overBudgetText } from './budget.ts';
import { brokenBy, notStartedText } from './breaker.ts';
import { isBeyond } from './gate.ts';
import { grownPlan, openFanOuts } from './grown.ts';
import { exitCodeOf, isLimit, isMaxFailReached, keptBecause, outcomeOf } from './outcome.ts';
import { runAgainWith } from './merges.ts';
import { indexOf, indexOfTask } from './plan-index.ts';
import { startsOf } from './starts.ts';
import type { RunState, TaskState } from './state.ts';

export type Decision =
  | { readonly record: Fact }
  | { readonly launch: Action }
  /** Nothing to do before then. */
  | { readonly wakeAt: Instant };

/** The next thing to do, or undefined when all that can be done is to wait for what is running. */
export function decide(frozen: Plan, state: RunState, now: Instant): Decision | undefined {
  if (state.finishedAt !== null) return undefined;
  const plan = grownPlan(frozen, state);
  return announceGate(state) ?? announceBreaker(state) ?? giveUpWaiting(plan, state) ?? settleEnding(plan, state) ?? addTasks(plan, state) ?? keepWorktree(plan, state) ?? startOrStop(plan, state, now);
}

function announceGate(state: RunState): Decision | undefined {
  for (const [provider, gate] of Object.entries(state.gates)) {
    const throttle = state.throttles[provider];
    if (!gate.announced || throttle?.announced === false) {
      return { record: { type: 'gate-changed', provider, closedUntil: gate.closedUntil === 0 ? null : gate.closedUntil, reason: gate.reason, slots: throttle?.slots ?? null } };
    }
  }
  return undefined;
}

function announceBreaker(state: RunState): Decision | undefined {
  const trouble = Object.values(state.trouble).find(({ isOpen, announced }) => isOpen && !announced);
  return trouble === undefined ? undefined : { record: { type: 'starts-stopped', provider: trouble.scope, reason: trouble.reason, message: trouble.message } };
}

function giveUpWaiting(plan: Plan, state: RunState): Decision | undefined {
  if (state.cancelling !== null) return undefined;
  for (const [provider, gate] of Object.entries(state.gates)) {
    if (isBeyond(gate, plan.maxWaitMs)) {
      return { record: { type: 'run-cancelling', reason: 'provider-limit', message: `${provider}: ${gate.reason}` } };
    }
  }
  return undefined;
}

function settleEnding(plan: Plan, state: RunState): Decision | undefined {
  for (const index of state.active) {
    const now = state.tasks[index]?.now;
    if (now?.at === 'ending') {
      return { record: { type: 'task-settled', task: idAt(plan, index), outcome: now.outcome, reason: now.reason, message: now.message } };
    }
  }
  return undefined;
}

/** Makes the tasks of a fan-out as soon as its source has completed, also while the run stops: then they are cancelled with the others. */
function addTasks(plan: Plan, state: RunState): Decision | undefined {
  for (const fanOut of openFanOuts(plan, state)) {
    const source = state.tasks[indexOfTask(plan, fanOut.from.task)];
    if (source?.now.at !== 'settled' || source.now.outcome !== 'completed') continue;
    const added = addedTasks(plan, fanOut, { outputs: source.outputs, result: source.report?.result ?? '' });
    // The work phase has failed a source whose list is wrong: this one was completed, so that its list is right.
    if (!added.ok) throw new Error(`${fanOut.id} cannot be made: ${added.message}`);
    return { record: { type: 'tasks-added', fanOut: fanOut.id, tasks: added.tasks } };
  }
  return undefined;
}

/** Records that a worktree stays; removing one is the driver's, which knows what it has already begun. */
function keepWorktree(plan: Plan, state: RunState): Decision | undefined {
  for (const index of state.unreleased) {
    const task = state.tasks[index];
    // A task that was reopened while its worktree is being removed.
    if (task?.now.at !== 'settled') continue;
    const kept = keptBecause(plan, task);
    if (kept !== null) return { record: { type: 'worktree-released', task: idAt(plan, index), kept } };
  }
  return undefined;
}

function startOrStop(plan: Plan, state: RunState, now: Instant): Decision | undefined {
  const merge = runAgain(plan, state) ?? askToMerge(plan, state);
  if (merge !== undefined) return merge;
  if (state.firstOpen >= plan.tasks.length) {
    if (state.unreleased.length > 0 || state.merging !== null) return undefined;
    return { record: { type: 'run-finished', exitCode: exitCodeOf(plan, state) } };
  }
  if (state.cancelling !== null) return cancelWaiting(plan, state);
  if (isMaxFailReached(plan, state)) {
    const stopped = settleWaiting(plan, state, { reason: 'max-fail', message: 'too many tasks have failed: nothing new was started', onlyNew: true });
    if (stopped !== undefined) return stopped;
  }
  const broken = settleBroken(plan, state);
  if (broken !== undefined) return broken;
  return start(plan, state, now);
}

/** What has completed is merged even if other tasks have failed, but not in a run that was stopped. */
function askToMerge(plan: Plan, state: RunState): Decision | undefined {
  if (state.joining.length === 0 || state.cancelling !== null) return undefined;
  const tasks = [...state.joining].sort((a, b) => a - b).map((index) => idAt(plan, index));
  if (state.merging !== null) return state.merging.isClosed ? undefined : { record: { type: 'merge-joined', tasks } };
  const isEnd = state.firstOpen >= plan.tasks.length && state.unreleased.length === 0;
  const as = mergeAsked(plan, state);
  return as === null || (!isEnd && plan.merge?.when !== 'each') ? undefined : { record: { type: 'merge-started', ...as, tasks } };
}

/** How: as the last time in this session, or as the plan says. */
function mergeAsked({ merge, target }: Plan, { mergeAs }: RunState): RunState['mergeAs'] {
  if (mergeAs !== null || merge === undefined || target === null) return mergeAs;
  const { when: _, ...settings } = merge;
  return { target, settings };
}

/** Reopens a task whose work conflicts, and those that began with its work, once none of them is at work. */
function runAgain(plan: Plan, state: RunState): Decision | undefined {
  if (state.cancelling !== null) return undefined;
  for (const index of state.conflicted) {
    const [first, ...rest] = runAgainWith(plan, state, index) ?? [];
    if (first === undefined) continue;
    const why = state.tasks[first]?.merge?.message ?? 'it conflicts';
    const isResolved = (state.merging ?? state.mergeAs)?.settings.onConflict === 'resolve';
    const others = rest.length === 0 ? '' : ` The tasks that had begun with its work are run again, too: ${rest.map((i) => idAt(plan, i)).join(', ')}.`;
    const how = isResolved ? 'Its agent resolves the conflict' : "It is done again, from where the target is now, which has the others' work: keep that, and do the task so that both hold";
    const note = `The work of ${idAt(plan, first)} could not be merged: ${why}. ${how}.${others}`;
    return { record: { type: 'tasks-repeated', tasks: [first, ...rest].map((i) => idAt(plan, i)), note, ...(isResolved ? { resolve: true } : {}) } };
  }
  return undefined;
}

function cancelWaiting(plan: Plan, state: RunState): Decision | undefined {
  if (state.cancelling !== 'provider-limit') {
    return settleWaiting(plan, state, { reason: 'interrupted', message: 'the run was stopped before this task had ended', onlyNew: false });
  }
  return settleWaiting(plan, state, { reason: 'rate-limited', message: 'the provider’s limit lasts longer than max-wait', onlyNew: false });
}

function settleWaiting(plan: Plan, state: RunState, why: { reason: FailureReason; message: string; onlyNew: boolean }): Decision | undefined {
  for (let index = state.firstOpen; index < plan.tasks.length; index += 1) {
    const now = state.tasks[index]?.now;
    if (now?.at !== 'waiting' || (why.onlyNew && (now.next !== 'prepare' || now.attempt > 1))) continue;
    const blocked = blockedBy(plan, state, index);
    if (typeof blocked === 'object') return blocked;
    // What the provider told this task itself says more than that there was a limit.
    const last = state.tasks[index]?.lastFailure ?? null;
    const own = isLimit(why.reason) && last !== null && isLimit(last.reason) ? last : null;
    const outcome = isLimit(why.reason) ? 'cancelled' : outcomeOf(why.reason);
    const message = own === null ? why.message : `${why.message}: ${own.message}`;
    return { record: { type: 'task-settled', task: idAt(plan, index), outcome, reason: own?.reason ?? why.reason, message } };
  }
  return undefined;
}

/** What a breaker keeps from being started; what was tried keeps the reason that it has. */
function settleBroken(plan: Plan, state: RunState): Decision | undefined {
  if (!Object.values(state.trouble).some(({ isOpen }) => isOpen)) return undefined;
  const { providers } = indexOf(plan);
  for (let index = state.firstOpen; index < plan.tasks.length; index += 1) {
    const task = state.tasks[index];
    const broken = brokenBy(state.trouble, providers[index] ?? null);
    // A verification asks nobody but the repository.
    if (broken === null || task?.now.at !== 'waiting' || (task.now.next === 'verify' && broken.scope !== null)) continue;
    const blocked = blockedBy(plan, state, index);
    if (typeof blocked === 'object') return blocked;
    const record = { type: 'task-settled', task: idAt(plan, index) } as const;
    if (task.lastFailure !== null && task.now.attempt > 1) return { record: { ...record, outcome: outcomeOf(task.lastFailure.reason), ...task.lastFailure } };
    return { record: { ...record, outcome: 'cancelled', reason: broken.reason, message: notStartedText(broken) } };
  }
  return undefined;
}

/** The next start: attempts under way first (their worktrees exist), then new tasks in the plan's order. */
function start(plan: Plan, state: RunState, now: Instant): Decision | undefined {
  let wakeAt = Number.POSITIVE_INFINITY;
  const starts = startsOf(plan, state, now);
  const consider = (index: number): Decision | undefined => {
    const task = state.tasks[index];
    if (task?.now.at !== 'waiting') return undefined;
    const blocked = blockedBy(plan, state, index);
    if (blocked !== undefined) return typeof blocked === 'object' ? blocked : undefined;
    const at = Math.max(task.now.notBefore, gateOpensAt(plan, state, index));
    if (at > now) {
      wakeAt = Math.min(wakeAt, at);
      return undefined;
    }
    if (!starts.hasSlot(index) || isGroupBusy(plan, state, index) || state.unreleased.includes(index)) return undefined;
    const hold = starts.hold(index, task.now.next);
    if (hold !== null && 'over' in hold) {
      const message = overBudgetText(plan, state, { index, why: hold.over });
      return { record: { type: 'task-settled', task: idAt(plan, index), outcome: 'over-budget', reason: 'budget', message } };
    }
    if (hold !== null) {
      wakeAt = Math.min(wakeAt, hold.until);
      return undefined;
    }
    return { launch: { phase: task.now.next, task: idAt(plan, index), attempt: task.now.attempt } };
  };
  for (const next of ['verify', 'work', 'prepare'] as const) {
    for (const index of state.active) {
      const task = state.tasks[index];
      const found = task?.now.at === 'waiting' && task.now.next === next ? consider(index) : undefined;
      if (found !== undefined) return found;
    }
  }
  // With every slot taken nothing can start, and skipping dependents can wait until one is free.
  for (let index = state.firstOpen; index < plan.tasks.length && !starts.isFull(); index += 1) {
    const found = consider(index);
    if (found !== undefined) return found;
  }
  return wakeAt === Number.POSITIVE_INFINITY ? undefined : { wakeAt };
}

/** `true`: a need has not ended yet. A decision: a need did not complete, so this task is skipped. */
function blockedBy(plan: Plan, state: RunState, index: number): Decision | true | undefined {
  const task = state.tasks[index];
  if (task?.now.at !== 'waiting' || task.now.next !== 'prepare') return undefined;
  const planned = plan.tasks[index];
  if (planned?.choose !== undefined) return blockedChoice(plan, state, planned);
  let isWaiting = false;
  for (const need of indexOf(plan).needs[index] ?? []) {
    const now = state.tasks[need]?.now;
    if (now?.at !== 'settled' || state.conflicted.includes(need)) isWaiting = true;
    else if (now.outcome !== 'completed') {
      const message = `needs ${idAt(plan, need)}, which ended as ${now.outcome}`;
      return { record: { type: 'task-settled', task: idAt(plan, index), outcome: 'skipped', reason: 'dependency', message } };
    }
  }
  for (const { id, from } of indexOf(plan).awaits[index] ?? []) {
    const source = state.tasks[indexOfTask(plan, from.task)]?.now;
    if (source?.at === 'settled' && source.outcome !== 'completed') {
      const message = `needs ${id}, whose tasks were never made: ${from.task} ended as ${source.outcome}`;
      return { record: { type: 'task-settled', task: idAt(plan, index), outcome: 'skipped', reason: 'dependency', message } };
    }
    isWaiting = true;
  }
  return isWaiting ? true : undefined;
}

/** A choice waits for the end of its candidates, and not for their success. */
function blockedChoice(plan: Plan, state: RunState, task: PlannedTask): Decision | true | undefined {
  const choice = choiceOf(plan, state, task);
  if (choice.kind === 'open') return true;
  if (choice.kind === 'winner') return undefined;
  const { outcome, reason, message } = choice;
  return { record: { type: 'task-settled', task: task.id, outcome, reason, message } };
}

function gateOpensAt(plan: Plan, state: RunState, index: number): Instant {
  const provider = indexOf(plan).providers[index] ?? null;
  const task = state.tasks[index];
  if (provider === null || (task?.now.at === 'waiting' && task.now.next === 'verify')) return 0;
  return state.gates[provider]?.closedUntil ?? 0;
}

function isGroupBusy(plan: Plan, state: RunState, index: number): boolean {
  const group = plan.tasks[index]?.concurrency ?? null;
  if (group === null) return false;
  const isUnderWay = isBetweenPhases(state.tasks[index]);
  return state.active.some((other) => {
    if (other === index || plan.tasks[other]?.concurrency !== group) return false;
    // A resume may find several of a group in the middle of an attempt: they go on in the order of the plan.
    return state.tasks[other]?.now.at === 'running' || (isBetweenPhases(state.tasks[other]) && (!isUnderWay || other < index));
  });
}

/** Whoever has begun an attempt has its group until that has ended. */
function isBetweenPhases(task: TaskState | undefined): boolean {
  return task?.now.at === 'waiting' && task.now.next !== 'prepare';
}

function idAt(plan: Plan, index: number): string {
  const task = plan.tasks[index];
  if (task === undefined) throw new Error(`no task at ${index}`);
  return task.id;
}
