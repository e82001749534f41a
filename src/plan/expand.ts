// One task of the manifest → the tasks of the plan that it stands for. Every definition stands for one task in this
// version; fan-out adds members here and nowhere else.
import type { TaskDefinition } from '../manifest/tasks.ts';
import type { Scope } from '../manifest/template.ts';
import type { TaskId } from './plan.ts';

/** A task of the plan before its fields are settled. */
export interface Member {
  readonly id: TaskId;
  readonly definition: TaskDefinition;
  /** What its templates may read besides `env`, `task`, `run` and `base`. */
  readonly scope: Scope;
}

export interface Expansion {
  /** In the order of the manifest. */
  readonly members: readonly Member[];
  /** Ids by the id of the definition: what a `needs` on it means. */
  readonly idsOf: ReadonlyMap<string, readonly TaskId[]>;
}

export function expand(tasks: readonly TaskDefinition[]): Expansion {
  return {
    members: tasks.map((definition) => ({ id: definition.id, definition, scope: {} })),
    idsOf: new Map(tasks.map(({ id }) => [id, [id]])),
  };
}
