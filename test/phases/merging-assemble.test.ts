// Branches stacked in memory, held against git's own merges in a worktree.
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { MergeBranch } from '../../src/effects/git/merge-assemble.ts';
import { conflictsAmong } from '../../src/effects/git/merge-pairs.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { makeMergeRig, type MergeRig } from '../support/merge-rig.ts';
import type { Files, FileSpec } from '../support/repo.ts';
import { patience, tries } from '../support/tries.ts';

const open: MergeRig[] = [];
afterEach(() => {
  for (const rig of open.splice(0)) rig.repo.dispose();
});
function rigOf(files: Files): MergeRig {
  const rig = makeMergeRig(files);
  open.push(rig);
  return rig;
}

const lines = (...changed: readonly (readonly [number, string])[]): string => {
  const all = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  for (const [at, text] of changed) all[at] = text;
  return `${all.join('\n')}\n`;
};

const BASE: Files = {
  'a.txt': lines(), 'b.txt': lines([3, 'b']), 'dir/one.txt': lines([1, 'one']), 'dir/two.txt': lines([2, 'two']), 'dir/deep/three.txt': lines([3, 'three']),
  'other/x.txt': lines([4, 'x']), 'tool.sh': { executable: '#!/bin/sh\n' }, 'bin.dat': Buffer.from([0, 1, 2, 3, 255]), 'link': { link: 'a.txt' },
  'häßlich ✓.txt': 'umlaut\n', 'with "quote" and \\.txt': 'quote\n',
};
const PATHS = [...Object.keys(BASE), 'new.txt', 'dir/new.txt', 'dir/deep/new.txt', 'A.TXT', 'other', 'moved/one.txt', 'moved/two.txt', 'tool.sh/inside', ' space .txt', 'line\nfeed.txt'];

