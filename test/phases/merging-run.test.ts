// The whole merge on real repositories: queue, stacks, verify command in worktrees, audit, landing; with crashes, and
// with somebody who commits to the target meanwhile.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { openMergeWorld, type GitMergeWorld, type MergeWorldOptions } from '../../src/effects/git/merge-world.ts';
import type { MergeBranch } from '../../src/effects/git/merge-assemble.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { Merger } from '../../src/merging/merger.ts';
import { initialQueue, type Candidate, type MergeFact, type MergeOutcome } from '../../src/merging/queue.ts';
import { reduceQueue } from '../../src/merging/reduce.ts';
import { makeMergeRig, type MergeRig } from '../support/merge-rig.ts';
import { runGit, walk, type Files } from '../support/repo.ts';
import { patience, tries } from '../support/tries.ts';

const open: MergeRig[] = [];
afterEach(() => {
  for (const rig of open.splice(0)) rig.repo.dispose();
});
function rigOf(files: Files = {}): MergeRig {
  const rig = makeMergeRig(files);
  rig.git('branch', 'target', rig.base);
  open.push(rig);
  return rig;
}

/** Red with a file `bad…`, or with both files of a pair `pair-<n>-a`, `pair-<n>-b`. */
const VERIFY = 'ls bad* >/dev/null 2>&1 && exit 1; for a in pair-*-a; do [ -e "$a" ] && [ -e "${a%a}b" ] && exit 1; done; exit 0';
const check = (folder: string): 'pass' | 'fail' => (spawnSync('sh', ['-c', VERIFY], { cwd: folder }).status === 0 ? 'pass' : 'fail');

interface Merge {
  readonly outcomes: ReadonlyMap<string, MergeOutcome>;
  readonly facts: readonly MergeFact[];
  readonly notes: readonly string[];
}
interface MergeOptions extends Partial<MergeWorldOptions> {
  readonly slots?: number;
  readonly batch?: 'auto' | number;
  /** Numbers of facts after which the process dies. */
  readonly crashes?: readonly number[];
  readonly priority?: (id: string) => number;
}

function candidateOf(rig: MergeRig, branch: MergeBranch, priority: number): Candidate {
  const paths = rig.git('diff', '--name-only', '-z', '--no-renames', branch.start, branch.tip).split('\0').filter((name) => name !== '');
  return { id: branch.id, tip: branch.tip, start: branch.start, needs: branch.needs, paths, priority, size: paths.length };
}

/** Merges branches into `target`, dying and going on as told. */
async function mergeAll(rig: MergeRig, branches: readonly MergeBranch[], options: MergeOptions = {}): Promise<Merge> {
  const { slots = 2, batch = 'auto', crashes = [], priority = () => 0, ...over } = options;
  const facts: MergeFact[] = [];
  const notes: string[] = [];
  const candidates = branches.map((branch) => candidateOf(rig, branch, priority(branch.id)));
  const dying = [...crashes].sort((a, b) => a - b);
  for (;;) {
    const world = await openMergeWorld({
      repo: await openRepository(rig.repo.path), run: 'run', target: 'target', strategy: 'merge', policies: [], root: path.join(rig.repo.home, 'trees'),
      message: (id) => `Merge ${id}\n`, verify: async (folder) => Promise.resolve(check(folder)), onNote: (note) => notes.push(note), now: () => 1_700_000_000, ...over,
    });
    const state = facts.reduce(reduceQueue, initialQueue({ slots, batch }));
    const limit = dying.shift() ?? Infinity;
    const record = async (fact: MergeFact): Promise<void> => {
      await Promise.resolve();
      if (facts.length >= limit) throw new Error('died');
      facts.push(fact);
    };
    const merger = new Merger({ world, state, record });
    merger.tell({ type: 'target-seen', commit: (await world.tip()) ?? '', green: false, landed: await lostLanding(world, state) });
    merger.tell({ type: 'branches-arrived', candidates });
    merger.tell({ type: 'arrivals-closed' });
    const end = await merger.run().catch((error: unknown) => {
      if (!(error instanceof Error) || error.message !== 'died') throw error;
      return null;
    });
    await world.close();
    if (end === null) continue;
    return { outcomes: new Map([...end.branches].flatMap(([id, { now }]) => (now.at === 'settled' ? [[id, now.outcome] as const] : []))), facts, notes };
  }
}

