// Squash, rebase, conflict policies, kept conflicts, attributes, and the audit that would notice a wrong stack. Real git.
import { afterEach, expect, test } from 'vitest';
import { auditStack } from '../../src/effects/git/merge-audit.ts';
import { KnownObjects } from '../../src/effects/git/merge-changes.ts';
import type { Assembly, MergeBranch } from '../../src/effects/git/merge-assemble.ts';
import { makeMergeRig, type MergeRig } from '../support/merge-rig.ts';
import { makeRepo, type Files } from '../support/repo.ts';

const open: MergeRig[] = [];
afterEach(() => {
  for (const rig of open.splice(0)) rig.repo.dispose();
});
function rigOf(files: Files, format: 'sha1' | 'sha256' = 'sha1'): MergeRig {
  const rig = makeMergeRig(files, makeRepo({ commits: 1, objectFormat: format }));
  open.push(rig);
  return rig;
}
const lines = (...changed: readonly (readonly [number, string])[]): string => {
  const all = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  for (const [i, text] of changed) all[i] = text;
  return `${all.join('\n')}\n`;
};
const lastOf = ({ steps }: Assembly): string => steps.at(-1)?.commit ?? '';
const show = (rig: MergeRig, commit: string, file: string): string => rig.git('show', `${commit}:${file}`);
async function audit(rig: MergeRig, onto: string, branches: readonly MergeBranch[], { steps }: Pick<Assembly, 'steps'>): Promise<string[]> {
  const inOrder = steps.flatMap((step) => branches.filter(({ id }) => id === step.id).map((branch) => ({ branch, commit: step.commit, resolved: step.resolved })));
  return auditStack({ cwd: rig.repo.path, env: { ...process.env } as Record<string, string>, known: new KnownObjects() }, onto, inOrder);
}

test('squash: one commit for each branch, with its message; a dependent brings only its own work', async () => {
  const rig = rigOf({ 'a.txt': lines() });
  const first = rig.branch('first', [{ 'a.txt': lines([1, 'one']) }, { 'b.txt': 'b\n' }]);
  const second = rig.branch('second', [{ 'a.txt': lines([1, 'one'], [10, 'ten']) }], { start: first.tip, needs: ['first'] });
  const assembler = await rig.assembler({ strategy: 'squash' });
  const made = await assembler.assemble('line', rig.base, [first, second]);
  expect(rig.git('log', '--format=%s %P', `${rig.base}..${lastOf(made)}`).split('\n')).toEqual([`Merge second ${made.steps[0]?.commit}`, `Merge first ${rig.base}`]);
  expect(show(rig, lastOf(made), 'a.txt')).toBe(lines([1, 'one'], [10, 'ten']).trimEnd());
  expect(await audit(rig, rig.base, [first, second], made)).toEqual([]);
  await assembler.close();
  expect(rig.git('for-each-ref', 'refs/orch/merge')).toBe('');
});

test('squash of a dependent whose need has been squashed and edited since: only its own work is merged', async () => {
  const rig = rigOf({ 'a.txt': lines() });
  const first = rig.branch('first', [{ 'a.txt': lines([1, 'one']) }]);
  const second = rig.branch('second', [{ 'a.txt': lines([1, 'one'], [10, 'ten']) }], { start: first.tip });
  const moved = rig.repo.commit('Squashed and edited', { 'a.txt': lines([1, 'uno']) });
  for (const strategy of ['squash', 'rebase'] as const) {
    const assembler = await rig.assembler({ strategy });
    const made = await assembler.assemble('line', moved, [second]);
    expect(show(rig, lastOf(made), 'a.txt')).toBe(lines([1, 'uno'], [10, 'ten']).trimEnd());
    expect(await audit(rig, moved, [second], made)).toEqual([]);
    await assembler.close();
  }
});

test('rebase: each commit with its author and message, on the new base; one that adds nothing is dropped', async () => {
  const rig = rigOf({ 'a.txt': lines() });
  const moved = rig.repo.commit('Target', { 'a.txt': lines([18, 'target']), 'same.txt': 'same\n' });
  const branch = rig.branch('b', [{ 'a.txt': lines([1, 'one']) }, { 'same.txt': 'same\n' }, { 'a.txt': lines([1, 'one'], [5, 'five']) }]);
  const assembler = await rig.assembler({ strategy: 'rebase' });
  const made = await assembler.assemble('line', moved, [branch]);
  expect(rig.git('log', '--format=%s|%an', `${moved}..${lastOf(made)}`).split('\n')).toEqual(['b 3|Agent', 'b 1|Agent']);
  expect(show(rig, lastOf(made), 'a.txt')).toBe(lines([1, 'one'], [5, 'five'], [18, 'target']).trimEnd());
  expect(rig.git('log', '-1', '--format=%cn', lastOf(made))).toBe('Ada Tester');
  await assembler.close();
});

