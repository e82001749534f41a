// Which of several attempts at one task is taken: those that completed, by score, then by the size of their change. Pure.
import { plural } from '../lib/text.ts';
import type { Plan, PlannedTask } from '../plan/plan.ts';
import type { FailureReason, TaskOutcome } from './events.ts';
import { isResumable } from './outcome.ts';
import { indexOf } from './plan-index.ts';
import type { RunState, TaskState } from './state.ts';

export type Choice =
  /** Some have not settled. */
  | { readonly kind: 'open' }
  | { readonly kind: 'winner'; readonly index: number; /** what was taken of how many, and why, in a line */ readonly text: string }
  | { readonly kind: 'none'; readonly outcome: TaskOutcome; readonly reason: FailureReason | null; readonly message: string };

/** The choice among the candidates of a task. */
export function choiceOf(plan: Plan, { tasks }: RunState, task: PlannedTask): Choice {
  const { byId } = indexOf(plan);
  const candidates = (task.choose ?? []).flatMap((id) => {
    const index = byId.get(id);
    const state = index === undefined ? undefined : tasks[index];
    return index === undefined || state === undefined ? [] : [{ id, index, state }];
  });
  if (candidates.some(({ state }) => state.now.at !== 'settled')) return { kind: 'open' };
  const [best, ...others] = candidates.filter(({ state }) => outcomeOfTask(state) === 'completed').sort((a, b) => compare(a.state, b.state) || a.index - b.index);
  if (best !== undefined) {
    const rest = candidates.filter(({ id }) => id !== best.id).map(({ id, state }) => `${id} ${valueText(state)}`);
    return { kind: 'winner', index: best.index, text: `took ${best.id} (${valueText(best.state)}) of ${candidates.length}${others.length === 0 ? ', the only one that completed' : ''}: ${rest.join(', ')}` };
  }
  // One that had no chance is worth a resume of all.
  const first = candidates.find(({ state: { now } }) => now.at === 'settled' && isResumable(now.reason)) ?? candidates.find(({ state }) => outcomeOfTask(state) !== 'skipped') ?? candidates[0];
  const now = first?.state.now;
  if (now?.at !== 'settled') throw new Error(`${task.id} has nothing to choose from`);
  return { kind: 'none', outcome: now.outcome, reason: now.reason, message: `none of ${candidates.length} attempts completed: ${candidates.map(({ id, state }) => `${id} ${valueText(state)}`).join(', ')}` };
}

function outcomeOfTask({ now }: TaskState): TaskOutcome | null {
  return now.at === 'settled' ? now.outcome : null;
}

/** Negative = the first is better. A score that could not be found out counts less than any. */
function compare(a: TaskState, b: TaskState): number {
  const [first, second] = [a.score ?? Number.NEGATIVE_INFINITY, b.score ?? Number.NEGATIVE_INFINITY];
  return first === second ? linesOf(a) - linesOf(b) : second > first ? 1 : -1;
}

function linesOf({ delivery }: TaskState): number {
  return delivery === null ? 0 : delivery.insertions + delivery.deletions;
}

function valueText(state: TaskState): string {
  const { now, score } = state;
  if (now.at !== 'settled') return now.at;
  if (now.outcome !== 'completed') return now.reason ?? now.outcome;
  return [...(score === null ? [] : [`score ${score}`]), plural(linesOf(state), 'line')].join(', ');
}
