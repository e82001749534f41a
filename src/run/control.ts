// What people ask of a live run, as facts: a pure question to the plan and the state at the moment when it is answered.
// All of a request holds or none of it does.
import { EXIT, unreachable, type ExitCode } from '../errors.ts';
import { nearest } from '../lib/nearest.ts';
import { plural } from '../lib/text.ts';
import { foldId } from '../lib/slug.ts';
import type { AgentSpec, Plan, PlannedTask, TaskId } from '../plan/plan.ts';
import type { Fact } from './events.ts';
import { grownPlan } from './grown.ts';
import { isResumable } from './outcome.ts';
import { indexOf } from './plan-index.ts';
import type { RunState, TaskState } from './state.ts';

export type ControlRequest =
  | { readonly type: 'ping' }
  /** Tasks end as cancelled and are not taken up by a resume. The id of a fan-out or matrix means all of its tasks. */
  | { readonly type: 'cancel'; readonly tasks: readonly TaskId[] | 'all' }
  /** Tasks that have ended without completing are tried again. */
  | { readonly type: 'retry'; readonly tasks: readonly TaskId[] }
  /** `agents`: those of the tasks. */
  | { readonly type: 'add'; readonly tasks: readonly PlannedTask[]; readonly agents: Readonly<Record<string, AgentSpec>> }
  /** As Ctrl-C: the run ends and can be resumed. `force` = kill, without grace. */
  | { readonly type: 'stop'; readonly force: boolean };

export type ControlAnswer =
  /** `tasks`: those that something was done to. `notes`: a line each. */
  | { readonly ok: true; readonly tasks: readonly TaskId[]; readonly notes: readonly string[] }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint?: string; readonly exitCode: ExitCode };

export interface Controlled {
  /** Empty when nothing changes. */
  readonly facts: readonly Fact[];
  /** What to say once the facts are on disk. */
  readonly answer: ControlAnswer;
}

const MOST_NOTES = 10;

/** What a request comes to. */
export function control(frozen: Plan, state: RunState, request: ControlRequest): Controlled {
  const plan = grownPlan(frozen, state);
  switch (request.type) {
    case 'ping':
      return done([], []);
    case 'cancel':
      return cancel(plan, state, request.tasks);
    case 'retry':
      return retry(plan, state, request.tasks);
    case 'add':
      return add(plan, state, request);
    case 'stop':
      return done(state.cancelling === null ? [{ type: 'run-cancelling', reason: 'interrupted', message: null }] : [], []);
    default:
      return unreachable(request);
  }
}

function done(facts: readonly Fact[], tasks: readonly TaskId[], notes: readonly string[] = []): Controlled {
  return { facts, answer: { ok: true, tasks, notes: notes.slice(0, MOST_NOTES) } };
}

function refused(code: string, message: string, hint?: string): Controlled {
  return { facts: [], answer: { ok: false, code, message, ...(hint === undefined ? {} : { hint }), exitCode: code === 'no-task' || code === 'bad-tasks' ? EXIT.usage : EXIT.preflight } };
}

function isRefused(found: readonly number[] | Controlled): found is Controlled {
  return 'facts' in found;
}

/** The indices that ids mean, each once; a refusal for one that means nothing. */
function indicesOf(plan: Plan, state: RunState, ids: readonly TaskId[]): readonly number[] | Controlled {
  const { byId } = indexOf(plan);
  const found = new Set<number>();
  for (const id of ids) {
    const index = byId.get(id);
    // One that chooses means its attempts, too.
    const members = index === undefined ? plan.tasks.flatMap(({ of }, i) => (of === id ? [i] : [])) : [index, ...(plan.tasks[index]?.choose ?? []).flatMap((one) => byId.get(one) ?? [])];
    if (members.length === 0) {
      const close = nearest(id, plan.tasks.map((task) => task.id));
      return refused('no-task', `run ${plan.run} has no task ${JSON.stringify(id)}`, close === undefined ? `orch status ${plan.run} lists its tasks` : `did you mean ${close}?`);
    }
    for (const member of members) if (state.tasks[member] !== undefined) found.add(member);
  }
  return [...found];
}

/** Whether a task is still to end, or would be taken up again by a resume. */
export function isOpen({ now, cancelling }: TaskState): boolean {
  return now.at === 'waiting' || (now.at === 'running' && !cancelling) || (now.at === 'settled' && isResumable(now.reason));
}

function cancel(plan: Plan, state: RunState, wanted: readonly TaskId[] | 'all'): Controlled {
  const found = wanted === 'all' ? [...plan.tasks.keys()] : indicesOf(plan, state, wanted);
  if (isRefused(found)) return found;
  const open = found.filter((index) => isOpenAt(state, index));
  const notes = wanted === 'all' ? [] : found.filter((index) => !open.includes(index)).map((index) => endedText(plan, state, index));
  const ids = idsAt(plan, open);
  if (ids.length > 0) return done(ids.map((task) => ({ type: 'task-cancelling', task })), ids, notes);
  return refused('nothing-to-cancel', notes.length > 0 ? notes.slice(0, MOST_NOTES).join('\n') : `${plan.run}: every task has ended`);
}

