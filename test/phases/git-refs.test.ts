// References: the reader that starts no process sees what git sees, and the processes that answer and move survive refusals.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createConversation } from '../../src/effects/git/conversation.ts';
import { gitEnvironment } from '../../src/effects/git/environment.ts';
import { createRefReader } from '../../src/effects/git/loose-refs.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { createRefs } from '../../src/effects/git/refs.ts';
import { makeRepo, type TestRepo } from '../support/repo.ts';

let repo: TestRepo;
beforeEach(() => { repo = makeRepo(); });
afterEach(() => { repo.dispose(); });
const PREFIXES = ['refs/heads', 'refs/tags'];
const gitDir = (...parts: string[]): string => path.join(repo.path, '.git', ...parts);

/** Everything that git lists below the prefixes. */
function asGit(): Record<string, string> {
  const lines = repo.git('for-each-ref', '--format=%(refname) %(objectname)', ...PREFIXES).split('\n');
  return Object.fromEntries(lines.filter((line) => line !== '').map((line) => line.split(' ')));
}

test('the reader sees what git sees, whatever was done to the references', () => {
  const [older, newer] = [repo.git('rev-parse', 'HEAD~1'), repo.git('rev-parse', 'HEAD')];
  const read = createRefReader(gitDir(), PREFIXES);
  const steps: readonly (() => unknown)[] = [
    () => repo.git('branch', 'one'),
    () => repo.git('branch', 'deep/er/two', older),
    () => repo.git('tag', 'v1'),
    () => repo.git('tag', '-a', '-m', 'annotated', 'v2'),
    () => repo.git('pack-refs', '--all'),
    () => repo.git('branch', '-f', 'one', older),
    () => repo.git('branch', '-D', 'deep/er/two'),
    () => repo.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/one'),
    // As somebody without git would, in place and at once: neither the folder nor the size tells.
    () => writeFileSync(gitDir('refs/heads/one'), `${newer}\n`),
    () => writeFileSync(gitDir('refs/heads/one'), `${older}\n`),
    () => writeFileSync(gitDir('refs/heads/one.lock'), 'half'),
    () => rmSync(gitDir('refs/heads/one')),
    () => repo.git('pack-refs', '--all', '--prune'),
  ];
  for (const step of steps) {
    step();
    expect(Object.fromEntries(read())).toEqual(asGit());
  }
});

test('many moves at once, one of which is refused: only that one is', async () => {
  const refs = createRefs(await openRepository(repo.path));
  const head = repo.git('rev-parse', 'HEAD');
  repo.git('branch', 'taken', 'HEAD~1');
  const names = ['a', 'b/c', 'taken', 'd'];
  const refusals = await Promise.all(names.map(async (name) => await refs.move([{ ref: `refs/heads/${name}`, from: null, to: head }])));
  expect(refusals.map((refusal) => refusal === null)).toEqual([true, true, false, true]);
  expect(refusals[2]).toMatch(/^cannot lock ref 'refs\/heads\/taken'/);
  // The process that refused has ended; the next move has a new one.
  expect(await refs.move([{ ref: 'refs/heads/a', from: head, to: null }])).toBeNull();
  expect(Object.keys(asGit())).toEqual(['refs/heads/b/c', 'refs/heads/d', 'refs/heads/main', 'refs/heads/taken']);
});

test('a move of two references is made whole or not at all', async () => {
  const refs = createRefs(await openRepository(repo.path));
  const head = repo.git('rev-parse', 'HEAD');
  const refusal = await refs.move([{ ref: 'refs/heads/new', from: null, to: head }, { ref: 'refs/heads/main', from: null, to: head }]);
  expect(refusal).toMatch(/refs\/heads\/main/);
  expect(Object.keys(asGit())).toEqual(['refs/heads/main']);
});

test('a worktree that goes away while git looks through them is no failure, one that stays broken is', async () => {
  const refs = createRefs(await openRepository(repo.path));
  repo.git('worktree', 'add', '-q', path.join(repo.home, 'side'));
  const entry = gitDir('worktrees', 'side');
  // What git sees between its look for the file and its reading of it: it is there, and cannot be read.
  rmSync(path.join(entry, 'commondir'));
  mkdirSync(path.join(entry, 'commondir'));
  await expect(refs.list(['refs/heads'])).rejects.toThrow(/commondir/);
  const listed = refs.list(['refs/heads']);
  setTimeout(() => { rmSync(entry, { recursive: true }); }, 15);
  expect((await listed).map(({ ref }) => ref)).toEqual(['refs/heads/main', 'refs/heads/side']);
});

test('names of anything are looked up by one process, and what is no name becomes no second question', async () => {
  const refs = createRefs(await openRepository(repo.path));
  const head = repo.git('rev-parse', 'HEAD');
  const tree = repo.git('rev-parse', 'HEAD^{tree}');
  const asked = ['refs/heads/main', '', 'no\nHEAD', `${head}^{tree}`, 'HEAD:nothing', 'refs/heads/gone', head];
  expect(await refs.resolve(asked)).toEqual([head, null, null, tree, null, null, head]);
  // It answers for now, not for when it was started, whoever has written what it is asked for.
  const newer = repo.commit('More', { 'more.txt': 'more\n' });
  repo.git('branch', 'late');
  repo.git('gc', '-q');
  expect(await Promise.all([refs.resolve(['refs/heads/main']), refs.resolve(['refs/heads/late', head])])).toEqual([[newer], [newer, head]]);
  await refs.rest();
  expect(await refs.resolve(['refs/heads/late'])).toEqual([newer]);
  await refs.rest();
});

test('a process that somebody ends is started again, and what it cannot be asked is an error', async () => {
  const opened = await openRepository(repo.path);
  const conversation = createConversation({ args: ['cat-file', '--batch-command', '--buffer'], cwd: opened.commonDir, env: gitEnvironment() });
  const ask = async (question: string) => await conversation.ask(question, (said) => said.endsWith('\n'));
  expect(await ask('info HEAD\nflush\n')).toMatchObject({ said: expect.stringContaining('commit') as string });
  expect(await ask('nonsense\n')).toMatchObject({ ended: expect.stringContaining('unknown command') as string });
  expect(await ask('info nowhere\nflush\n')).toEqual({ said: 'nowhere missing\n' });
  await conversation.rest();
  const lost = createRefs({ ...opened, commonDir: path.join(repo.home, 'nothing') });
  await expect(lost.resolve(['HEAD'])).rejects.toThrow('git cat-file failed');
});
