// Collecting what agents leave, well-behaved and hostile: everything is on a reference, and what they did is said.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { afterEach, describe, expect, it } from 'vitest';
import type { Workspace } from '../../src/effects/effects.ts';
import { eachWorkspaceRig } from '../support/each.ts';
import { agentGit, checkoutState, makeRepo, runGit, type TestRepo, writeFiles } from '../support/repo.ts';
import { adminOf, makeRig, type Rig } from '../support/workspace-rig.ts';

let rig: Rig;
const before = eachWorkspaceRig((made) => { rig = made; });
let extra: TestRepo[] = [];
afterEach(() => {
  for (const repo of extra.splice(0)) repo.dispose();
});
const BRANCH = 'refs/heads/orch/run-1/one';
const RESCUE = 'refs/orch/rescue/run-1/one';

describe('an agent that edits files', () => {
  it('has them committed on its branch, as the user, with the message, and counted', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, {
      'README.md': '# Example\nmore\n', 'src/index.ts': null, 'new/deep/ü ✓.txt': 'a\nb\n', 'data.bin': Buffer.from([9, 0, 9]),
      'with\nnewline "quoted"\t.txt': 'odd\n', 'run.sh': { executable: '#!/bin/sh\n' }, 'dangling': { link: 'nowhere' }, 'ignored.log': 'no',
    });
    chmodSync(path.join(made.path, 'src/lib/deep/file.ts'), 0o755);
    const collected = await rig.collect(made, 'Do the thing\n\nWith a body');
    expect(collected.findings).toEqual([]);
    expect([...collected.changed].sort()).toEqual([
      'README.md', 'dangling', 'data.bin', 'new/deep/ü ✓.txt', 'run.sh', 'src/index.ts', 'src/lib/deep/file.ts', 'with\nnewline "quoted"\t.txt',
    ]);
    expect(collected.delivery).toEqual({ head: rig.git('rev-parse', BRANCH), ref: BRANCH, commits: 1, filesChanged: 8, insertions: 6, deletions: 1 });
    expect(rig.git('log', '-1', '--format=%an <%ae>|%B|%P', BRANCH)).toBe(`Ada Tester <ada@example.invalid>|Do the thing\n\nWith a body\n|${rig.head}`);
    expect(rig.tree(BRANCH).join('\n')).toMatch(/100755 blob \w+\trun.sh/);
    expect(rig.tree(BRANCH).join('\n')).toMatch(/120000 blob \w+\tdangling/);
    expect(rig.tree(BRANCH).join('\n')).not.toContain('ignored.log');
    expect(agentGit(made.path, 'status', '--porcelain').out).toBe('');
    expect(await rig.collect(made)).toEqual(collected);
    expect(await rig.collect(await rig.restart().then(() => made))).toEqual(collected);
    expect((await (await rig.restart()).collect(made)).delivery).toEqual(collected.delivery);
  });

  it('and goes on after it was collected has the rest on top', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    await rig.collect(made);
    writeFiles(made.path, { 'b.txt': 'b\n' });
    const { delivery, changed } = await rig.collect(made);
    expect(delivery).toMatchObject({ commits: 2, filesChanged: 2, insertions: 2 });
    expect(changed).toEqual(['a.txt', 'b.txt']);
    writeFiles(made.path, { 'a.txt': null, 'b.txt': null });
    expect(await rig.collect(made)).toMatchObject({ delivery: { commits: 3, filesChanged: 0 }, changed: [] });
  });

  it('without an identity anywhere is committed as orch', async () => {
    const repo = makeRepo({ identity: false });
    extra.push(repo);
    const other = await makeRig(repo);
    repo.git('config', 'user.useConfigOnly', 'true');
    const made = await other.create('one');
    writeFiles(made.path, { 'a.txt': 'a' });
    await other.collect(made);
    expect(repo.git('log', '-1', '--format=%an %ae %cn', 'orch/run-1/one')).toBe('orch orch@localhost orch');
  });

  it('turns files into folders and folders into files and links', async () => {
    const made = await rig.create('one');
    const outside = path.join(rig.repo.home, 'outside');
    writeFiles(outside, { 'lib/deep/file.ts': 'export {};\n', 'index.ts': 'export const one = 1;\n' });
    writeFiles(made.path, { 'README.md/now/a/folder.txt': 'x', bin: 'now a file', docs: { link: '../somewhere' }, src: { link: outside } });
    const { changed } = await rig.collect(made);
    expect([...changed].sort()).toEqual(['README.md', 'README.md/now/a/folder.txt', 'bin', 'bin/tool.sh', 'docs', 'docs/link.md', 'src', 'src/index.ts', 'src/lib/deep/file.ts', 'src/with space.txt', 'src/ünïcode ✓.txt']);
    expect(rig.tree(BRANCH).join('\n')).toMatch(/120000 blob \w+\tsrc$/m);
  });

  it('leaves pipes and sockets: they are passed over, also in the place of a file', async () => {
    const made = await rig.create('one');
    rmSync(path.join(made.path, 'README.md'));
    execFileSync('mkfifo', [path.join(made.path, 'README.md'), path.join(made.path, 'pipe')]);
    expect((await rig.collect(made)).changed).toEqual(['README.md']);
  });

  it.skipIf(process.getuid?.() === 0)('makes one unreadable: the failure names it', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'secret.txt': 'x' });
    chmodSync(path.join(made.path, 'secret.txt'), 0);
    expect(await rig.workspaces.collect(made, 'm')).toMatchObject({ ok: false, message: expect.stringContaining('secret.txt') });
    expect(await rig.workspaces.remove(made)).toContain('secret.txt');
  });

  it('with a name that git refuses: the failure names it, and nothing is removed', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'git~1': 'x' });
    expect(await rig.workspaces.collect(made, 'm')).toMatchObject({ ok: false, message: expect.stringContaining('git~1') });
    expect(await rig.workspaces.remove(made)).toContain('git~1');
    expect(existsSync(path.join(made.path, 'git~1'))).toBe(true);
  });
});

