// Landing: on a free branch, in clean and dirty checkouts, against whoever else moves the target. Real git.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLander, type Lander } from '../../src/effects/git/land.ts';
import type { Repository } from '../../src/effects/effects.ts';
import { createRefs } from '../../src/effects/git/refs.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { checkoutState, makeRepo, runGit, type TestRepo } from '../support/repo.ts';

let repo: TestRepo;
let base: string;
let next: string;
let further: string;

/** `next` changes a.txt and adds new.txt on top of main, `further` changes b.txt on top of that; main stays where it is. */
beforeEach(() => {
  repo = makeRepo({ commits: 1 });
  base = repo.commit('Files', { 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': '*.log\n' });
  repo.git('checkout', '-q', '-b', 'work');
  next = repo.commit('Next', { 'a.txt': 'next\n', 'new.txt': 'new\n', 'kept.log': 'log\n' });
  repo.git('add', '-f', 'kept.log');
  next = repo.commit('Log');
  further = repo.commit('Further', { 'b.txt': 'further\n' });
  repo.git('checkout', '-q', 'main');
  repo.git('branch', '-q', '-D', 'work');
});
afterEach(() => {
  repo.dispose();
});

/** Its processes end by themselves, after a moment without work. */
function landerIn(found: Repository, options: { run: string; target: string }): Lander {
  return createLander(found, { ...options, refs: createRefs(found) });
}
async function lander(target = 'main', at: TestRepo = repo): Promise<Lander> {
  return landerIn(await openRepository(at.path), { run: 'r', target });
}
const at = (file: string): string => path.join(repo.path, file);
const shaOf = (name: string): string => repo.git('rev-parse', '--verify', name);

test('a branch that nobody has checked out is moved to exactly the commit, and only from where it was expected', async () => {
  repo.git('branch', 'free', base);
  const free = await lander('free');
  expect(await free.tip()).toBe(base);
  const before = checkoutState(repo);
  expect(await free.land(base, next)).toEqual({ kind: 'landed', in: 'branch' });
  expect(shaOf('free')).toBe(next);
  expect({ ...checkoutState(repo), refs: '' }).toEqual({ ...before, refs: '' });
  expect(await free.land(base, further)).toEqual({ kind: 'moved', to: next });
  expect(shaOf('free')).toBe(next);
  expect(await free.contains(next)).toBe(true);
  expect(await free.contains(further)).toBe(false);
});

test('a clean checkout is fast-forwarded with its files, unrelated edits stay as they are', async () => {
  writeFileSync(at('b.txt'), 'mine\n');
  writeFileSync(at('untracked.txt'), 'mine\n');
  expect(await (await lander()).land(base, next)).toEqual({ kind: 'landed', in: 'checkout' });
  expect(shaOf('main')).toBe(next);
  expect(readFileSync(at('a.txt'), 'utf8')).toBe('next\n');
  expect(repo.git('status', '--porcelain')).toBe(' M b.txt\n?? untracked.txt');
});

test.each([
  ['an edited file', () => writeFileSync(at('a.txt'), 'mine\n')],
  ['a staged file', () => { writeFileSync(at('a.txt'), 'mine\n'); repo.git('add', 'a.txt'); }],
  ['an untracked file', () => writeFileSync(at('new.txt'), 'mine\n')],
  ['an ignored file', () => writeFileSync(at('kept.log'), 'mine\n')],
])('%s in the way: nothing of the checkout is touched, the result waits on a branch', async (_, disturb) => {
  disturb();
  const before = checkoutState(repo);
  const main = await lander();
  const landing = await main.land(base, next);
  expect(landing).toMatchObject({ kind: 'aside', branch: 'orch/r/merged', command: 'git merge --ff-only orch/r/merged' });
  expect(checkoutState(repo)).toEqual(before);
  expect(shaOf('orch/r/merged')).toBe(next);
  expect(await main.tip()).toBe(next);
  // What follows is stacked on what waits; once the user has made room, both land, and nothing waits any more.
  expect(await main.land(base, further)).toEqual({ kind: 'moved', to: next });
  repo.git('reset', '-q', '--hard');
  for (const file of ['new.txt', 'kept.log']) rmSync(at(file), { force: true });
  expect(await main.land(next, further)).toEqual({ kind: 'landed', in: 'checkout' });
  expect(shaOf('main')).toBe(further);
  expect(() => shaOf('orch/r/merged')).toThrow();
});

test('what a fast-forward that was killed has left is rolled forward; what is a person’s, even a staged mode, stops it', async () => {
  // As git leaves it: some files are written, one is deleted, the index and HEAD know nothing of that.
  writeFileSync(at('a.txt'), 'next\n');
  writeFileSync(at('new.txt'), 'new\n');
  const before = checkoutState(repo);
  writeFileSync(at('b.txt'), 'mine\n');
  expect(await (await lander()).land(base, further)).toMatchObject({ kind: 'aside', because: expect.stringContaining('b.txt') as unknown });
  repo.git('update-ref', '-d', 'refs/heads/orch/r/merged');
  writeFileSync(at('b.txt'), 'b\n');
  expect(repo.git('diff', '--cached', '--name-only')).toBe('');
  expect(Object.keys(checkoutState(repo))).toEqual(Object.keys(before));
  repo.git('update-index', '--chmod=+x', 'a.txt');
  expect(await (await lander()).land(base, next)).toMatchObject({ kind: 'aside', because: expect.stringContaining('a.txt') as unknown });
  expect(repo.git('diff', '--cached', '--summary')).toContain('mode change 100644 => 100755 a.txt');
  repo.git('update-ref', '-d', 'refs/heads/orch/r/merged');
  repo.git('update-index', '--chmod=-x', 'a.txt');
  expect(await (await lander()).land(base, next)).toEqual({ kind: 'landed', in: 'checkout' });
  expect([shaOf('main'), repo.git('status', '--porcelain'), readFileSync(at('a.txt'), 'utf8')]).toEqual([next, '', 'next\n']);
});

test('a commit of the user on the target meanwhile is seen, and nothing is lost', async () => {
  const theirs = repo.commit('Mine', { 'c.txt': 'c\n' });
  expect(await (await lander()).land(base, next)).toEqual({ kind: 'moved', to: theirs });
  expect(shaOf('main')).toBe(theirs);
});

test('results that wait go on waiting when the target goes its own way', async () => {
  writeFileSync(at('a.txt'), 'mine\n');
  const main = await lander();
  await main.land(base, next);
  const theirs = repo.commit('Mine', {});
  expect(await main.tip()).toBe(next);
  expect(await main.land(next, further)).toMatchObject({ kind: 'aside', because: 'main has moved on', command: 'git merge orch/r/merged' });
  expect([shaOf('main'), shaOf('orch/r/merged')]).toEqual([theirs, further]);
});

test('a target that is checked out in another worktree is fast-forwarded there, and left alone during a rebase', async () => {
  const other = path.join(repo.home, 'other');
  repo.git('branch', 'shared', base);
  repo.git('worktree', 'add', '-q', other, 'shared');
  const shared = await lander('shared');
  expect(await shared.land(base, next)).toEqual({ kind: 'landed', in: 'checkout' });
  expect(runGit(other, ['status', '--porcelain'])).toBe('');
  const gitDir = runGit(other, ['rev-parse', '--absolute-git-dir']);
  mkdirSync(path.join(gitDir, 'rebase-merge'));
  writeFileSync(path.join(gitDir, 'rebase-merge/head-name'), 'refs/heads/shared\n');
  runGit(other, ['checkout', '-q', '--detach']);
  expect(await shared.land(next, further)).toMatchObject({ kind: 'aside', because: expect.stringContaining('rebase') });
  expect(shaOf('shared')).toBe(next);
});

test('a worktree that is gone, options of the branch, another name for the target, a missing target', async () => {
  repo.git('config', 'branch.main.mergeoptions', '--squash');
  expect(await (await lander()).land(base, next)).toEqual({ kind: 'landed', in: 'checkout' });
  expect(repo.git('status', '--porcelain')).toBe('');
  const other = path.join(repo.home, 'gone');
  repo.git('worktree', 'add', '-q', '-b', 'away', other, base);
  rmSync(other, { recursive: true });
  expect(await (await lander('away')).land(base, next)).toMatchObject({ kind: 'aside', because: expect.stringContaining('cannot be reached') });
  repo.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
  expect(await landerIn(await openRepository(repo.path), { run: 'alias', target: 'alias' }).land(next, further)).toMatchObject({ kind: 'aside' });
  expect(shaOf('main')).toBe(next);
  expect(repo.git('symbolic-ref', 'refs/heads/alias')).toBe('refs/heads/main');
  expect(await (await lander('nowhere')).tip()).toBeNull();
  expect(await (await lander('nowhere')).land(base, next)).toMatchObject({ kind: 'failed' });
});

test('a bare repository, and a lock that somebody holds for a moment', async () => {
  const bare = path.join(repo.home, 'bare.git');
  runGit(repo.home, ['clone', '-q', '--bare', repo.path, bare]);
  runGit(bare, ['fetch', '-q', repo.path, `${further}:refs/keep/further`]);
  const inBare = landerIn(await openRepository(bare), { run: 'r', target: 'main' });
  expect(await inBare.land(base, further)).toEqual({ kind: 'landed', in: 'branch' });
  const lock = at('.git/index.lock');
  writeFileSync(lock, '');
  const landing = (await lander()).land(base, next);
  // The lander has met the lock when it has begun to wait; it goes away at some time after that.
  const timer = setTimeout(() => rmSync(lock), 120);
  expect(await landing).toEqual({ kind: 'landed', in: 'checkout' });
  clearTimeout(timer);
  expect(existsSync(lock)).toBe(false);
});
