// `--only` and `--skip`: which tasks of a plan are kept, so that nobody is kept without what it needs. Pure.
import { globMatcher } from '../lib/glob.ts';
import { nearest } from '../lib/nearest.ts';
import { quoted } from '../manifest/diagnostic.ts';
import type { PlannedTask, TaskId } from './plan.ts';

/** Globs over ids; empty = everything, nothing. */
export interface Selection {
  readonly only: readonly string[];
  readonly skip: readonly string[];
}

export interface Selected {
  /** In the order of the plan. */
  readonly tasks: readonly PlannedTask[];
  /** One line each, for people. */
  readonly warnings: readonly string[];
}

/** `only` pulls in what is needed, however far; `skip` takes with it whatever needs what it takes. */
export function selectTasks(tasks: readonly PlannedTask[], { only, skip }: Selection): Selected {
  const warnings = [...unmatched('--only', only, tasks), ...unmatched('--skip', skip, tasks)];
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const wanted = only.length === 0 ? new Set(byId.keys()) : closure(tasks.filter(({ id }) => globMatcher(only)(id)), (task) => task.needs.flatMap((id) => byId.get(id) ?? []));
  const isSkipped = globMatcher(skip);
  const skipped = tasks.filter(({ id }) => wanted.has(id) && isSkipped(id));
  const dependents = dependentTasks(tasks);
  const dropped = skipped.length === 0 ? new Set<TaskId>() : closure(skipped, (task) => dependents.get(task.id) ?? []);
  const direct = new Set(skipped.map(({ id }) => id));
  const alsoDropped = [...dropped].filter((id) => wanted.has(id) && !direct.has(id));
  if (alsoDropped.length > 0) warnings.push(`also skipped, because they need what is skipped: ${listed(alsoDropped)}`);
  return { tasks: tasks.filter(({ id }) => wanted.has(id) && !dropped.has(id)), warnings };
}

/** Everything that can be reached from the given tasks, themselves included. */
function closure(from: readonly PlannedTask[], next: (task: PlannedTask) => readonly PlannedTask[]): Set<TaskId> {
  const reached = new Set(from.map(({ id }) => id));
  const open = [...from];
  for (let task = open.pop(); task !== undefined; task = open.pop()) {
    for (const other of next(task)) {
      if (reached.has(other.id)) continue;
      reached.add(other.id);
      open.push(other);
    }
  }
  return reached;
}

function dependentTasks(tasks: readonly PlannedTask[]): ReadonlyMap<TaskId, readonly PlannedTask[]> {
  const dependents = new Map<TaskId, PlannedTask[]>(tasks.map(({ id }) => [id, []]));
  for (const task of tasks) {
    for (const need of task.needs) dependents.get(need)?.push(task);
  }
  return dependents;
}

function unmatched(flag: string, globs: readonly string[], tasks: readonly PlannedTask[]): string[] {
  return globs.flatMap((glob) => {
    const matches = globMatcher([glob.replace(/^!/, '')]);
    if (tasks.some(({ id }) => matches(id))) return [];
    const meant = nearest(glob, tasks.map(({ id }) => id));
    return [`${flag} ${quoted(glob)} matches no task${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`];
  });
}

function listed(ids: readonly TaskId[]): string {
  return ids.length <= 10 ? ids.join(', ') : `${ids.slice(0, 9).join(', ')} and ${ids.length - 9} more`;
}