async function lostLanding(world: GitMergeWorld, state: ReturnType<typeof initialQueue>): Promise<string | null> {
  const lost = [...state.jobs.values()].find((job) => job.kind === 'land');
  return lost?.kind === 'land' && (await world.contains(lost.to)) ? lost.to : null;
}

const kinds = (outcomes: ReadonlyMap<string, MergeOutcome>): Record<string, string> => Object.fromEntries([...outcomes].map(([id, { kind }]) => [id, kind]));
/** Branches in the order in which they are on the target. */
function landed(rig: MergeRig, branches: readonly MergeBranch[]): MergeBranch[] {
  const parents = rig.git('log', '--first-parent', '--reverse', '--format=%P', `${rig.base}..target`).split('\n').map((line) => line.split(' ')[1] ?? '');
  return parents.flatMap((tip) => branches.filter((branch) => branch.tip === tip).slice(0, 1));
}

/** Enough for git to know it again under another name. */
const LONG = Array.from({ length: 12 }, (_, i) => `line ${i}\n`).join('');
const FILES: Files = { 'a.txt': LONG, 'b.txt': 'b\n', 'dir/c.txt': 'c\n', 'tool.sh': 'tool\n' };
const change = fc.dictionary(
  fc.constantFrom('a.txt', 'b.txt', 'dir/c.txt', 'dir', 'new.txt', 'link', 'tool.sh', 'data.bin', 'pair-1-a', 'pair-1-b', 'pair-2-a', 'pair-2-b', 'bad.txt', 'A.TXT'),
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom<Files[string]>('1\n', '2\n', Buffer.from([0, 255]), { link: 'a.txt' }, { executable: 'x\n' }) }, { weight: 1, arbitrary: fc.constant(null) }),
  { minKeys: 1, maxKeys: 2 },
).map((files) => (files['dir'] === undefined ? files : { dir: files['dir'] }));
/** Renames (also out of a folder, and two of one file), changes of mode alone, and of kind. */
const moves = fc.constantFrom<Files>(
  { 'a.txt': null, 'renamed.txt': LONG }, { 'a.txt': null, 'other/renamed.txt': LONG }, { 'dir/c.txt': null, 'moved/c.txt': 'c\n' }, { 'a.txt': `${LONG}more\n` },
  { 'tool.sh': { executable: 'tool\n' } }, { 'tool.sh': { link: 'a.txt' } }, { 'data.bin': Buffer.from([0, 1, 2, 254]) }, { 'data.bin': null }, { 'docs/link.md': { link: '../a.txt' } }, { 'docs/link.md': '# No link\n' },
);
const anyChange = fc.oneof({ weight: 3, arbitrary: change }, { weight: 2, arbitrary: moves });