const spec: fc.Arbitrary<FileSpec> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(29), fc.constantFrom('X', 'Y')).map(([at, text]) => lines([at, text])) },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom<FileSpec>({ executable: lines() }, { link: 'b.txt' }, Buffer.from([0, 9, 8, 255]), '', lines([1, 'one'])) },
);
/** Files, or the move of a folder. */
const change: fc.Arbitrary<Files> = fc.oneof(
  { weight: 5, arbitrary: fc.dictionary(fc.constantFrom(...PATHS), spec, { minKeys: 1, maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.constant<Files>({ 'dir/one.txt': null, 'dir/two.txt': null, 'dir/deep/three.txt': null, 'moved/one.txt': lines([1, 'one']), 'moved/two.txt': lines([2, 'two']), 'moved/deep/three.txt': lines([3, 'three']) }) },
  { weight: 1, arbitrary: fc.constant<Files>({ 'a.txt': null, 'renamed.txt': lines() }) },
);
interface Shape {
  readonly commits: readonly Files[];
  /** Which earlier branch it starts from, if any. */
  readonly need: number | null;
  readonly late: boolean;
}
const shapes = fc.array(fc.record({ commits: fc.array(change, { minLength: 1, maxLength: 2 }), need: fc.option(fc.nat(5), { freq: 4 }), late: fc.boolean() }), { minLength: 1, maxLength: 6 });

/** Branches as described; those that are `late` start where the target is after it has moved. */
function build(rig: MergeRig, described: readonly Shape[], moved: string): MergeBranch[] {
  const made: MergeBranch[] = [];
  for (const [i, { commits, need, late }] of described.entries()) {
    const on = need === null ? undefined : made[need];
    made.push(rig.branch(`b${i}`, commits.map(tidy), on === undefined ? { start: late ? moved : rig.base } : { start: on.tip, needs: [on.id] }));
  }
  return made;
}

/** A file and a folder of the same name cannot be written in one commit. */
function tidy(files: Files): Files {
  const names = Object.keys(files).filter((name) => files[name] !== null);
  return Object.fromEntries(Object.entries(files).filter(([name]) => !names.some((other) => other !== name && name.startsWith(`${other}/`))));
}

test('any branches: the same trees, and the same conflicts, as git merge gives one by one', async () => {
  const rig = rigOf(BASE);
  const moved = rig.repo.commit('Moved on', { 'target.txt': 'moved\n', 'b.txt': lines([3, 'b'], [20, 'moved']) });
  const assembler = await rig.assembler();
  let disjoint = 0;
  await fc.assert(fc.asyncProperty(shapes, async (described) => {
    const branches = build(rig, described, moved);
    const { steps, clashes } = await assembler.assemble('line', moved, branches);
    const { head, leftOut } = rig.reference(moved, branches);
    const done = new Set(steps.map(({ id }) => id));
    expect(branches.map(({ id }) => id).filter((id) => !done.has(id))).toEqual(leftOut);
    expect(rig.files(steps.at(-1)?.commit ?? moved)).toEqual(rig.files(head));
    for (const { id, files, kept } of clashes) {
      expect(leftOut).toContain(id);
      expect(files.length).toBeGreaterThan(0);
      rig.git('rev-parse', '--verify', `${kept}^{tree}`);
    }
    for (const [i, { id, commit }] of steps.entries()) {
      const branch = branches.find((each) => each.id === id);
      const below = steps[i - 1]?.commit ?? moved;
      if (commit !== below) expect(rig.git('log', '-1', '--format=%P', commit)).toBe(`${below} ${branch?.tip}`);
    }
    disjoint += steps.length > 1 ? 1 : 0;
  }), { numRuns: tries(20) });
  expect(disjoint).toBeGreaterThan(5);
  await assembler.close();
  rig.git('fsck', '--strict', '--no-dangling');
}, patience(120_000));

test.each([
  ['a folder that one branch moves and another adds to', [{ 'dir/one.txt': null, 'dir/two.txt': null, 'dir/deep/three.txt': null, 'moved/one.txt': lines([1, 'one']), 'moved/two.txt': lines([2, 'two']), 'moved/deep/three.txt': lines([3, 'three']) }], [{ 'dir/added.txt': 'added\n' }]],
  ['a file that one branch renames and another edits', [{ 'a.txt': null, 'renamed.txt': lines() }], [{ 'a.txt': lines([9, 'edited']) }]],
  ['a file where another branch has a folder', [{ other: 'file\n', 'other/x.txt': null }], [{ 'other/y.txt': 'y\n' }]],
  ['names that only case tells apart', [{ 'Upper.txt': 'one\n' }], [{ 'upper.txt': 'two\n' }]],
] as readonly (readonly [string, readonly Files[], readonly Files[]])[])('%s: as git merges it, in either order, also when the target did one of them', async (_, one, two) => {
  const rig = rigOf(BASE);
  const [a, b] = [rig.branch('a', one), rig.branch('b', two)];
  const assembler = await rig.assembler();
  for (const order of [[a, b], [b, a]]) {
    for (const [onto, branches] of [[rig.base, order], [order[0]?.tip ?? '', order.slice(1)]] as const) {
      const { steps, clashes } = await assembler.assemble('line', onto, branches);
      const { head, leftOut } = rig.reference(onto, branches);
      expect(clashes.map(({ id }) => id)).toEqual(leftOut);
      expect(rig.files(steps.at(-1)?.commit ?? onto)).toEqual(rig.files(head));
    }
  }
  await assembler.close();
});

test('a dependent that takes back what its need did', async () => {
  const rig = rigOf(BASE);
  const need = rig.branch('need', [{ 'a.txt': lines([5, 'need']), 'n.txt': 'n\n' }]);
  const back = rig.branch('back', [{ 'a.txt': lines(), 'n.txt': null, 'own.txt': 'own\n' }], { start: need.tip, needs: ['need'] });
  const assembler = await rig.assembler();
  const { steps } = await assembler.assemble('line', rig.base, [need, back]);
  expect(rig.files(steps[1]?.commit ?? '')).toEqual(rig.files(rig.reference(rig.base, [need, back]).head));
  expect(rig.git('show', `${steps[1]?.commit}:a.txt`)).not.toContain('need');
  await assembler.close();
});

test('what conflicts with what, without merging anything', async () => {
  const rig = rigOf(BASE);
  const moved = rig.repo.commit('Target', { 'b.txt': lines([3, 'target']) });
  const made = [
    rig.branch('a', [{ 'a.txt': lines([1, 'a']) }]), rig.branch('b', [{ 'a.txt': lines([1, 'b']) }]), rig.branch('c', [{ 'a.txt': lines([20, 'c']) }]),
    rig.branch('d', [{ 'b.txt': lines([3, 'd']) }]), rig.branch('e', [{ 'e.txt': 'e\n' }]),
  ];
  const paths = [['a.txt'], ['a.txt'], ['a.txt'], ['b.txt'], ['e.txt']];
  const before = rig.git('count-objects');
  const found = await conflictsAmong(await openRepository(rig.repo.path), moved, made.map(({ id, tip }, i) => ({ id, tip, paths: paths[i] ?? [] })));
  expect(found).toEqual([{ between: ['b', 'a'], files: ['a.txt'] }, { between: ['d', null], files: ['b.txt'] }]);
  expect(rig.git('count-objects')).toBe(before);
});
