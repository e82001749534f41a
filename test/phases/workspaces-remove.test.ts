// Removing workspaces, and what `orch clean` needs: nothing is lost, nothing of a person's goes, nothing is left behind.
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRepository } from '../../src/effects/git/repository.ts';
import { deleteBranches, forgetWorkspace, listBranches, listRescues, listWorkspaces } from '../../src/effects/workspaces/owned.ts';
import { agentGit, checkoutState, walk, writeFiles } from '../support/repo.ts';
import { makeRig, type Rig, RUN } from '../support/workspace-rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await makeRig();
});
afterEach(() => rig.repo.dispose());

describe('remove', () => {
  it('leaves neither files nor entry, and the branch', async () => {
    const before = checkoutState(rig.repo);
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    const { delivery } = await rig.collect(made);
    expect(await rig.workspaces.remove(made)).toBeNull();
    expect(existsSync(made.path)).toBe(false);
    expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(1);
    expect(rig.git('rev-parse', 'orch/run-1/one')).toBe(delivery.head);
    expect(await rig.workspaces.remove(made)).toBeNull();
    await rig.workspaces.flush();
    expect(existsSync(rig.root)).toBe(false);
    expect(walk(path.join(rig.repo.path, '.git/orch')).filter((file) => !/^(view|workspaces)\//.test(file))).toEqual([]);
    expect(checkoutState(rig.repo)).toEqual(before);
    expect(rig.rescues()).toEqual([]);
  });

  it('saves what came after the collection beside the branch, not on it', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    const { delivery } = await rig.collect(made);
    writeFiles(made.path, { 'coverage.txt': 'c\n', 'ignored.log': 'gone' });
    expect(await rig.workspaces.remove(made)).toBeNull();
    expect(rig.git('rev-parse', 'orch/run-1/one')).toBe(delivery.head);
    expect(rig.git('show', 'refs/orch/rescue/run-1/one:coverage.txt')).toBe('c');
    expect(rig.git('rev-parse', 'refs/orch/rescue/run-1/one^')).toBe(delivery.head);
  });

  it('works for a workspace of an earlier process, and one that was never collected', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'checkout', '-q', '--detach');
    const later = await rig.restart();
    expect(await later.workspaces.remove(made)).toBeNull();
    expect(rig.git('show', 'refs/orch/rescue/run-1/one:a.txt')).toBe('a');
  });

  it('does not take a folder that a person put in its place', async () => {
    const made = await rig.create('one');
    const later = await rig.restart();
    expect(await rig.workspaces.remove(made)).toBeNull();
    writeFiles(made.path, { 'mine.txt': 'm' });
    await forgetWorkspace(await openRepository(rig.repo.path), made);
    expect(await later.workspaces.remove(made)).toContain('was not made by orch');
    expect(await rig.workspaces.remove(made)).toContain('was not made by orch');
    expect(existsSync(path.join(made.path, 'mine.txt'))).toBe(true);
  });

  it('empties the trash of folders that are write-protected', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'build/cache/mod/file.txt': 'x' });
    chmodSync(path.join(made.path, 'build/cache/mod'), 0o555);
    chmodSync(made.path, 0o555);
    expect(await rig.workspaces.remove(made)).toBeNull();
    await rig.workspaces.flush();
    expect(existsSync(rig.root)).toBe(false);
  });

  it('leaves the trash of a crash to the next flush', async () => {
    const made = await rig.create('one');
    await rig.workspaces.remove(made);
    expect(readdirSync(path.join(rig.root, '.orch-trash'))).toHaveLength(1);
    expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(1);
    await (await rig.restart()).workspaces.flush();
    expect(existsSync(rig.root)).toBe(false);
    expect(walk(path.join(rig.repo.path, '.git/worktrees'))).toEqual([]);
  });

  it('makes room at once for the next attempt at the same place', async () => {
    for (let attempt = 1; attempt <= 5; attempt++) {
      const made = await rig.create('one', { attempt });
      expect(agentGit(made.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
      expect(await rig.workspaces.remove(made)).toBeNull();
    }
    const last = await rig.create('one', { attempt: 6 });
    await rig.workspaces.flush();
    expect(agentGit(last.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
    expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(2);
  });
});

describe('clean', () => {
  it('lists what is there, by run', async () => {
    const repo = await openRepository(rig.repo.path);
    const one = await rig.create('one');
    const two = await rig.create('two', { run: 'run-2', branch: 'orch/run-2/two' });
    writeFiles(one.path, { 'a.txt': 'a' });
    await rig.workspaces.remove(one);
    expect((await listWorkspaces(repo)).map((each) => [each.workspace.task, each.isPresent])).toEqual([['one', false], ['two', true]]);
    expect((await listWorkspaces(repo, 'run-2'))[0]?.workspace).toEqual({ run: 'run-2', task: 'two', attempt: 1, branch: 'orch/run-2/two', path: two.path, start: rig.head });
    expect((await listBranches(repo, RUN)).map((each) => each.ref)).toEqual(['refs/heads/orch/run-1/one']);
    expect((await listBranches(repo)).find((each) => each.ref.endsWith('two'))?.worktree).toBe(two.path);
    expect((await listRescues(repo)).map((each) => each.ref)).toEqual(['refs/orch/rescue/run-1/one']);
    rmSync(two.path, { recursive: true });
    expect((await listWorkspaces(repo, 'run-2'))[0]?.isPresent).toBe(false);
  });

  it('deletes branches that are merged; others only when forced, saved first; never one that is checked out or moved', async () => {
    const repo = await openRepository(rig.repo.path);
    for (const task of ['merged', 'work', 'open', 'moved']) {
      const made = await rig.create(task);
      if (task === 'work' || task === 'moved') writeFiles(made.path, { [`${task}.txt`]: 'x' });
      await rig.collect(made);
      if (task !== 'open') await rig.workspaces.remove(made);
    }
    const branches = await listBranches(repo, RUN);
    const tip = rig.git('rev-parse', 'orch/run-1/work');
    rig.git('update-ref', 'refs/heads/orch/run-1/moved', tip);
    const first = await deleteBranches(repo, { branches, mergedInto: 'main', isForced: false });
    expect(first.deleted).toEqual(['refs/heads/orch/run-1/merged']);
    expect(Object.fromEntries(first.kept)).toMatchObject({ 'refs/heads/orch/run-1/open': expect.stringContaining('checked out'), 'refs/heads/orch/run-1/work': expect.stringContaining('not merged') });
    const second = await deleteBranches(repo, { branches: branches.filter((each) => !each.ref.endsWith('merged')), mergedInto: 'main', isForced: true });
    expect(second.deleted).toEqual(['refs/heads/orch/run-1/work']);
    expect(rig.rescues()).toEqual(['refs/orch/rescue/run-1/work']);
    expect(rig.git('rev-parse', 'refs/orch/rescue/run-1/work')).toBe(tip);
    expect(rig.git('rev-parse', 'orch/run-1/moved')).toBe(tip);
  });
});
