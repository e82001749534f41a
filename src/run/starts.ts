// What keeps a task from being started although a slot is free: its provider takes no more at once, or the first one of
// its model has not been answered yet, so that the prompt cache is still cold. Pure; asked anew for each start.
import type { Plan } from '../plan/plan.ts';
import { affords, purseOf } from './budget.ts';
import type { Instant, Phase } from './events.ts';
import { indexOf } from './plan-index.ts';
import { warmKey } from './providers.ts';
import type { RunState } from './state.ts';

/** The longest that the others wait for the first answer of a model. */
export const WARM_UP_MS = 8000;

/** `until`: nothing else changes before then; Infinity = somebody else must end first. `over`: it is never started, for this want of money. */
export type Hold = { readonly until: Instant } | { readonly over: 'spent' | 'cap' };

export interface Starts {
  /** Whether the run has a slot for it: those of its own provider that are prepared and held back count as running, others do not. */
  hasSlot(index: number): boolean;
  /** Why the task cannot begin this phase now, or null. To be asked for prepared tasks first: they are counted. */
  hold(index: number, phase: Phase): Hold | null;
  /** Nothing that is not prepared can be started, whatever comes next in the plan. */
  isFull(): boolean;
}

/** Answers about one state at one instant. */
export function startsOf(plan: Plan, state: RunState, now: Instant): Starts {
  const { providers, kinds: all } = indexOf(plan);
  const kinds = [...all];
  const busy = new Map<string, number>();
  const held = new Map<string, number>();
  const warming = new Map<string, Instant>();
  let running = 0;
  for (const index of state.active) {
    const at = state.tasks[index]?.now;
    if (at?.at !== 'running') continue;
    running += 1;
    const provider = providers[index] ?? null;
    if (provider === null || at.phase === 'verify') continue;
    add(busy, provider);
    const key = at.phase === 'work' ? warmKey(plan, state, index) : null;
    if (key !== null && !state.warm.includes(key)) warming.set(key, Math.max(warming.get(key) ?? 0, at.since + WARM_UP_MS));
  }
  const purse = purseOf(plan, state);
  const isTaken = (provider: string): boolean => (busy.get(provider) ?? 0) >= (state.throttles[provider]?.slots ?? Number.POSITIVE_INFINITY);
  const hasSlotFor = (provider: string | null): boolean => running + (provider === null ? 0 : (held.get(provider) ?? 0)) < plan.maxParallel;
  return {
    hasSlot: (index) => hasSlotFor(providers[index] ?? null),
    // Not a getter: each object with one of its own keeps its state alive until the next full collection.
    isFull() {
      return running >= plan.maxParallel || kinds.every((provider) => !hasSlotFor(provider) || (provider !== null && isTaken(provider)));
    },
    hold(index, phase) {
      const provider = providers[index] ?? null;
      if (provider === null || phase === 'verify') return null;
      const money = affords(plan, state, { index, purse });
      if (money === 'spent' || money === 'cap') return { over: money };
      if (money === 'wait') return { until: Number.POSITIVE_INFINITY };
      const until = isTaken(provider) ? Number.POSITIVE_INFINITY : phase === 'work' ? (warming.get(warmKey(plan, state, index) ?? '') ?? 0) : 0;
      if (until <= now) return null;
      if (phase === 'work') {
        add(held, provider);
        add(busy, provider);
      }
      return { until };
    },
  };
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
