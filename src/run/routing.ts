// Which model an attempt is given: the task's, or the step of its ladder that it has climbed to. Pure.
import type { PlannedTask } from '../plan/plan.ts';
import type { TaskState } from './state.ts';

/** The model of a task's next or present attempt; null = the program's own choice. */
export function modelOf({ work }: PlannedTask, state: Pick<TaskState, 'step'> | undefined): string | null {
  if (work.kind !== 'agent') return null;
  return work.escalate?.[Math.min(state?.step ?? 0, work.escalate.length - 1)] ?? work.model;
}

/** Whether there is a better model to climb to. */
export function canClimb({ work }: PlannedTask, { step }: Pick<TaskState, 'step'>): boolean {
  return work.kind === 'agent' && work.escalate !== undefined && step + 1 < work.escalate.length;
}