test('any branches, crashes included: the target is green and has what was merged, and nothing else', async () => {
  const rig = rigOf(FILES);
  const shape = fc.record({ files: anyChange, need: fc.option(fc.nat(6), { freq: 5 }) });
  await fc.assert(fc.asyncProperty(
    fc.array(shape, { minLength: 1, maxLength: 7 }), fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 2 }), fc.constantFrom('auto' as const, 1, 2),
    async (shapes, crashes, batch) => {
      rig.git('update-ref', 'refs/heads/target', rig.base);
      const branches: MergeBranch[] = [];
      for (const [i, { files, need }] of shapes.entries()) {
        const on = need === null ? undefined : branches[need];
        branches.push(rig.branch(`b${i}`, [files], on === undefined ? {} : { start: on.tip, needs: [on.id] }));
      }
      const distinct = branches.filter((branch, i) => branch.tip !== branch.start && branches.findIndex(({ tip }) => tip === branch.tip) === i);
      const usable = distinct.filter(({ needs }) => needs.every((need) => distinct.some(({ id }) => id === need)));
      const { outcomes, facts } = await mergeAll(rig, usable, { crashes, batch });
      expect(facts.filter((fact) => fact.type === 'job-finished' && fact.result.kind === 'failed')).toEqual([]);
      expect([...outcomes.keys()].sort()).toEqual(usable.map(({ id }) => id).sort());
      const merged = usable.filter(({ id }) => outcomes.get(id)?.kind === 'merged');
      const inOrder = landed(rig, usable);
      expect(inOrder.map(({ id }) => id).sort()).toEqual(merged.map(({ id }) => id).sort());
      const reference = rig.reference(rig.base, inOrder);
      expect(reference.leftOut).toEqual([]);
      expect(rig.files('target')).toEqual(rig.files(reference.head));
      expect(check(path.join(rig.repo.home, 'work'))).toBe('pass');
      expect(rig.git('for-each-ref', 'refs/orch/merge')).toBe('');
    },
  ), { numRuns: tries(10) });
  expect(readdirSync(path.join(rig.repo.path, '.git/orch/tmp'))).toEqual([]);
  expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(2);
  rig.git('fsck', '--strict', '--no-dangling');
}, patience(180_000));

test('any branches, squashed or rebased: green, audited, and each merged one is there', async () => {
  const rig = rigOf(FILES);
  const shape = fc.record({ files: anyChange, need: fc.option(fc.nat(5), { freq: 2 }) });
  await fc.assert(fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 6 }), fc.constantFrom('squash' as const, 'rebase' as const), async (shapes, strategy) => {
    rig.git('update-ref', 'refs/heads/target', rig.base);
    const branches: MergeBranch[] = [];
    for (const [i, { files, need }] of shapes.entries()) {
      const on = need === null ? undefined : branches[need];
      branches.push(rig.branch(`b${i}`, [files, { [`own-${i}`]: 'own\n' }], on === undefined ? {} : { start: on.tip, needs: [on.id] }));
    }
    const { outcomes, facts } = await mergeAll(rig, branches, { strategy });
    expect(facts.filter((fact) => fact.type === 'job-finished' && fact.result.kind === 'failed')).toEqual([]);
    const merged = [...outcomes].filter(([, { kind }]) => kind === 'merged').map(([id]) => id.replace('b', 'own-'));
    expect(rig.files('target').flatMap((line) => / (own-\d+)$/.exec(line)?.[1] ?? []).sort()).toEqual(merged.sort());
    rig.reference('target', []);
    expect(check(path.join(rig.repo.home, 'work'))).toBe('pass');
  }), { numRuns: tries(6) });
}, patience(120_000));

test('a branch that undoes what it stands on is merged, and its undoing with it', async () => {
  const rig = rigOf(FILES);
  const first = rig.branch('first', [{ 'made.txt': '1\n', 'b.txt': 'changed\n', 'dir/c.txt': null }]);
  const second = rig.branch('second', [{ 'made.txt': null, 'b.txt': 'b\n', 'dir/c.txt': 'c\n' }], { start: first.tip, needs: ['first'] });
  const third = rig.branch('third', [{ 'made.txt': '3\n' }], { start: second.tip, needs: ['second'] });
  for (const strategy of ['merge', 'squash', 'rebase'] as const) {
    rig.git('update-ref', 'refs/heads/target', rig.base);
    const { outcomes, facts } = await mergeAll(rig, [first, second, third], { strategy });
    expect(facts.filter((fact) => fact.type === 'job-finished' && fact.result.kind === 'failed')).toEqual([]);
    expect(kinds(outcomes)).toEqual({ first: 'merged', second: 'merged', third: 'merged' });
    expect(rig.files('target')).toEqual(rig.files(third.tip));
  }
});

