// Kahn's algorithm: a directed graph in stages, without recursion, in time linear in its edges. Pure.

/** A graph as lists: `needs[i]` are the nodes that must come before node `i`. */
export interface Stages {
  /** Each node's needs lie in earlier stages; within a stage in ascending order. */
  readonly stages: readonly (readonly number[])[];
  /** Nodes on a cycle or behind one, ascending. Empty = the graph is acyclic. */
  readonly stuck: readonly number[];
}

/** Sorts a graph into stages. Repeated needs are harmless. */
export function stagesOf(needs: readonly (readonly number[])[]): Stages {
  const open = needs.map((list) => list.length);
  const dependents = reversed(needs);
  const stages: number[][] = [];
  let stage = open.flatMap((count, node) => (count === 0 ? [node] : []));
  while (stage.length > 0) {
    stages.push(stage);
    const next: number[] = [];
    for (const node of stage) {
      for (const dependent of dependents[node] ?? []) {
        const left = (open[dependent] ?? 0) - 1;
        open[dependent] = left;
        if (left === 0) next.push(dependent);
      }
    }
    stage = next.sort((a, b) => a - b);
  }
  return { stages, stuck: open.flatMap((count, node) => (count > 0 ? [node] : [])) };
}

/** The same edges the other way round: for each node, the nodes that need it. */
export function reversed(needs: readonly (readonly number[])[]): number[][] {
  const dependents: number[][] = needs.map(() => []);
  needs.forEach((list, node) => {
    for (const need of list) dependents[need]?.push(node);
  });
  return dependents;
}

/** One cycle for each knot among the stuck nodes, each as nodes in which every one needs the next; no node is in two. */
export function cyclesOf(needs: readonly (readonly number[])[], stuck: readonly number[]): number[][] {
  const isStuck = new Set(stuck);
  const seenIn = new Map<number, number>();
  const cycles: number[][] = [];
  for (const start of stuck) {
    const walk: number[] = [];
    let node: number | undefined = start;
    while (node !== undefined && !seenIn.has(node)) {
      seenIn.set(node, start);
      walk.push(node);
      node = needs[node]?.find((need) => isStuck.has(need));
    }
    // A walk that ran into an earlier walk leads to a cycle that is already told.
    if (node !== undefined && seenIn.get(node) === start) cycles.push(walk.slice(walk.indexOf(node)));
  }
  return cycles;
}
