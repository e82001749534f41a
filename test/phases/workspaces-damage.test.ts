// Agents that damage their worktree, on purpose or not: what can be saved is, nothing of theirs is run, and the user's
// checkout is out of reach.
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Workspace } from '../../src/effects/effects.ts';
import { eachWorkspaceRig } from '../support/each.ts';
import { agentGit, checkoutState, removeTree, runGit, writeFiles } from '../support/repo.ts';
import { adminOf, type Rig } from '../support/workspace-rig.ts';

let rig: Rig;
const before = eachWorkspaceRig((made) => { rig = made; });
const BRANCH = 'refs/heads/orch/run-1/one';
const replaceByPipe = (file: string): void => {
  rmSync(file, { force: true });
  execFileSync('mkfifo', [file]);
};

describe('an agent that damages its worktree', () => {
  it.each<[string, (made: Workspace) => void]>([
    ['deletes .git', (made) => rmSync(path.join(made.path, '.git'))],
    ['points .git elsewhere', (made) => writeFileSync(path.join(made.path, '.git'), `gitdir: ${path.join(rig.repo.path, '.git')}\n`)],
    ['rewrites commondir', (made) => writeFileSync(path.join(adminOf(made), 'commondir'), '/nonexistent\n')],
    ['deletes its git folder', (made) => rmSync(adminOf(made), { recursive: true })],
    ['puts a pipe in place of .git', (made) => replaceByPipe(path.join(made.path, '.git'))],
    ['waits with a pipe for the index', (made) => replaceByPipe(path.join(adminOf(made), 'index.orch'))],
  ])('%s: it is collected all the same, and repaired', async (_, damage) => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    damage(made);
    const collected = await rig.collect(made);
    expect(collected).toMatchObject({ changed: ['a.txt'], findings: [], delivery: { ref: BRANCH, commits: 1 } });
    expect(agentGit(made.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
    expect(await rig.workspaces.remove(made)).toBeNull();
  });

  it('leaves the locks of a git that was killed: they are waited for, then removed, and its work is saved', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    const locks = [path.join(rig.repo.path, '.git', `${BRANCH}.lock`), path.join(adminOf(made), 'HEAD.lock'), path.join(adminOf(made), 'index.lock')];
    for (const lock of locks) writeFileSync(lock, '');
    const since = performance.now();
    expect(await rig.collect(made)).toMatchObject({ changed: ['a.txt'], findings: [], delivery: { ref: BRANCH, commits: 1 } });
    // A git that is at work would be done by then.
    expect(performance.now() - since).toBeGreaterThan(200);
    expect(locks.filter((lock) => existsSync(lock))).toEqual([]);
    expect(agentGit(made.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
  });

  it('replaces .git by a repository of its own: files delivered, that repository is kept', async () => {
    const made = await rig.create('one');
    rmSync(path.join(made.path, '.git'));
    runGit(made.path, ['init', '-q']);
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'add', '-A');
    agentGit(made.path, 'commit', '-q', '-m', 'elsewhere');
    expect(await rig.collect(made)).toMatchObject({ changed: ['a.txt'], findings: [{ kind: 'nested-repository', path: '.' }], delivery: { ref: BRANCH } });
    expect(await rig.workspaces.remove(made)).toContain('nowhere else');
  });

  it('deletes it: commits and what was staged are kept', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'add', '-A');
    agentGit(made.path, 'commit', '-q', '-m', 'mine');
    const mine = runGit(made.path, ['rev-parse', 'HEAD']);
    rmSync(made.path, { recursive: true });
    expect(await rig.collect(made)).toMatchObject({ findings: [{ kind: 'worktree-lost' }], delivery: { head: mine, ref: BRANCH, commits: 1 } });
    expect(await rig.workspaces.remove(made)).toBeNull();

    const staged = await rig.create('two');
    writeFiles(staged.path, { 'b.txt': 'b\n' });
    agentGit(staged.path, 'add', '-A');
    rmSync(staged.path, { recursive: true });
    const lost = await rig.collect(staged);
    expect(rig.git('show', `${lost.delivery.ref}:b.txt`)).toBe('b');
    expect((await rig.create('two', { attempt: 2 })).start).toBe(rig.head);
  });

  it('puts a link to the user\'s checkout in its place: neither is read nor written', async () => {
    const made = await rig.create('one');
    const aside = `${made.path}-aside`;
    renameSync(made.path, aside);
    symlinkSync(rig.repo.path, made.path);
    expect(await rig.collect(made)).toMatchObject({ findings: [{ kind: 'worktree-lost' }], delivery: { head: rig.head, commits: 0 } });
    expect(await rig.workspaces.remove(made)).toBeNull();
    await rig.workspaces.flush();
    expect(lstatSync(rig.repo.path).isDirectory()).toBe(true);
    removeTree(aside);
  });

  it('runs nothing that it planted', async () => {
    const made = await rig.create('one');
    const marker = path.join(rig.repo.home, 'ran');
    const config = path.join(rig.repo.path, '.git/config');
    const kept = readFileSync(config);
    runGit(made.path, ['config', 'core.fsmonitor', `touch '${marker}'; false`]);
    runGit(made.path, ['config', 'diff.external', `touch '${marker}'`]);
    runGit(made.path, ['config', 'core.hooksPath', path.join(made.path, 'hooks')]);
    writeFiles(made.path, Object.fromEntries(['reference-transaction', 'post-index-change', 'pre-commit'].map((hook) => [`hooks/${hook}`, { executable: `#!/bin/sh\ntouch '${marker}'\n` }])));
    rmSync(marker, { force: true });
    await rig.collect(made);
    await rig.workspaces.remove(made);
    expect(existsSync(marker)).toBe(false);
    writeFileSync(config, kept);
    // The agent wrote it, and the test put it back: only its times differ.
    before.checkout['git/config'] = checkoutState(rig.repo)['git/config'] ?? '';
  });

  it('puts a pipe in place of HEAD: nobody waits for it, and its work is saved', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    replaceByPipe(path.join(adminOf(made), 'HEAD'));
    const collected = await rig.collect(made);
    expect(collected).toMatchObject({ changed: ['a.txt'], findings: [{ kind: 'left-branch', head: 'nowhere' }], delivery: { commits: 1 } });
    expect(rig.rescues()).toEqual([collected.delivery.ref]);
  });

  it('moves its branch while it is collected: tried again on the new tip', async () => {
    // A filter runs in the middle of the collection, after the branch was looked at. The user's own: it was there first.
    const common = path.join(rig.repo.path, '.git');
    const script = path.join(rig.repo.home, 'filter');
    writeFiles(rig.repo.home, { filter: { executable: `#!/bin/sh\nenv -i PATH="$PATH" git --git-dir='${common}' update-ref ${BRANCH} "$(cat '${script}.late')"\ncat\n` } });
    rig.git('config', 'filter.late.clean', script);
    rig = await rig.restart();
    before.checkout = checkoutState(rig.repo);
    const made = await rig.create('one');
    agentGit(made.path, 'commit', '-q', '--allow-empty', '-m', 'late');
    const late = runGit(made.path, ['rev-parse', 'HEAD']);
    runGit(made.path, ['update-ref', BRANCH, rig.head]);
    writeFiles(rig.repo.home, { 'filter.late': late });
    writeFiles(made.path, { 'a.txt': 'a\n', '.gitattributes': 'a.txt filter=late\n' });
    const collected = await rig.collect(made);
    expect(rig.git('rev-parse', `${collected.delivery.head}^`)).toBe(late);
    expect(rig.git('show', `${BRANCH}:a.txt`)).toBe('a');
    expect(collected).toMatchObject({ findings: [], delivery: { ref: BRANCH, commits: 2 } });
  });
});