test('a file that is renamed below, made anew under its old name and renamed by another branch: what is there goes along', async () => {
  const rig = rigOf(FILES);
  const moved = rig.branch('moved', [{ 'a.txt': null, 'other/renamed.txt': LONG }]);
  const anew = rig.branch('anew', [{ 'a.txt': '1\n' }], { start: moved.tip, needs: ['moved'] });
  const renamed = rig.branch('renamed', [{ 'a.txt': null, 'renamed.txt': LONG }]);
  rig.git('update-ref', 'refs/heads/target', rig.base);
  const { outcomes, facts } = await mergeAll(rig, [moved, anew, renamed], { priority: (id) => (id === 'renamed' ? 0 : 1) });
  expect(facts.filter((fact) => fact.type === 'job-finished' && fact.result.kind === 'failed')).toEqual([]);
  expect(kinds(outcomes)).toEqual({ moved: 'merged', anew: 'merged', renamed: 'merged' });
  expect(rig.files('target')).toEqual(rig.files(rig.reference(rig.base, [moved, anew, renamed]).head));
  expect(rig.git('show', 'target:renamed.txt')).toBe('1');
});

test('a bad branch is rejected, the second of a pair too, a conflict is kept, a dependent of the bad stays out', async () => {
  const rig = rigOf({ 'a.txt': 'a\n' });
  const bad = rig.branch('bad', [{ 'bad.txt': 'x\n' }]);
  const branches = [
    bad, rig.branch('child', [{ 'child.txt': 'x\n' }], { start: bad.tip, needs: ['bad'] }),
    rig.branch('first', [{ 'pair-1-a': 'x\n' }]), rig.branch('second', [{ 'pair-1-b': 'x\n' }]),
    rig.branch('x', [{ 'a.txt': 'x\n' }]), rig.branch('y', [{ 'a.txt': 'y\n' }]),
    ...Array.from({ length: 8 }, (_, i) => rig.branch(`good${i}`, [{ [`g${i}`]: 'g\n' }])),
  ];
  const { outcomes } = await mergeAll(rig, branches, { slots: 4 });
  const good = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`good${i}`, 'merged']));
  expect(kinds(outcomes)).toEqual({ bad: 'rejected', child: 'unmerged', first: 'merged', second: 'rejected', x: 'merged', y: 'conflict', ...good });
  expect(outcomes.get('y')).toMatchObject({ files: ['a.txt'], with: ['x'] });
  expect(rig.git('show', 'refs/orch/conflict/run/y:a.txt')).toContain('<<<<<<<');
});

test('a commit on the target meanwhile: merges are built anew on it, nobody is blamed, nothing is lost', async () => {
  const rig = rigOf({ 'a.txt': 'a\n' });
  const branches = Array.from({ length: 5 }, (_, i) => rig.branch(`b${i}`, [{ [`n${i}`]: 'n\n' }]));
  let theirs: string | null = null;
  const { outcomes, facts } = await mergeAll(rig, branches, { slots: 1, batch: 2, verify: async (folder) => {
    if (theirs === null) {
      theirs = rig.git('commit-tree', `${rig.base}^{tree}`, '-p', rig.base, '-m', 'theirs');
      rig.git('update-ref', 'refs/heads/target', theirs);
    }
    return Promise.resolve(check(folder));
  } });
  expect(new Set(Object.values(kinds(outcomes)))).toEqual(new Set(['merged']));
  expect(facts.some(({ type }) => type === 'branch-suspected')).toBe(false);
  rig.git('merge-base', '--is-ancestor', theirs ?? '', 'target');
});