test('policies: union, ours, theirs, and a file that a command makes anew; what has no policy stays a conflict', async () => {
  const rig = rigOf({ 'CHANGELOG.md': 'head\n', 'gen/api.json': '{}\n', 'lock.json': '0\n', 'mine.txt': lines(), 'gone.txt': 'x\n' });
  const a = rig.branch('a', [{ 'CHANGELOG.md': 'head\n- a\n', 'lock.json': 'a\n', 'gen/api.json': 'a\n', 'mine.txt': lines([1, 'a']), 'gone.txt': null }]);
  const b = rig.branch('b', [{ 'CHANGELOG.md': 'head\n- b\n', 'lock.json': 'b\n', 'gen/api.json': 'b\n', 'mine.txt': lines([1, 'b']), 'gone.txt': 'y\n', 'b.txt': 'b\n' }]);
  const asked: string[] = [];
  const policies = [
    { paths: '*.md', resolve: 'union' as const }, { paths: 'mine.txt', resolve: 'ours' as const }, { paths: 'gone.txt', resolve: 'theirs' as const },
    { paths: 'gen/**', resolve: 'theirs' as const }, { paths: 'lock.json', resolve: { regenerate: 'make lock' } },
  ];
  const assembler = await rig.assembler({ policies, regenerate: async (commit, command, paths) => {
    await Promise.resolve();
    asked.push(command, ...paths, show(rig, commit, 'b.txt'), show(rig, commit, 'CHANGELOG.md'));
    return new Map([['lock.json', Buffer.from('made anew\n')]]);
  } });
  const made = await assembler.assemble('line', rig.base, [a, b]);
  const files = ['CHANGELOG.md', 'mine.txt', 'gone.txt', 'gen/api.json', 'lock.json', 'b.txt'].map((file) => show(rig, lastOf(made), file));
  expect(files).toEqual(['head\n- a\n- b', lines([1, 'a']).trimEnd(), 'y', 'b', 'made anew', 'b']);
  expect(asked).toEqual(['make lock', 'lock.json', 'b', 'head\n- a\n- b']);
  expect([...(made.steps[1]?.resolved ?? [])].sort()).toEqual(['CHANGELOG.md', 'gen/api.json', 'gone.txt', 'lock.json', 'mine.txt']);
  expect(await audit(rig, rig.base, [a, b], made)).toEqual([]);
  await assembler.close();

  const strict = await rig.assembler({ policies: policies.slice(0, 4) });
  const { steps, clashes } = await strict.assemble('line', rig.base, [a, b]);
  expect([steps.map(({ id }) => id), clashes.map(({ id, files: f, after }) => ({ id, f, after }))]).toEqual([['a'], [{ id: 'b', f: ['lock.json'], after: 1 }]]);
  expect(show(rig, 'refs/orch/conflict/run/b', 'lock.json')).toMatch(/^<<<<<<<[^]*a\n=======\nb\n>>>>>>>/);
  expect(rig.git('log', '-1', '--format=%P', 'refs/orch/conflict/run/b')).toBe(`${steps[0]?.commit} ${b.tip}`);
  await strict.close();
});

test('merge attributes of the target count, also those that a branch brings', async () => {
  const rig = rigOf({ 'log.txt': 'head\n', 'other.txt': 'head\n', '.gitattributes': 'log.txt merge=union\n' });
  const a = rig.branch('a', [{ 'log.txt': 'head\na\n', 'other.txt': 'head\na\n', '.gitattributes': 'log.txt merge=union\nother.txt merge=union\n' }]);
  const b = rig.branch('b', [{ 'log.txt': 'head\nb\n' }]);
  const c = rig.branch('c', [{ 'other.txt': 'head\nc\n' }]);
  const assembler = await rig.assembler();
  const made = await assembler.assemble('line', rig.base, [a, b, c]);
  expect(made.clashes).toEqual([]);
  expect([show(rig, lastOf(made), 'log.txt'), show(rig, lastOf(made), 'other.txt')]).toEqual(['head\na\nb', 'head\na\nc']);
  await assembler.close();
});

test('stacks that are asked for at the same time do not disturb each other', async () => {
  const rig = rigOf({ 'a.txt': 'head\n' });
  const union = rig.branch('union', [{ '.gitattributes': 'a.txt merge=union\n', 'a.txt': 'head\nu\n' }]);
  const [x, y] = ['x', 'y'].map((id) => rig.branch(id, [{ 'a.txt': `head\n${id}\n` }]));
  if (x === undefined || y === undefined) throw new Error('two branches were expected');
  const assembler = await rig.assembler();
  const [one, two, three] = await Promise.all([assembler.assemble('one', rig.base, [union, x]), assembler.assemble('two', rig.base, [x, y]), assembler.assemble('three', rig.base, [union, y])]);
  expect([one, two, three].map(({ clashes }) => clashes.map(({ id }) => id))).toEqual([[], ['y'], []]);
  await assembler.close();
});

