// Which tasks are attempts at another one, and whether that has chosen among them. Pure.
import type { Plan } from '../plan/plan.ts';
import { indexOf } from './plan-index.ts';
import type { RunState } from './state.ts';

/** Whether a task is an attempt among others, and the task that chooses is part of the plan. */
export function isCandidate(plan: Plan, index: number): boolean {
  const of = plan.tasks[index]?.candidateOf;
  return of !== undefined && indexOf(plan).byId.has(of);
}

/** Whether the task that chooses among this one's likes has chosen. */
export function isDecided(plan: Plan, { tasks }: RunState, index: number): boolean {
  const chooser = indexOf(plan).byId.get(plan.tasks[index]?.candidateOf ?? '');
  const now = chooser === undefined ? undefined : tasks[chooser]?.now;
  return now?.at === 'settled' && now.outcome === 'completed';
}