test('each strategy lands what was verified; a verify command that writes files is told on, and its files do not land', async () => {
  for (const strategy of ['squash', 'rebase'] as const) {
    const rig = rigOf({ 'a.txt': 'a\n', '.gitignore': 'ignored\n' });
    const branches = Array.from({ length: 4 }, (_, i) => rig.branch(`b${i}`, [{ [`n${i}`]: 'n\n' }, { [`m${i}`]: 'm\n' }]));
    const { outcomes, notes } = await mergeAll(rig, branches, { strategy, slots: 1, batch: 1, verify: async (folder) => {
      runGit(folder, ['rev-parse', 'HEAD']);
      expect(walk(folder).filter((name) => name === 'written')).toEqual([]);
      spawnSync('sh', ['-c', 'touch written ignored'], { cwd: folder });
      return Promise.resolve(check(folder));
    } });
    expect(new Set(Object.values(kinds(outcomes)))).toEqual(new Set(['merged']));
    expect(notes).toHaveLength(4);
    expect(notes[0]).toContain('written');
    expect(rig.git('rev-list', '--count', `${rig.base}..target`)).toBe(strategy === 'squash' ? '4' : '8');
    expect(rig.git('rev-list', '--merges', `${rig.base}..target`)).toBe('');
    expect(rig.git('ls-tree', '--name-only', 'target')).not.toContain('written');
    expect(existsSync(path.join(rig.repo.home, 'trees/merge-1'))).toBe(false);
  }
});

test('lock files are made anew by a command in a worktree', async () => {
  const rig = rigOf({ 'lock.txt': '0\n', 'parts/0': '0\n' });
  const branches = ['1', '2', '3'].map((n) => rig.branch(`b${n}`, [{ [`parts/${n}`]: `${n}\n`, 'lock.txt': `0\n${n}\n` }]));
  const regenerate = async (folder: string, command: string): Promise<boolean> => Promise.resolve(spawnSync('sh', ['-c', command], { cwd: folder }).status === 0);
  const { outcomes } = await mergeAll(rig, branches, { regenerate, policies: [{ paths: 'lock.txt', resolve: { regenerate: 'cat parts/* > lock.txt' } }] });
  expect(new Set(Object.values(kinds(outcomes)))).toEqual(new Set(['merged']));
  expect(rig.git('show', 'target:lock.txt')).toBe('0\n1\n2\n3');
});

test('what a dead merge has left behind is taken over', async () => {
  const rig = rigOf({ 'a.txt': 'a\n' });
  const branches = ['1', '2'].map((n) => rig.branch(`b${n}`, [{ [n]: `${n}\n` }]));
  const trees = path.join(rig.repo.home, 'trees');
  const dead = path.join(rig.repo.path, '.git/orch/tmp', `merge-${os.hostname()}-${spawnSync('true').pid}-abc123`);
  mkdirSync(path.join(dead, 'objects'), { recursive: true });
  rig.git('update-ref', 'refs/orch/merge/run/line-1', branches[0]?.tip ?? '');
  rig.git('worktree', 'add', '-q', '--lock', '--detach', path.join(trees, 'merge-1'), rig.base);
  const gitDir = runGit(path.join(trees, 'merge-1'), ['rev-parse', '--absolute-git-dir']);
  writeFileSync(path.join(gitDir, 'index.lock'), '');
  writeFileSync(path.join(trees, 'merge-1', 'bad.txt'), 'left\n');
  const { outcomes } = await mergeAll(rig, branches);
  expect(kinds(outcomes)).toEqual({ b1: 'merged', b2: 'merged' });
  expect(existsSync(dead)).toBe(false);
  expect(rig.git('for-each-ref', 'refs/orch/merge')).toBe('');
  expect(existsSync(path.join(trees, 'merge-1'))).toBe(false);
});

test('a commit that was not stacked here cannot land', async () => {
  const rig = rigOf();
  const [branch] = [rig.branch('b', [{ b: 'b\n' }])];
  const world = await openMergeWorld({
    repo: await openRepository(rig.repo.path), run: 'run', target: 'target', strategy: 'merge', policies: [], root: path.join(rig.repo.home, 'trees'),
    message: () => 'm\n', verify: async () => Promise.resolve('pass'), onNote: () => {}, now: () => 1,
  });
  await expect(world.land(rig.base, branch.tip)).rejects.toThrow('was not stacked');
  expect(rig.git('rev-parse', 'target')).toBe(rig.base);
  await world.close();
});
