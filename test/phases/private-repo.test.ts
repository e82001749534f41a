// What an agent may have made of the repository that it has in a sandbox, put there by hand: what is whole is taken over,
// what is not does no harm to the user's repository.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import type { Workspace } from '../../src/effects/effects.ts';
import { makeRepo, runGit, type TestRepo } from '../support/repo.ts';
import { makeRig, RUN, type Rig } from '../support/workspace-rig.ts';

const opened: TestRepo[] = [];
afterEach(() => {
  for (const repo of opened.splice(0)) repo.dispose();
});

interface Secluded {
  readonly rig: Rig;
  readonly workspace: Workspace;
  /** The private repository on the disk. */
  readonly folder: string;
  /** Runs git as the agent does, but with the objects that it borrows where they are out here. */
  readonly git: (...args: string[]) => string;
  readonly write: (name: string, text: string) => void;
}

async function seclude(repo: TestRepo = makeRepo()): Promise<Secluded> {
  opened.push(repo);
  const rig = await makeRig(repo);
  const workspace = await rig.create('task');
  await rig.workspaces.seclude(workspace);
  const folder = path.join(repo.path, '.git/orch/workspaces', RUN, 'task/private/git');
  const admin = path.join(folder, 'worktrees', readdirSync(path.join(folder, 'worktrees'))[0] ?? '');
  const env = ['GIT_DIR', admin, 'GIT_WORK_TREE', workspace.path, 'GIT_ALTERNATE_OBJECT_DIRECTORIES', path.join(repo.path, '.git/objects')];
  return {
    rig, workspace, folder,
    git: (...args) => {
      const was = { ...process.env };
      for (let at = 0; at < env.length; at += 2) process.env[env[at] ?? ''] = env[at + 1];
      try {
        return runGit(workspace.path, ['-c', 'user.name=A', '-c', 'user.email=a@b', ...args]);
      } finally {
        for (let at = 0; at < env.length; at += 2) if (was[env[at] ?? ''] === undefined) delete process.env[env[at] ?? ''];
      }
    },
    write: (name, text) => writeFileSync(path.join(workspace.path, name), text),
  };
}

test.each(['sha1', 'sha256'] as const)('commits, files and many objects are taken over (%s)', async (objectFormat) => {
  const { rig, workspace, git, write } = await seclude(makeRepo({ objectFormat }));
  for (let n = 0; n < 120; n += 1) write(`f${n}.txt`, `${n}\n`);
  git('add', '-A');
  git('commit', '-qm', 'Many');
  write('late.txt', 'late\n');
  const { delivery, findings } = await rig.collect(workspace);
  expect({ ...delivery, head: '' }).toMatchObject({ commits: 2, filesChanged: 121 });
  expect(findings).toEqual([]);
  expect(rig.git('fsck', '--no-dangling', '--strict')).toBe('');
  expect(readdirSync(path.join(rig.repo.path, '.git/orch/workspaces', RUN, 'task'))).not.toContain('private');
  expect(await rig.collect(workspace)).toMatchObject({ delivery });
});

test('an object under the name of another does not get in, and those around it do', async () => {
  const { rig, workspace, folder, git, write } = await seclude();
  write('mine.txt', 'mine\n');
  git('add', '-A');
  git('commit', '-qm', 'Mine');
  // What the user will write one day.
  const name = createHash('sha1').update('blob 6\0future').digest('hex');
  mkdirSync(path.join(folder, 'objects', name.slice(0, 2)), { recursive: true });
  writeFileSync(path.join(folder, 'objects', name.slice(0, 2), name.slice(2)), deflateSync('blob 6\0poison'));
  const { delivery, findings } = await rig.collect(workspace);
  expect(delivery.commits).toBe(1);
  expect(findings).toEqual([]);
  rig.repo.write({ 'future.txt': 'future' });
  expect(rig.git('hash-object', '-w', 'future.txt')).toBe(name);
  expect(rig.git('cat-file', 'blob', name)).toBe('future');
  expect(rig.git('fsck', '--no-dangling')).toBe('');
});

