// Bringing ignored files into a worktree: what is brought, what is refused, and that none of it is ever delivered.
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { agentGit, checkoutState, makeRepo, writeFiles } from '../support/repo.ts';
import { makeRig, type Rig } from '../support/workspace-rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await makeRig();
});
afterEach(() => rig.repo.dispose());

it('copies what globs and .worktreeinclude name among the ignored files, with their modes', async () => {
  rig.repo.write({
    '.env': 'A=1', '.env.local': 'B=2', 'sub/.env': 'C=3', 'build/out.js': 'built', 'build/keep/me.js': 'kept', 'debug.log': 'log',
    'untracked.txt': 'not ignored', 'naïve ✓.log': 'names', 'tool.log': { executable: '#!/bin/sh' },
    '.worktreeinclude': '# comment\n/build/keep/\nuntracked.txt\nna*.log\ntool.log\n',
  });
  const before = checkoutState(rig.repo);
  const made = await rig.create('one', { copy: ['.env*', 'README.md', '**/nothing'] });
  expect(readFileSync(path.join(made.path, '.env'), 'utf8')).toBe('A=1');
  expect(readFileSync(path.join(made.path, '.env.local'), 'utf8')).toBe('B=2');
  expect(readFileSync(path.join(made.path, 'build/keep/me.js'), 'utf8')).toBe('kept');
  expect(readFileSync(path.join(made.path, 'naïve ✓.log'), 'utf8')).toBe('names');
  expect(statSync(path.join(made.path, 'tool.log')).mode & 0o111).not.toBe(0);
  for (const absent of ['sub/.env', 'build/out.js', 'debug.log', 'untracked.txt', '.worktreeinclude']) expect(existsSync(path.join(made.path, absent)), absent).toBe(false);
  expect(made.notes).toEqual([]);
  expect((await rig.collect(made)).changed).toEqual([]);
  expect(checkoutState(rig.repo)).toEqual(before);
});

it('never delivers what it brought, even if the commit does not ignore it, changed or not, also after a restart', async () => {
  const start = rig.repo.commit('Trailing slash only', { '.gitignore': 'node_modules/\n' });
  rig.repo.write({ '.gitignore': 'node_modules/\n.secret\ncache/\n', '.secret': 's', 'node_modules/dep/index.js': 'd', 'cache/a/b': 'c' });
  const made = await rig.create('one', { starts: [start], copy: ['.secret', 'cache/**'], link: ['node_modules', 'gone'] });
  expect(readlinkSync(path.join(made.path, 'node_modules'))).toBe(path.join(rig.repo.path, 'node_modules'));
  expect(agentGit(made.path, 'status', '--porcelain').out).toContain('?? node_modules');
  expect(made.notes).toEqual(['gone was not carried over: it does not exist']);
  expect((await rig.collect(made)).delivery.commits).toBe(0);
  writeFiles(made.path, { '.secret': 'changed', 'work.txt': 'w', 'cache/new': 'n' });
  expect((await rig.collect(made)).changed).toEqual(['cache/new', 'work.txt']);
  expect((await (await rig.restart()).collect(made)).changed).toEqual(['cache/new', 'work.txt']);
  expect(await rig.workspaces.remove(made)).toBeNull();
  await rig.workspaces.flush();
  expect(readFileSync(path.join(rig.repo.path, 'node_modules/dep/index.js'), 'utf8')).toBe('d');
});

it('refuses what leads out of the repository, in or out, and files that the commit has', async () => {
  const outside = path.join(rig.repo.home, 'outside');
  writeFiles(outside, { secret: 'private', 'dir/file': 'private' });
  const start = rig.repo.commit('Rules', { '.gitignore': '.env*\nlinked/\n' });
  rig.repo.write({ '.env': { link: path.join(outside, 'secret') }, '.env.inside': { link: '.env.real' }, '.env.real': 'real' });
  mkdirSync(path.join(rig.repo.path, 'linked'));
  symlinkSync(outside, path.join(rig.repo.path, 'linked/out'));
  const made = await rig.create('one', { starts: [start], copy: ['.env*'], link: ['../outside', '/etc', 'linked/out', '.git', 'README.md'] });
  expect(existsSync(path.join(made.path, '.env'))).toBe(false);
  expect(readFileSync(path.join(made.path, '.env.inside'), 'utf8')).toBe('real');
  expect(lstatSync(path.join(made.path, '.env.inside')).isFile()).toBe(true);
  expect(lstatSync(path.join(made.path, 'README.md')).isFile()).toBe(true);
  const text = made.notes.join('\n');
  expect(text).toMatch(/^\.env was not carried over: it leads out of the repository/m);
  for (const name of ['../outside', '/etc', 'linked/out', '.git', 'README.md']) expect(text).toContain(`${name} was not carried over`);
  expect(made.notes).toHaveLength(6);
});

it('does not write through a folder that is a link in the commit', async () => {
  const outside = path.join(rig.repo.home, 'outside');
  mkdirSync(outside);
  const start = rig.repo.commit('A linked folder', { 'conf/x': null, conf: { link: outside } });
  rig.repo.write({ conf: null, 'conf/.env': 'A=1' });
  const made = await rig.create('one', { starts: [start], copy: ['conf/*'] });
  expect(made.notes.join()).toContain('conf is not a folder in the worktree');
  expect(existsSync(path.join(outside, '.env'))).toBe(false);
});

it('says that there is nothing to carry over from a bare repository', async () => {
  const bare = makeRepo({ bare: true });
  try {
    const other = await makeRig(bare);
    expect((await other.create('one', { copy: ['.env'] })).notes.join()).toContain('bare');
  } finally {
    bare.dispose();
  }
});
