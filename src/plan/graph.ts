// A plan as a graph: what can run at the same time, and who waits for whom. Fan-outs whose tasks are yet to be made count
// as one task each. Pure, linear, without recursion.
import { stagesOf } from '../lib/graph.ts';
import type { Plan, PlannedTask, TaskId } from './plan.ts';

type Graph = Pick<Plan, 'tasks' | 'fanOuts'>;

/** The tasks, and behind them the templates of fan-outs. */
export function nodesOf({ tasks, fanOuts }: Graph): readonly PlannedTask[] {
  return fanOuts === undefined ? tasks : [...tasks, ...fanOuts.map(({ template }) => template)];
}

/** For each node, the indexes of its needs among the nodes. */
export function needIndexes(plan: Graph): number[][] {
  const nodes = nodesOf(plan);
  const indexes = new Map(nodes.map(({ id }, index) => [id, index]));
  return nodes.map(({ needs }) => needs.flatMap((need) => indexes.get(need) ?? []));
}

/** The nodes in waves: all needs of one lie in earlier waves. In the order of the plan within a wave. */
export function waves(plan: Graph): readonly (readonly PlannedTask[])[] {
  const nodes = nodesOf(plan);
  return stagesOf(needIndexes(plan)).stages.map((stage) => stage.flatMap((index) => nodes[index] ?? []));
}

/** Who needs a task, directly; every node has an entry. In the order of the plan. */
export function dependentsOf(plan: Graph): ReadonlyMap<TaskId, readonly TaskId[]> {
  const nodes = nodesOf(plan);
  const dependents = new Map<TaskId, TaskId[]>(nodes.map(({ id }) => [id, []]));
  for (const { id, needs } of nodes) {
    for (const need of needs) dependents.get(need)?.push(id);
  }
  return dependents;
}