test('one that cannot be read does not keep the commits out', async () => {
  const { rig, workspace, folder, git, write } = await seclude();
  write('mine.txt', 'mine\n');
  git('add', '-A');
  git('commit', '-qm', 'Mine');
  mkdirSync(path.join(folder, 'objects/ab'), { recursive: true });
  writeFileSync(path.join(folder, 'objects/ab', 'c'.repeat(38)), 'garbage');
  writeFileSync(path.join(folder, 'objects/pack', `pack-${'1'.repeat(40)}.idx`), 'garbage');
  expect(await rig.collect(workspace)).toMatchObject({ delivery: { commits: 1 }, findings: [] });
  expect(rig.git('fsck', '--no-dangling')).toBe('');
});

test('a commit of which something is missing is not believed; its files are saved', async () => {
  const { rig, workspace, folder, git, write } = await seclude();
  write('mine.txt', 'mine\n');
  git('add', '-A');
  git('commit', '-qm', 'Mine');
  const blob = git('rev-parse', 'HEAD:mine.txt');
  rmSync(path.join(folder, 'objects', blob.slice(0, 2), blob.slice(2)), { force: true });
  write('mine.txt', 'changed since\n');
  const { delivery, findings } = await rig.collect(workspace);
  expect(findings).toContainEqual({ kind: 'objects-lost' });
  expect(rig.git('show', `${delivery.head}:mine.txt`)).toBe('changed since');
  expect(rig.git('log', '--format=%s', `${workspace.start}..${delivery.head}`)).toBe('what the agent left');
  expect(rig.git('fsck', '--no-dangling', '--connectivity-only')).toBe('');
});

test('nothing is taken from where the agent leads to: other repositories, links', async () => {
  const other = makeRepo();
  opened.push(other);
  const secret = other.commit('Secret', { 'secret.txt': 'secret\n' });
  const { rig, workspace, folder } = await seclude();
  writeFileSync(path.join(folder, 'objects/info/alternates'), `${path.join(other.path, '.git/objects')}\n`);
  const first = secret.slice(0, 2);
  rmSync(path.join(folder, 'objects', first), { recursive: true, force: true });
  symlinkSync(path.join(other.path, '.git/objects', first), path.join(folder, 'objects', first));
  const own = path.join(folder, 'refs/heads', workspace.branch);
  mkdirSync(path.dirname(own), { recursive: true });
  writeFileSync(own, `${secret}\n`);
  const { delivery, findings } = await rig.collect(workspace);
  expect(findings).toEqual([{ kind: 'objects-lost' }]);
  expect(delivery.head).toBe(workspace.start);
  expect(() => rig.git('cat-file', '-e', secret)).toThrow(/cat-file/);
});

test('a branch that somebody moved meanwhile stays; what the agent had is saved beside it', async () => {
  const { rig, workspace, git, write } = await seclude();
  write('mine.txt', 'mine\n');
  git('add', '-A');
  git('commit', '-qm', 'Mine');
  const mine = git('rev-parse', 'HEAD');
  const theirs = rig.git('-c', 'user.name=U', '-c', 'user.email=u@v', 'commit-tree', '-m', 'Theirs', '-p', workspace.start, `${workspace.start}^{tree}`);
  rig.git('update-ref', `refs/heads/${workspace.branch}`, theirs);
  const { delivery } = await rig.collect(workspace);
  expect(rig.rescues()).toEqual([`refs/orch/rescue/${RUN}/task`]);
  expect(rig.git('rev-parse', `refs/orch/rescue/${RUN}/task`)).toBe(mine);
  expect(rig.git('merge-base', '--is-ancestor', theirs, delivery.head)).toBe('');
  expect(rig.git('show', `${delivery.head}:mine.txt`)).toBe('mine');
});

test('what cannot be read or removed by its permissions is taken over all the same', async () => {
  const { rig, workspace, folder, git, write } = await seclude();
  write('mine.txt', 'mine\n');
  git('add', '-A');
  git('commit', '-qm', 'Mine');
  for (const name of ['refs/heads', 'objects', 'worktrees', 'packed-refs']) chmodSync(path.join(folder, name), 0);
  expect(await rig.collect(workspace)).toMatchObject({ delivery: { commits: 1 }, findings: [] });
});

