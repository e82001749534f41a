// A plan as a graph: what can run at the same time, and who waits for whom. Pure, linear, without recursion.
import { stagesOf } from '../lib/graph.ts';
import type { Plan, TaskId } from './plan.ts';

/** For each task, the indexes of its needs in `plan.tasks`. */
export function needIndexes({ tasks }: Pick<Plan, 'tasks'>): number[][] {
  const indexes = new Map(tasks.map(({ id }, index) => [id, index]));
  return tasks.map(({ needs }) => needs.flatMap((need) => indexes.get(need) ?? []));
}

/** The tasks in waves: all needs of a task lie in earlier waves. In the order of the plan within a wave. */
export function waves(plan: Pick<Plan, 'tasks'>): readonly (readonly TaskId[])[] {
  return stagesOf(needIndexes(plan)).stages.map((stage) => stage.flatMap((index) => plan.tasks[index]?.id ?? []));
}

/** Who needs a task, directly; every task has an entry. In the order of the plan. */
export function dependentsOf({ tasks }: Pick<Plan, 'tasks'>): ReadonlyMap<TaskId, readonly TaskId[]> {
  const dependents = new Map<TaskId, TaskId[]>(tasks.map(({ id }) => [id, []]));
  for (const { id, needs } of tasks) {
    for (const need of needs) dependents.get(need)?.push(id);
  }
  return dependents;
}