describe('an agent that uses git', () => {
  it('keeps its commits as they are, with the rest on top', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'add', '-A');
    agentGit(made.path, 'commit', '-q', '-m', 'mine');
    const mine = runGit(made.path, ['rev-parse', 'HEAD']);
    expect((await rig.collect(made)).delivery).toMatchObject({ head: mine, commits: 1, filesChanged: 1 });
    writeFiles(made.path, { 'b.txt': 'b\n' });
    const { delivery, findings } = await rig.collect(made);
    expect(findings).toEqual([]);
    expect(delivery.commits).toBe(2);
    expect(rig.git('rev-parse', `${BRANCH}^`)).toBe(mine);
  });

  it('has what it forced in or took out of the index respected, staged or committed', async () => {
    for (const commit of [false, true]) {
      const made = await rig.create(commit ? 'two' : 'one');
      writeFiles(made.path, { 'forced.log': 'forced\n', '.gitignore': 'node_modules/\n.env*\n*.log\nbuild/\n*.bin\n' });
      agentGit(made.path, 'add', '-f', 'forced.log');
      agentGit(made.path, 'rm', '-q', '--cached', 'data.bin');
      if (commit) agentGit(made.path, 'commit', '-q', '-m', 'mine');
      writeFiles(made.path, { 'rest.txt': 'rest\n' });
      const { changed } = await rig.collect(made);
      expect(changed).toEqual(['.gitignore', 'data.bin', 'forced.log', 'rest.txt']);
      expect((await (await rig.restart()).collect(made)).changed).toEqual(changed);
    }
  });

  it('has a file that is ignored delivered when that is all that it did', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'forced.log': 'forced\n' });
    expect((await rig.collect(made)).changed).toEqual([]);
    agentGit(made.path, 'add', '-f', 'forced.log');
    expect((await rig.collect(made)).changed).toEqual(['forced.log']);
    agentGit(made.path, 'rm', '-q', '--cached', 'forced.log');
    expect((await rig.collect(made)).changed).toEqual([]);
  });

  it('cannot hide edits: flags, a damaged, missing or locked index', async () => {
    const tricks: Record<string, (made: Workspace) => void> = {
      assume: (made) => agentGit(made.path, 'update-index', '--assume-unchanged', 'README.md'),
      skip: (made) => agentGit(made.path, 'update-index', '--skip-worktree', 'README.md'),
      damaged: (made) => writeFileSync(path.join(adminOf(made), 'index'), 'not an index'),
      missing: (made) => rmSync(path.join(adminOf(made), 'index')),
      locked: (made) => writeFileSync(path.join(adminOf(made), 'index.lock'), ''),
      split: (made) => agentGit(made.path, 'update-index', '--split-index'),
    };
    for (const [name, trick] of Object.entries(tricks)) {
      const made = await rig.create(name);
      trick(made);
      writeFiles(made.path, { 'README.md': 'hidden\n', 'new.txt': 'n\n' });
      expect((await rig.collect(made)).changed, name).toEqual(['README.md', 'new.txt']);
      expect(agentGit(made.path, 'status', '--porcelain'), name).toEqual({ code: 0, out: '' });
    }
  });

  it('in a sparse checkout has deleted nothing', async () => {
    const made = await rig.create('one');
    // As `git sparse-checkout set docs` leaves it, without its change to the shared configuration.
    agentGit(made.path, 'update-index', '--skip-worktree', 'src/index.ts', 'src/lib/deep/file.ts');
    rmSync(path.join(made.path, 'src/index.ts'));
    writeFiles(made.path, { 'docs/new.md': 'n\n', 'src/lib/deep/file.ts': 'edited all the same\n' });
    expect((await rig.collect(made)).changed).toEqual(['docs/new.md', 'src/lib/deep/file.ts']);
  });

  it('moves to another branch or detaches: saved on the rescue reference, and said', async () => {
    const made = await rig.create('one');
    agentGit(made.path, 'checkout', '-q', '-b', 'orch/run-1/one-more');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'add', '-A');
    agentGit(made.path, 'commit', '-q', '-m', 'mine');
    writeFiles(made.path, { 'b.txt': 'b\n' });
    const collected = await rig.collect(made);
    expect(collected.findings).toEqual([{ kind: 'left-branch', head: 'refs/heads/orch/run-1/one-more' }]);
    expect(collected.delivery).toMatchObject({ ref: RESCUE, head: rig.git('rev-parse', RESCUE), commits: 2 });
    expect(rig.git('rev-parse', BRANCH)).toBe(rig.head);
    expect(await rig.collect(made)).toEqual(collected);
    expect(rig.rescues()).toEqual([RESCUE]);

    const detached = await rig.create('two');
    agentGit(detached.path, 'checkout', '-q', '--detach');
    writeFiles(detached.path, { 'c.txt': 'c\n' });
    expect(await rig.collect(detached)).toMatchObject({ findings: [{ kind: 'left-branch', head: rig.head }], changed: ['c.txt'], delivery: { ref: 'refs/orch/rescue/run-1/two' } });
    expect(await rig.workspaces.remove(detached)).toBeNull();

    const away = await rig.create('three');
    agentGit(away.path, 'checkout', '-q', '--detach', `${rig.head}~2`);
    expect((await rig.collect(away)).findings[0]?.kind).toBe('left-branch');
  });

  it.each([
    ['amends the start', ['commit', '-q', '--amend', '-m', 'amended']],
    ['resets behind the start', ['reset', '-q', '--soft', 'HEAD~2']],
    ['starts from nothing', ['update-ref', 'HEAD', '@orphan']],
  ])('rewrites history (%s): its tip is kept, the files are squashed on the start', async (_, command) => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'add', '-A');
    const orphan = runGit(made.path, ['commit-tree', 'HEAD^{tree}', '-m', 'orphan']);
    agentGit(made.path, ...command.map((arg) => (arg === '@orphan' ? orphan : arg)));
    const theirs = runGit(made.path, ['rev-parse', 'HEAD']);
    const collected = await rig.collect(made);
    expect(collected.findings).toEqual([{ kind: 'rewrote-history' }]);
    expect(rig.git('rev-parse', RESCUE)).toBe(theirs);
    expect(collected.delivery).toMatchObject({ ref: BRANCH, commits: 1 });
    expect(rig.git('rev-parse', `${BRANCH}^`)).toBe(rig.head);
    expect(collected.changed).toEqual(['a.txt']);
  });

  it('deletes its branch, or has it point at another: both are repaired, the other is not moved', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'a.txt': 'a\n' });
    agentGit(made.path, 'add', '-A');
    agentGit(made.path, 'commit', '-q', '-m', 'mine');
    const mine = runGit(made.path, ['rev-parse', 'HEAD']);
    runGit(made.path, ['update-ref', '-d', BRANCH]);
    expect((await rig.collect(made)).delivery).toMatchObject({ head: mine, ref: BRANCH });
    expect(rig.git('rev-parse', BRANCH)).toBe(mine);
    runGit(made.path, ['symbolic-ref', BRANCH, 'refs/heads/main']);
    writeFiles(made.path, { 'b.txt': 'b\n' });
    await rig.collect(made);
    expect(rig.git('rev-parse', 'main')).toBe(rig.head);
    expect(rig.git('show', `${BRANCH}:b.txt`)).toBe('b');
  });

  it('leaves a merge, a rebase or a conflict: kept as evidence beside the branch', async () => {
    const conflict = async (task: string): Promise<Workspace> => {
      const made = await rig.create(task);
      writeFiles(made.path, { 'README.md': 'ours\n' });
      agentGit(made.path, 'commit', '-q', '-am', 'ours');
      agentGit(made.path, 'checkout', '-q', '-b', `orch/run-1/${task}-side`, rig.head);
      writeFiles(made.path, { 'README.md': 'theirs\n' });
      agentGit(made.path, 'commit', '-q', '-am', 'theirs');
      agentGit(made.path, 'checkout', '-q', `orch/run-1/${task}`);
      return made;
    };
    const merging = await conflict('merging');
    const ours = runGit(merging.path, ['rev-parse', 'HEAD']);
    expect(agentGit(merging.path, 'merge', 'orch/run-1/merging-side').code).toBe(1);
    const merged = await rig.collect(merging);
    expect(merged.findings).toEqual([{ kind: 'unmerged', paths: ['README.md'], operation: 'merge' }]);
    expect(merged.delivery.ref).toBe('refs/orch/rescue/run-1/merging');
    expect(rig.git('show', `${merged.delivery.head}:README.md`)).toContain('<<<<<<<');
    expect(rig.git('log', '-1', '--format=%P', merged.delivery.head)).toBe(`${ours} ${rig.git('rev-parse', 'orch/run-1/merging-side')}`);
    expect(rig.git('rev-parse', 'orch/run-1/merging')).toBe(ours);

    const rebasing = await conflict('rebasing');
    expect(agentGit(rebasing.path, 'rebase', 'orch/run-1/rebasing-side').code).toBe(1);
    expect((await rig.collect(rebasing)).findings.map((each) => each.kind)).toEqual(['left-branch', 'unmerged']);

    const popped = await conflict('popped');
    writeFiles(popped.path, { 'README.md': 'stashed\n' });
    agentGit(popped.path, 'stash');
    writeFiles(popped.path, { 'README.md': 'other\n' });
    agentGit(popped.path, 'commit', '-q', '-am', 'other');
    agentGit(popped.path, 'stash', 'pop');
    const after = await rig.collect(popped);
    expect(after.findings).toContainEqual({ kind: 'unmerged', paths: ['README.md'], operation: 'conflict' });
    runGit(popped.path, ['stash', 'clear']);
    rmSync(path.join(rig.repo.path, '.git/logs/refs/stash'), { force: true });
  });

  it('stashes its work: saved and said, once', async () => {
    const made = await rig.create('one');
    writeFiles(made.path, { 'README.md': 'stashed\n' });
    agentGit(made.path, 'stash');
    const stash = rig.git('rev-parse', 'refs/stash');
    const collected = await rig.collect(made);
    expect(collected).toMatchObject({ findings: [{ kind: 'stashed' }], delivery: { commits: 0 } });
    expect(rig.git('rev-parse', RESCUE)).toBe(stash);
    const next = await rig.create('one', { attempt: 2 });
    expect((await rig.collect(next)).findings).toEqual([]);
    rig.git('stash', 'drop', '-q');
    rmSync(path.join(rig.repo.path, '.git/logs/refs/stash'), { force: true });
  });

  it('makes repositories within: files are delivered, and commits of theirs are not thrown away', async () => {
    const made = await rig.create('one');
    const nested = path.join(made.path, 'nested');
    mkdirSync(path.join(nested, 'deeper'), { recursive: true });
    for (const folder of [nested, path.join(nested, 'deeper')]) runGit(folder, ['init', '-q']);
    writeFiles(nested, { 'a.txt': 'a\n', 'b.log': 'ignored outside', '.gitignore': 'c.txt\n', 'c.txt': 'ignored inside', 'deeper/d.txt': 'd\n' });
    mkdirSync(path.join(made.path, 'hollow'));
    runGit(path.join(made.path, 'hollow'), ['init', '-q']);
    const collected = await rig.collect(made);
    expect(collected.changed).toEqual(['nested/.gitignore', 'nested/a.txt', 'nested/deeper/d.txt']);
    expect(collected.findings.map((each) => (each.kind === 'nested-repository' ? each.path : each.kind)).sort()).toEqual(['hollow', 'nested', 'nested/deeper']);
    agentGit(nested, 'add', 'a.txt');
    agentGit(nested, 'commit', '-q', '-m', 'inside');
    expect(await rig.workspaces.remove(made)).toContain('nested');
    expect(existsSync(path.join(nested, '.git'))).toBe(true);
    const again = await (await rig.restart()).create('one', { attempt: 2 });
    expect(again.notes.join()).toContain('one~1');
    expect(runGit(path.join(`${made.path}~1`, 'nested'), ['log', '-1', '--format=%s'])).toBe('inside');
  });

  it('commits in a submodule: said, and the worktree stays', async () => {
    const library = makeRepo({ name: 'library' });
    extra.push(library);
    rig.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.path, 'vendor/library');
    const start = rig.repo.commit('Submodule');
    const made = await rig.create('one', { starts: [start] });
    runGit(made.path, ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'update', '--init']);
    before.checkout = checkoutState(rig.repo);
    expect((await rig.collect(made)).delivery.commits).toBe(0);
    writeFiles(path.join(made.path, 'vendor/library'), { 'sub.txt': 's\n' });
    expect((await rig.collect(made)).findings).toEqual([{ kind: 'nested-repository', path: 'vendor/library' }]);
    agentGit(path.join(made.path, 'vendor/library'), 'add', '-A');
    agentGit(path.join(made.path, 'vendor/library'), 'commit', '-q', '-m', 'sub');
    const collected = await rig.collect(made);
    expect(collected).toMatchObject({ changed: ['vendor/library'], findings: [{ kind: 'nested-repository', path: 'vendor/library' }] });
    expect(await rig.workspaces.remove(made)).toContain('vendor/library');
  });
});
