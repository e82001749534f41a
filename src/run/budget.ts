// What a run may spend: what is spent, what those under way may still take, and whether there is enough for one more
// start. Pure; amounts are US dollars.
import { formatUsd } from '../lib/text.ts';
import type { Plan } from '../plan/plan.ts';
import { modelOf } from './routing.ts';
import type { RunState } from './state.ts';

/** Sums of floating-point dollars are right to less than this. */
const CENT_FRACTION = 1e-6;

/** The limit of the whole run; null = none. A resume may have raised it. */
export function budgetOf({ budget }: Plan, { budgetUsd }: RunState): number | null {
  return budgetUsd ?? budget?.usd ?? null;
}

/** What attempts are compared with when the next of their kind is estimated; null = nobody learns what it costs. */
export function costKey(plan: Plan, state: RunState, index: number): string | null {
  const task = plan.tasks[index];
  if (task?.work.kind !== 'agent') return null;
  const agent = plan.agents[task.work.agent];
  return agent?.adapter === 'command' && agent.output === 'text' ? null : `${task.work.agent} ${modelOf(task, state.tasks[index]) ?? ''}`;
}

/** What is left of a task's own limit; null = it has none. */
export function capLeft({ budget }: Plan, state: RunState, index: number): number | null {
  const cap = budget?.usdPerTask ?? null;
  return cap === null ? null : Math.max(0, cap - (state.tasks[index]?.report?.costUsd ?? 0));
}

/** What an attempt is taken to need: its own limit, or the most that one like it has cost; null = unknown. */
export function expectedCost(plan: Plan, state: RunState, index: number): number | null {
  const key = costKey(plan, state, index);
  return key === null ? 0 : (capLeft(plan, state, index) ?? seenCost(plan, state, key));
}

function seenCost({ budget }: Plan, { costs }: RunState, key: string): number | null {
  return costs[key] ?? budget?.expected[key] ?? null;
}

/** The money of a run at one instant. */
export interface Purse {
  readonly usd: number | null;
  readonly left: number;
  /** Tasks that are being prepared or at work, with something reserved. */
  readonly holders: ReadonlySet<number>;
  readonly reserved: number;
}

export function purseOf(plan: Plan, state: RunState): Purse {
  const usd = budgetOf(plan, state);
  const holders = new Set<number>();
  let reserved = 0;
  const left = (usd ?? Number.POSITIVE_INFINITY) - state.costUsd;
  for (const index of usd === null ? [] : state.active) {
    const now = state.tasks[index]?.now;
    // One that waits between two phases would wait for itself.
    if (now?.at !== 'running' || now.phase === 'verify' || costKey(plan, state, index) === null) continue;
    holders.add(index);
    // One whose cost nobody knows may take all that there is.
    reserved += expectedCost(plan, state, index) ?? Math.max(0, left);
  }
  return { usd, left, holders, reserved };
}

/** Whether a task can be started: `wait` = those under way may leave enough; `spent` = nobody will. */
export function affords(plan: Plan, state: RunState, { index, purse }: { readonly index: number; readonly purse: Purse }): 'yes' | 'wait' | 'spent' | 'cap' {
  const key = costKey(plan, state, index);
  if (key === null) return 'yes';
  const cap = capLeft(plan, state, index);
  if (cap !== null && cap < CENT_FRACTION) return 'cap';
  if (purse.usd === null) return 'yes';
  const isAlone = purse.holders.size === 0;
  const seen = seenCost(plan, state, key);
  // One that is alone can have all that is left, although that is less than its limit.
  const needed = isAlone ? Math.min(cap ?? Number.POSITIVE_INFINITY, seen ?? 0) : expectedCost(plan, state, index);
  const isEnough = purse.left > CENT_FRACTION && needed !== null && purse.left - purse.reserved - needed > -CENT_FRACTION;
  return isEnough ? 'yes' : isAlone ? 'spent' : 'wait';
}

/** What the attempt's program is told to spend at most, for programs that can be told; null = no limit. */
export function allowanceOf(plan: Plan, state: RunState, index: number): number | null {
  const cap = capLeft(plan, state, index);
  const { usd, left, holders, reserved } = purseOf(plan, state);
  if (usd === null) return cap;
  const own = holders.has(index) ? (expectedCost(plan, state, index) ?? Math.max(0, left)) : 0;
  const rest = Math.max(CENT_FRACTION, left - (reserved - own));
  return Math.round(Math.min(cap ?? rest, rest) * 1e6) / 1e6;
}

/** Why a task is not started for want of money. */
export function overBudgetText(plan: Plan, state: RunState, { index, why }: { readonly index: number; readonly why: 'spent' | 'cap' }): string {
  if (why === 'cap') return `its limit of ${formatUsd(plan.budget?.usdPerTask ?? 0)} is spent`;
  const seen = seenCost(plan, state, costKey(plan, state, index) ?? '');
  return `not started: ${formatUsd(state.costUsd)} of ${formatUsd(budgetOf(plan, state) ?? 0)} are spent${seen === null ? '' : `, and it may take ${formatUsd(seen)}`}`;
}