function isOpenAt(state: RunState, index: number): boolean {
  const task = state.tasks[index];
  return task !== undefined && isOpen(task);
}

function idsAt(plan: Plan, indices: readonly number[]): TaskId[] {
  return indices.flatMap((index) => plan.tasks[index]?.id ?? []);
}

function endedText(plan: Plan, state: RunState, index: number): string {
  const now = state.tasks[index]?.now;
  const id = plan.tasks[index]?.id ?? '';
  return now?.at === 'settled' || now?.at === 'ending' ? `${id} has ended already: ${now.outcome}` : `${id} is being cancelled already`;
}

function retry(plan: Plan, state: RunState, wanted: readonly TaskId[]): Controlled {
  const found = indicesOf(plan, state, wanted);
  if (isRefused(found)) return found;
  const busy = tooLate(plan, state);
  if (busy !== null) return busy;
  const asked = new Set(found);
  for (const index of found) {
    const now = state.tasks[index]?.now;
    const [id = ''] = idsAt(plan, [index]);
    if (now?.at !== 'settled') return refused('not-ended', `${id} has not ended`, 'cancel it first, or wait for its end');
    if (now.outcome === 'completed') return refused('completed', `${id} has completed: there is nothing to try again`);
    for (const need of indexOf(plan).needs[index] ?? []) {
      const before = state.tasks[need]?.now;
      const [needed = ''] = idsAt(plan, [need]);
      if (before?.at === 'settled' && before.outcome !== 'completed' && !asked.has(need)) {
        return refused('need-missing', `${id} needs ${needed}, which ended as ${before.outcome}`, `try both again: orch retry ${needed} ${id}`);
      }
    }
  }
  const ids = idsAt(plan, found);
  return done(ids.map((task) => ({ type: 'task-reopened', task })), ids, waitingFor(plan, state, found));
}

/** Those that were skipped for want of these tasks, and stay so: only what was named is tried again. */
function waitingFor(plan: Plan, state: RunState, asked: readonly number[]): string[] {
  const { needs } = indexOf(plan);
  const skipped = [...plan.tasks.keys()].filter((index) => {
    const now = state.tasks[index]?.now;
    return now?.at === 'settled' && now.outcome === 'skipped' && !asked.includes(index) && (needs[index] ?? []).some((need) => asked.includes(need));
  });
  const ids = idsAt(plan, skipped.slice(0, MOST_NOTES));
  return ids.length === 0 ? [] : [`${plural(skipped.length, 'task')} that ${skipped.length === 1 ? 'needs' : 'need'} this stayed skipped: ${ids.join(', ')}${skipped.length > ids.length ? ', …' : ''}; orch retry takes them, too`];
}

/** Why a run begins nothing more, if that is so. */
function tooLate({ run, merge }: Plan, state: RunState): Controlled | null {
  if (state.cancelling !== null) return refused('run-stopping', `${run} is being stopped (${state.cancelling})`, `wait for its end (orch wait ${run}), then: orch resume ${run}`);
  if (state.merging !== null && merge?.when !== 'each') return refused('run-merging', `${run} is merging what it has`, `wait for its end: orch wait ${run}`);
  return null;
}

function add(plan: Plan, state: RunState, { tasks, agents }: Extract<ControlRequest, { type: 'add' }>): Controlled {
  const busy = tooLate(plan, state);
  if (busy !== null) return busy;
  const wrong = addedProblem(plan, { tasks, agents });
  if (wrong !== null) return refused('bad-tasks', wrong);
  const unknown = Object.entries(agents).filter(([name]) => !Object.hasOwn(plan.agents, name));
  if (unknown.length > 0 && plan.isolation !== undefined && plan.isolation.kind !== 'process') {
    return refused('sandbox', `agent ${unknown[0]?.[0] ?? ''}: the sandbox of ${plan.run} was made without it`, 'use an agent of the run, or begin another run');
  }
  const fact: Fact = { type: 'tasks-added', fanOut: null, tasks, ...(unknown.length === 0 ? {} : { agents: Object.fromEntries(unknown) }) };
  return done([fact], tasks.map(({ id }) => id));
}

/** Again at the last moment: another request may have added tasks since these were planned. */
function addedProblem(plan: Plan, { tasks, agents }: { tasks: readonly PlannedTask[]; agents: Readonly<Record<string, AgentSpec>> }): string | null {
  if (tasks.length === 0) return 'there are no tasks';
  const taken = new Set([...plan.tasks, ...(plan.fanOuts ?? [])].map(({ id }) => foldId(id)));
  const known = new Set([...plan.tasks, ...(plan.fanOuts ?? []), ...tasks].map(({ id }) => id));
  for (const { id, needs, work, branch } of tasks) {
    if (taken.has(foldId(id))) return `${plan.run} has a task ${id} already`;
    taken.add(foldId(id));
    const missing = needs.find((need) => !known.has(need));
    if (missing !== undefined) return `${id} needs ${missing}, which ${plan.run} does not have`;
    if (branch !== `orch/${plan.run}/${id}`) return `${id} was planned for another run`;
    if (work.kind === 'agent' && !Object.hasOwn(agents, work.agent) && !Object.hasOwn(plan.agents, work.agent)) return `${id}: there is no agent ${work.agent}`;
  }
  return null;
}
