// Which tasks say that they will write in the same place while nothing keeps them apart. By the declared globs alone:
// two globs may meet when the fixed beginning of one lies within the other's. Pure.
import type { Plan, PlannedTask, TaskId } from '../plan/plan.ts';

export interface Overlap {
  readonly first: TaskId;
  readonly second: TaskId;
  /** The globs that may meet, the first task's and the second's. */
  readonly globs: readonly [string, string];
}

interface Claim {
  readonly task: PlannedTask;
  readonly glob: string;
  /** The path before the first wildcard, whole segments only, each with a trailing slash. */
  readonly prefix: string;
}

/** Pairs looked at, at most: many tasks that all claim everything are warned about, not enumerated. */
const MOST_PAIRS = 2000;

/** The first `most` overlaps between tasks of which neither needs the other. */
export function planOverlaps(plan: Plan, most: number): Overlap[] {
  const claims = plan.tasks.flatMap((task) => (task.paths ?? []).map((glob): Claim => ({ task, glob, prefix: fixedPrefix(glob) })));
  claims.sort((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0));
  const needs = new Map(plan.tasks.map((task) => [task.id, task.needs]));
  const overlaps: Overlap[] = [];
  const seen = new Set<string>();
  let looked = 0;
  for (const [index, outer] of claims.entries()) {
    // Sorted, so that everything below a prefix follows it directly.
    for (let other = index + 1; other < claims.length; other += 1) {
      const inner = claims[other];
      if (inner === undefined || !inner.prefix.startsWith(outer.prefix)) break;
      if (overlaps.length >= most || looked >= MOST_PAIRS) return overlaps;
      looked += 1;
      const pair = [outer.task.id, inner.task.id].sort().join(' ');
      if (outer.task.id === inner.task.id || seen.has(pair) || !mayMeet(outer, inner)) continue;
      seen.add(pair);
      if (isOrdered(needs, outer.task.id, inner.task.id)) continue;
      overlaps.push({ first: outer.task.id, second: inner.task.id, globs: [outer.glob, inner.glob] });
    }
  }
  return overlaps;
}

function fixedPrefix(glob: string): string {
  const fixed: string[] = [];
  for (const segment of glob.replace(/^\.\//, '').split('/')) {
    if (/[*?[\]{}()!+@]/.test(segment)) break;
    fixed.push(segment);
  }
  return fixed.map((segment) => `${segment}/`).join('');
}

/** A glob without wildcards is one path: it meets what lies in it, but not its neighbours. */
function mayMeet(outer: Claim, inner: Claim): boolean {
  if (isPath(outer)) return true;
  const pattern = outer.glob.replace(/^\.\//, '').slice(outer.prefix.length);
  if (pattern.includes('**') || /[{(]/.test(pattern)) return true;
  // `src/*` does not reach into `src/a/b.ts`.
  const below = inner.prefix.slice(outer.prefix.length).split('/').length - (isPath(inner) ? 1 : 0);
  return below <= pattern.split('/').length;
}

function isPath({ glob, prefix }: Claim): boolean {
  return prefix === `${glob.replace(/^\.\//, '').replace(/\/$/, '')}/`;
}

function isOrdered(needs: ReadonlyMap<TaskId, readonly TaskId[]>, one: TaskId, other: TaskId): boolean {
  return reaches(needs, one, other) || reaches(needs, other, one);
}

function reaches(needs: ReadonlyMap<TaskId, readonly TaskId[]>, from: TaskId, to: TaskId): boolean {
  const open = [from];
  const seen = new Set(open);
  for (let task = open.pop(); task !== undefined; task = open.pop()) {
    if (task === to) return true;
    for (const need of needs.get(task) ?? []) {
      if (!seen.has(need)) open.push(need);
      seen.add(need);
    }
  }
  return false;
}