test('work in it is saved although the worktree and its entry are gone', async () => {
  const { rig, workspace, git, write } = await seclude();
  write('mine.txt', 'mine\n');
  git('add', '-A');
  git('commit', '-qm', 'Mine');
  const mine = git('rev-parse', 'HEAD');
  rig.git('worktree', 'unlock', workspace.path);
  rig.git('worktree', 'remove', '--force', workspace.path);
  const again = await rig.restart();
  expect(await again.workspaces.create(again.request('task', { attempt: 2 }))).toMatchObject({ ok: true });
  expect(rig.git('for-each-ref', '--contains', mine, '--format=%(refname)')).toContain(`refs/orch/rescue/${RUN}/task`);
});

test('its configuration is the repository’s without what grants access, and the user is who they are', async () => {
  const repo = makeRepo({ identity: false });
  for (const [key, value] of [
    ['core.fsmonitor', 'false'], ['core.hooksPath', '.husky'], ['alias.st', 'status'], ['remote.origin.url', 'https://me:hunter2@example.invalid/x.git'],
    ['http.https://example.invalid/.extraheader', 'AUTHORIZATION: basic aGk='], ['credential.helper', 'store'], ['my.own', 'a "quoted" \\ value'],
  ] as const) repo.git('config', key, value);
  writeFileSync(process.env['GIT_CONFIG_GLOBAL'] ?? '', '[user]\n\tname = Ada Global\n\temail = ada@example.invalid\n[credential]\n\thelper = cache\n[url "https://token@example.invalid/"]\n\tinsteadOf = x:\n');
  try {
    const { folder } = await seclude(repo);
    const listed = runGit(folder, ['config', '--file', path.join(folder, 'config'), '--list']).split('\n');
    expect(listed).toEqual(expect.arrayContaining(['user.name=Ada Global', 'core.hookspath=.husky', 'alias.st=status', 'remote.origin.url=https://example.invalid/x.git', 'my.own=a "quoted" \\ value']));
    expect(listed.filter((line) => /hunter2|token|basic|credential|fsmonitor|bare|url\./.test(line) && !line.startsWith('remote.'))).toEqual([]);
  } finally {
    writeFileSync(process.env['GIT_CONFIG_GLOBAL'] ?? '', '');
  }
});

test('repositories of submodules that were cloned in it stay; what it leads elsewhere does not come in', async () => {
  const { rig, workspace, folder, write } = await seclude();
  const real = readFileSync(path.join(workspace.path, '.git'), 'utf8').trim().replace('gitdir: ', '');
  const admin = path.join(folder, 'worktrees', path.basename(real));
  mkdirSync(path.join(admin, 'modules/sub'), { recursive: true });
  writeFileSync(path.join(admin, 'modules/sub/HEAD'), 'ref: refs/heads/main\n');
  writeFileSync(path.join(admin, 'commondir'), '/elsewhere\n');
  writeFileSync(path.join(admin, 'config.worktree'), '[core]\n\tfsmonitor = touch /tmp/owned\n');
  symlinkSync('/etc', path.join(admin, 'link'));
  write('mine.txt', 'mine\n');
  expect(await rig.collect(workspace)).toMatchObject({ changed: ['mine.txt'] });
  expect(readdirSync(real)).toEqual(expect.arrayContaining(['modules', 'HEAD', 'index']));
  expect(readdirSync(real).filter((name) => ['config.worktree', 'link'].includes(name))).toEqual([]);
  expect(readFileSync(path.join(real, 'modules/sub/HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
  expect(readFileSync(path.join(real, 'commondir'), 'utf8')).toBe('../..\n');
  // The next process has them where they are.
  expect((await rig.workspaces.seclude(workspace)).before).toContainEqual({ kind: 'write', path: path.join(real, 'modules') });
});

test('it borrows what the repository itself borrows', async () => {
  const lender = makeRepo();
  opened.push(lender);
  const home = path.join(lender.home, 'borrower');
  runGit(lender.home, ['clone', '-q', '--shared', lender.path, home]);
  const borrower: TestRepo = { ...lender, path: home, git: (...args) => runGit(home, args) };
  const { folder, rig, workspace } = await seclude(borrower);
  const { before } = await rig.workspaces.seclude(workspace);
  const objects = path.join(lender.path, '.git/objects');
  expect(before).toContainEqual({ kind: 'read', path: objects });
  expect(readFileSync(path.join(folder, 'objects/info/alternates'), 'utf8')).toBe(`"${home}/.git/borrowed"\n"${objects}"\n`);
});