test('a branch whose need was left out is left out, and one that is merged already adds nothing', async () => {
  const rig = rigOf({ 'a.txt': 'a\n' });
  const x = rig.branch('x', [{ 'a.txt': 'x\n' }]);
  const y = rig.branch('y', [{ 'a.txt': 'y\n' }]);
  const z = rig.branch('z', [{ 'z.txt': 'z\n' }], { start: y.tip, needs: ['y'] });
  const assembler = await rig.assembler();
  const made = await assembler.assemble('line', rig.base, [x, y, z]);
  expect([made.steps.map(({ id }) => id), made.clashes.map(({ id }) => id)]).toEqual([['x'], ['y']]);
  const again = await assembler.assemble('line', lastOf(made), [x]);
  expect(again.steps).toEqual([{ id: 'x', commit: lastOf(made), resolved: [] }]);
  await assembler.close();
});

test('sha256, and objects that a garbage collection takes away in the middle', async () => {
  const rig = rigOf({ 'a.txt': lines() }, 'sha256');
  const branches = Array.from({ length: 6 }, (_, i) => rig.branch(`b${i}`, [{ 'a.txt': lines([i * 3, `b${i}`]), [`n${i}.txt`]: 'n\n' }]));
  const assembler = await rig.assembler();
  const first = await assembler.assemble('line', rig.base, branches.slice(0, 3));
  rig.git('gc', '-q', '--prune=now');
  const second = await assembler.assemble('line', lastOf(first), branches.slice(3));
  rig.git('gc', '-q', '--prune=now');
  expect(rig.files(lastOf(second))).toEqual(rig.files(rig.reference(rig.base, branches).head));
  rig.git('fsck', '--strict', '--no-dangling');
  await assembler.close();
});

test('a change and a rename of the same file land in either order, the change where the file is now; a lost one is noticed', async () => {
  const rig = rigOf({ 'a.txt': lines(), 'keep.txt': 'keep\n' });
  const change = rig.branch('change', [{ 'a.txt': lines([10, 'ten']) }]);
  const move = rig.branch('move', [{ 'a.txt': null, 'sub/b.txt': lines([1, 'one']) }]);
  for (const branches of [[change, move], [move, change]]) {
    const assembler = await rig.assembler();
    const made = await assembler.assemble('line', rig.base, branches);
    expect(show(rig, lastOf(made), 'sub/b.txt')).toBe(lines([1, 'one'], [10, 'ten']).trimEnd());
    expect(await audit(rig, rig.base, branches, made)).toEqual([]);
    await assembler.close();
  }
  // Nothing was renamed where both deleted it: then the new file has to be there.
  const gone = rig.branch('gone', [{ 'a.txt': null }]);
  const tree = rig.git('rev-parse', `${gone.tip}^{tree}`);
  const forged = rig.git('commit-tree', tree, '-p', gone.tip, '-p', move.tip, '-m', 'forged');
  expect(await audit(rig, gone.tip, [move], { steps: [{ id: 'move', commit: forged, resolved: [] }] })).toEqual(['move: sub/b.txt is not as the branch has it']);
});

test('the audit notices a step that undoes another, one that lacks something, and one from elsewhere', async () => {
  const rig = rigOf({ 'a.txt': lines(), 'b.txt': lines() });
  const a = rig.branch('a', [{ 'a.txt': lines([1, 'a']) }]);
  const b = rig.branch('b', [{ 'b.txt': lines([1, 'b']), 'new.txt': 'new\n' }]);
  const assembler = await rig.assembler();
  const { steps } = await assembler.assemble('line', rig.base, [a, b]);
  expect(await audit(rig, rig.base, [a, b], { steps })).toEqual([]);
  const [one, two] = steps;
  if (one === undefined || two === undefined) throw new Error('two steps were expected');
  const forge = (tree: string, ...parents: string[]): string => rig.git('commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-m', 'forged');
  // As if merged by a wrong base: the tree of b alone undoes a.
  const undoing = { ...two, commit: forge(`${b.tip}^{tree}`, one.commit) };
  expect(await audit(rig, rig.base, [a, b], { steps: [one, undoing] })).toEqual(['b: a.txt changed, which the branch does not change']);
  const lacking = { ...two, commit: forge(`${one.commit}^{tree}`, one.commit, b.tip) };
  expect(await audit(rig, rig.base, [a, b], { steps: [one, lacking] })).toEqual(['b: b.txt is not as the branch has it', 'b: new.txt is not as the branch has it']);
  const elsewhere = { ...two, commit: forge(`${two.commit}^{tree}`, rig.base) };
  expect((await audit(rig, rig.base, [a, b], { steps: [one, elsewhere] }))[0]).toContain('is not on the way');
  await assembler.close();
});
