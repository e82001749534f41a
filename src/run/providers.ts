// What the state keeps of providers, as facts come in: gates, throttles, who has answered, what goes wrong again and
// again. Pure parts of `reduce`.
import type { Plan, TaskId } from '../plan/plan.ts';
import { afterPhase } from './breaker.ts';
import type { RunEvent } from './events.ts';
import { closeGate, openGate, pauseGate, seedOf } from './gate.ts';
import { indexOf, indexOfTask } from './plan-index.ts';
import { modelOf } from './routing.ts';
import type { RunState } from './state.ts';
import { forgive, lower, raise } from './throttle.ts';

type Finished = Extract<RunEvent, { type: 'phase-finished' }>;
type Signalled = Extract<RunEvent, { type: 'provider-signal' }>;

/** What prompts are cached by: a provider and a model. null for programs that share nothing we know of. */
export function warmKey(plan: Plan, state: RunState, index: number): string | null {
  const task = plan.tasks[index];
  if (task?.work.kind !== 'agent' || plan.agents[task.work.agent]?.adapter === 'command') return null;
  return `${indexOf(plan).providers[index] ?? ''} ${modelOf(task, state.tasks[index]) ?? ''}`;
}

/** The state after something that a provider said while an attempt is under way; one of an attempt that has ended says nothing. */
export function onSignal(plan: Plan, state: RunState, event: Signalled): RunState {
  const index = indexOfTask(plan, event.task);
  const now = state.tasks[index]?.now;
  const provider = indexOf(plan).providers[index] ?? null;
  if (provider === null || now?.at !== 'running' || now.phase !== 'work' || now.attempt !== event.attempt) return state;
  const { signal } = event;
  if (signal.kind === 'answered') return forgiven(warmed(plan, state, index), provider, index);
  const refusal = { provider, index, at: event.at, seed: seedOf(event.seq), reason: signal.message };
  if (signal.kind === 'refused') return refused(plan, state, { ...refusal, pauseMs: signal.delayMs });
  return refused(plan, state, { ...refusal, notBefore: signal.resetsAt });
}

/** Whether an answer to this task tells anything: the first of its model, or the first after a refusal. */
export function isNews(plan: Plan, state: RunState, task: TaskId): boolean {
  const index = indexOfTask(plan, task);
  const key = warmKey(plan, state, index);
  const provider = indexOf(plan).providers[index] ?? null;
  return (key !== null && !state.warm.includes(key)) || (provider !== null && state.throttles[provider]?.refused.includes(index) === true);
}

/** The state after the end of a phase; `state`: with the task as it is now. */
export function onPhaseEnd(plan: Plan, state: RunState, event: Finished): RunState {
  const index = indexOfTask(plan, event.task);
  const provider = indexOf(plan).providers[index] ?? null;
  const isAsked = provider !== null && event.phase === 'work';
  const { result } = event;
  const isKnown = isAsked && state.warm.some((key) => key.startsWith(`${provider} `));
  const trouble = afterPhase(state.trouble, { task: event.task, scope: isAsked ? provider : null, isKnown, result });
  const next = trouble === state.trouble ? state : { ...state, trouble };
  if (!isAsked) return next;
  if (!result.ok && result.retry === 'provider') {
    const over = refused(plan, next, { provider, index, at: event.at, seed: seedOf(event.seq), reason: result.message, notBefore: result.notBefore ?? null });
    return forgiven(over, provider, index);
  }
  const calm = forgiven(next, provider, index);
  return result.ok ? succeeded(plan, warmed(plan, calm, index), { provider, at: event.at }) : calm;
}

interface Refused {
  readonly provider: string;
  readonly index: number;
  readonly at: number;
  readonly seed: number;
  readonly reason: string;
  /** The client goes on by itself after so long; absent = the attempt is over, or will be. */
  readonly pauseMs?: number | null;
  readonly notBefore?: number | null;
}

function refused(plan: Plan, state: RunState, { provider, index, at, seed, reason, ...wait }: Refused): RunState {
  const gate = state.gates[provider];
  const isFirst = gate === undefined || at >= gate.closedUntil;
  const { providers } = indexOf(plan);
  const atWork = state.active.filter((one) => {
    const now = state.tasks[one]?.now;
    return one === index || (providers[one] === provider && now?.at === 'running' && now.phase === 'work');
  });
  const closed = wait.pauseMs === undefined ? closeGate(gate, { at, seed, reason, notBefore: wait.notBefore ?? null }) : pauseGate(gate, { at, seed, reason, delayMs: wait.pauseMs });
  return {
    ...state,
    gates: { ...state.gates, [provider]: closed },
    throttles: { ...state.throttles, [provider]: lower(state.throttles[provider], { index, atWork, isFirst }) },
  };
}

function succeeded(plan: Plan, state: RunState, { provider, at }: { provider: string; at: number }): RunState {
  const gate = state.gates[provider];
  // One that was under way when the limit came says nothing about the limit.
  const gates = gate === undefined || at < gate.closedUntil ? state.gates : { ...state.gates, [provider]: openGate(gate) };
  const throttle = state.throttles[provider];
  if (throttle === undefined) return gates === state.gates ? state : { ...state, gates };
  const raised = raise(throttle, plan.maxParallel);
  if (raised !== undefined) return { ...state, gates, throttles: { ...state.throttles, [provider]: raised } };
  const { [provider]: _, ...throttles } = state.throttles;
  // Said with the gate, which is as it was.
  const told = gates[provider] === undefined ? gates : { ...gates, [provider]: { ...gates[provider], announced: false } };
  return { ...state, gates: told, throttles };
}

function warmed(plan: Plan, state: RunState, index: number): RunState {
  const key = warmKey(plan, state, index);
  return key === null || state.warm.includes(key) ? state : { ...state, warm: [...state.warm, key] };
}

function forgiven(state: RunState, provider: string, index: number): RunState {
  const throttle = state.throttles[provider];
  if (throttle === undefined) return state;
  const after = forgive(throttle, index);
  return after === throttle ? state : { ...state, throttles: { ...state.throttles, [provider]: after } };
}
