// Pushing to a real remote: only orch's own branches, only over what was expected there; what a remote refuses, and
// whose address it is.
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { projectOf } from '../../src/effects/forge.ts';
import { runProgram } from '../../src/effects/git/plumbing.ts';
import { remoteOf, withoutCredentials, type Remote } from '../../src/effects/git/remote.ts';
import { isAncestor, openRepository } from '../../src/effects/git/repository.ts';
import { makeRepo, runGit, type TestRepo } from '../support/repo.ts';

let repo: TestRepo;
let bare: string;
let base: string;
beforeEach(() => {
  repo = makeRepo({ commits: 1 });
  bare = path.join(repo.home, 'remote.git');
  base = repo.commit('Base');
  runGit(repo.home, ['clone', '-q', '--bare', repo.path, bare]);
  repo.git('remote', 'add', 'origin', bare);
});
afterEach(() => { repo.dispose(); });

async function origin(): Promise<Remote> {
  const remote = await remoteOf(await openRepository(repo.path), 'main');
  if (remote === null) throw new Error('no remote');
  return remote;
}
const commit = (message: string): string => repo.git('commit-tree', 'main^{tree}', '-p', 'main', '-m', message);

test('a branch is put where it was expected and nowhere else; nothing else of the repository goes along', async () => {
  const remote = await origin();
  repo.git('tag', '-a', 'v1', '-m', 'v1');
  repo.git('config', 'push.followTags', 'true');
  const [one, two, theirs] = [commit('One'), commit('Two'), commit('Theirs')];
  expect(await remote.push('r', [{ branch: 'orch/r/a', head: one, expected: null }, { branch: 'orch/r/b', head: two, expected: null }])).toEqual(new Map());
  expect(await remote.heads(['orch/r/*', 'main', 'absent'])).toEqual(new Map([['main', base], ['orch/r/a', one], ['orch/r/b', two]]));
  expect(runGit(bare, ['tag'])).toBe('');
  // Somebody was faster; the other one of the same push goes through.
  runGit(bare, ['fetch', '-q', repo.path, `${theirs}:refs/heads/orch/r/a`, '--force']);
  const refused = await remote.push('r', [{ branch: 'orch/r/a', head: two, expected: one }, { branch: 'orch/r/b', head: one, expected: two }]);
  expect([...refused.keys()]).toEqual(['orch/r/a']);
  expect(refused.get('orch/r/a')).toContain('stale info');
  expect(await remote.heads(['orch/r/*'])).toEqual(new Map([['orch/r/a', theirs], ['orch/r/b', one]]));
  for (const branch of ['main', 'orch/other/a', 'orch/r']) await expect(remote.push('r', [{ branch, head: one, expected: base }])).rejects.toThrow('not a branch of r');
  expect(runGit(bare, ['rev-parse', 'main'])).toBe(base);
});

test('what others have put there can be looked at: its objects come, no reference does', async () => {
  const opened = await openRepository(repo.path);
  const theirs = runGit(bare, ['-c', 'user.name=T', '-c', 'user.email=t@example.invalid', 'commit-tree', 'main^{tree}', '-p', 'main', '-m', 'Theirs']);
  runGit(bare, ['update-ref', 'refs/pull/1/head', theirs]);
  const refs = repo.git('for-each-ref');
  expect(await isAncestor(opened, base, theirs)).toBe(false);
  const remote = await origin();
  await remote.fetch('refs/pull/2/head');
  await remote.fetch('refs/pull/1/head');
  expect(await isAncestor(opened, base, theirs)).toBe(true);
  expect([repo.git('for-each-ref'), existsSync(path.join(repo.path, '.git/FETCH_HEAD'))]).toEqual([refs, false]);
});

test('what the remote refuses, and a remote that is not there, are told in a line', async () => {
  writeFileSync(path.join(bare, 'hooks/pre-receive'), '#!/bin/sh\necho protected by rule >&2\nexit 1\n');
  chmodSync(path.join(bare, 'hooks/pre-receive'), 0o755);
  const remote = await origin();
  expect((await remote.push('r', [{ branch: 'orch/r/a', head: base, expected: null }])).get('orch/r/a')).toContain('pre-receive hook declined');
  repo.git('config', 'remote.origin.url', path.join(repo.home, 'gone.git'));
  await expect(remote.heads(['main'])).rejects.toThrow(/^remote origin cannot be asked: fatal: .*does not appear to be a git repository$/);
  expect((await remote.push('r', [{ branch: 'orch/r/a', head: base, expected: null }])).get('orch/r/a')).toMatch(/^fatal: /);
});

test('a branch’s own remote goes before origin, the only one is right, none is none', async () => {
  const opened = await openRepository(repo.path);
  repo.git('remote', 'add', 'up', 'https://user:pass@github.com/acme/demo.git');
  expect((await remoteOf(opened, 'main'))?.name).toBe('origin');
  repo.git('config', 'branch.main.remote', 'up');
  expect((await remoteOf(opened, 'main'))?.name).toBe('up');
  repo.git('remote', 'remove', 'origin');
  expect((await remoteOf(opened, 'other'))?.name).toBe('up');
  repo.git('remote', 'remove', 'up');
  expect(await remoteOf(opened, 'main')).toBeNull();
});

test.each([
  ['https://github.com/acme/demo.git', 'github.com acme/demo'], ['https://u:p@GitHub.com/acme/demo/', 'github.com acme/demo'],
  ['git@gitlab.example.org:group/sub/demo.git', 'gitlab.example.org group/sub/demo'], ['ssh://git@ssh.github.com:443/acme/demo.git', 'github.com acme/demo'],
  ['/srv/git/demo.git', null], ['file:///srv/demo.git', null], ['../demo', null], ['https://github.com/demo', null],
])('%s is %s', (url, wanted) => {
  const project = projectOf(url);
  expect(project === null ? null : `${project.host} ${project.path}`).toBe(wanted);
});

test('credentials leave a text, addresses stay', () => {
  expect(withoutCredentials("fatal: unable to access 'https://me:tok@en@host/x.git/': a@b")).toBe("fatal: unable to access 'https://host/x.git/': a@b");
});

test('a program that hangs is ended with all that it has started, in time or when asked', async () => {
  const call = { cwd: repo.home, env: { PATH: process.env['PATH'] ?? '' } };
  const late = await runProgram('/bin/sh', ['-c', 'sleep 300 & sleep 300'], { ...call, timeoutMs: 50 });
  expect([late.code, late.stderr]).toEqual([-1, 'no answer in 0 s']);
  const stop = new AbortController();
  const running = runProgram('/bin/sh', ['-c', 'sleep 300 | cat'], { ...call, signal: stop.signal });
  stop.abort();
  expect([(await running).code, (await running).stderr]).toEqual([-1, 'stopped']);
});
