// `strategy.matrix` → combinations, as GitHub Actions documents it: `exclude` first, then every `include` in order. Pure.
import type { MatrixFields } from '../manifest/schema.ts';

/** Values by name, all as text. Order of names: the axes as written, then what `include` added. */
export type Combination = Readonly<Record<string, string>>;

/** The named lists of a matrix, in the order of the manifest. */
export function axesOf({ include: _i, exclude: _e, ...axes }: MatrixFields): readonly (readonly [string, readonly string[]])[] {
  return Object.entries(axes);
}

/** How many combinations there are before `exclude`, without making them. */
export function countOf(matrix: MatrixFields): number {
  const axes = axesOf(matrix);
  return (axes.length === 0 ? 0 : axes.reduce((count, [, values]) => count * values.length, 1)) + (matrix.include?.length ?? 0);
}

/**
 * All combinations; the first axis varies slowest, what `include` adds comes last. An `include` extends each combination
 * whose own values it does not contradict (values that came by `include` may be replaced); one that extends none is a
 * combination of its own, which later ones leave alone.
 */
export function combinationsOf(matrix: MatrixFields): Combination[] {
  const axes = axesOf(matrix);
  const own = new Set(axes.map(([name]) => name));
  const isExcluded = (one: Combination): boolean => (matrix.exclude ?? []).some((entry) => Object.entries(entry).every(([name, value]) => one[name] === value));
  const originals: Record<string, string>[] = product(axes).filter((one) => !isExcluded(one));
  const added: Combination[] = [];
  for (const entry of matrix.include ?? []) {
    const pairs = Object.entries(entry);
    // What fits has the same values in the axes, so that extending never changes an original value.
    const targets = originals.filter((one) => pairs.every(([name, value]) => !own.has(name) || one[name] === value));
    for (const target of targets) Object.assign(target, entry);
    if (targets.length === 0) added.push({ ...entry });
  }
  return [...originals, ...added];
}

function product(axes: readonly (readonly [string, readonly string[]])[]): Record<string, string>[] {
  if (axes.length === 0) return [];
  return axes.reduce<Record<string, string>[]>((made, [name, values]) => made.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))), [{}]);
}
