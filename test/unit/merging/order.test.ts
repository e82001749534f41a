// Overlaps of paths, and the order in which branches go onto the line.
import { expect, test } from 'vitest';
import { overlapsOf, PathSet } from '../../../src/lib/path-overlaps.ts';
import { nextInLine } from '../../../src/merging/order.ts';
import { initialQueue, type Candidate } from '../../../src/merging/queue.ts';
import { reduceQueue } from '../../../src/merging/reduce.ts';
import { candidate } from './simulation.ts';

function overlapping(paths: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  const found = overlapsOf(Object.entries(paths).map(([id, own]) => ({ id, paths: own })));
  return Object.fromEntries([...found].map(([id, others]) => [id, [...others].sort()]));
}

test('the same file, a file where another has a folder, and names that differ in case or form', () => {
  expect(overlapping({ a: ['src/x.ts', 'src/y.ts'], b: ['src/x.ts'], c: ['src/z.ts'] })).toEqual({ a: ['b'], b: ['a'], c: [] });
  expect(overlapping({ a: ['lib'], b: ['lib/deep/x.ts'], c: ['library/x.ts'] })).toEqual({ a: ['b'], b: ['a'], c: [] });
  expect(overlapping({ a: ['README.md'], b: ['readme.md'], c: ['caf\u00e9'], d: ['cafe\u0301'] })).toEqual({ a: ['b'], b: ['a'], c: ['d'], d: ['c'] });
  expect(overlapping({ a: ['LIB'], b: ['lib/x', 'lib/y'], c: ['lib/x/deep'] })).toEqual({ a: ['b', 'c'], b: ['a', 'c'], c: ['a', 'b'] });
});

test('a set of paths sees what would get in its way', () => {
  const set = new PathSet();
  set.add('src/a/File.ts');
  expect(['src/a/file.ts', 'src', 'src/a', 'src/a/FILE.ts/x'].map((path) => set.overlaps(path))).toEqual([true, true, true, true]);
  expect(['src/a/other.ts', 'src/b', 'src/a/File.tsx'].map((path) => set.overlaps(path))).toEqual([false, false, false]);
});

function orderOf(candidates: readonly Candidate[], limit = 100): readonly string[] {
  return nextInLine(reduceQueue(initialQueue({ slots: 1, batch: 1 }), { type: 'branches-arrived', candidates }), limit);
}

test('needs, then priority, then fewest overlaps, then size, then id; whatever the order of arrival', () => {
  const all = [
    candidate('e', { size: 9 }), candidate('d', { size: 2, paths: ['shared'] }), candidate('c', { size: 3, paths: ['shared'] }),
    candidate('b'), candidate('a'), candidate('urgent', { priority: 1, needs: ['base'], size: 50 }), candidate('base', { size: 99 }),
  ];
  const expected = ['base', 'urgent', 'a', 'b', 'e', 'd', 'c'];
  expect(orderOf(all)).toEqual(expected);
  expect(orderOf(all.toReversed())).toEqual(expected);
});

test('a branch whose need is not to be had waits; needs in a circle never go', () => {
  expect(orderOf([candidate('a', { needs: ['ghost'] }), candidate('b')])).toEqual(['b']);
  expect(orderOf([candidate('a', { needs: ['b'] }), candidate('b', { needs: ['a'] }), candidate('c')])).toEqual(['c']);
});
