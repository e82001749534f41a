// Making workspaces: what is there afterwards, from which commit, over which leftovers, and that nothing else changed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, utimesSync, writeFileSync, lstatSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { agentGit, checkoutState, makeRepo, runGit, type TestRepo, walk, writeFiles } from '../support/repo.ts';
import { makeRig, type Rig, RUN } from '../support/workspace-rig.ts';

let repos: TestRepo[] = [];
afterEach(() => {
  for (const repo of repos) repo.dispose();
  repos = [];
});
async function rigOn(options: Parameters<typeof makeRepo>[0] = {}): Promise<Rig> {
  const repo = makeRepo(options);
  repos.push(repo);
  return makeRig(repo);
}

describe('a new workspace', () => {
  it('is a git worktree on its own branch with exactly the files of the commit, locked, and clean for git', async () => {
    const rig = await rigOn();
    const before = checkoutState(rig.repo);
    const made = await rig.create('one');
    expect(made).toMatchObject({ path: path.join(rig.root, RUN, 'one'), start: rig.head, notes: [] });
    expect(agentGit(made.path, 'status', '--porcelain=v2', '--branch').out).toContain('# branch.head orch/run-1/one');
    expect(agentGit(made.path, 'status', '--porcelain').out).toBe('');
    expect(agentGit(made.path, 'fsck').code).toBe(0);
    expect(walk(made.path).filter((file) => file !== '.git')).toEqual(rig.git('-c', 'core.quotePath=false', 'ls-tree', '-r', '--name-only', '-z', 'HEAD').split('\0').filter(Boolean).sort());
    expect(lstatSync(path.join(made.path, 'bin/tool.sh')).mode & 0o111).not.toBe(0);
    expect(readlinkSync(path.join(made.path, 'docs/link.md'))).toBe('../README.md');
    expect(rig.git('worktree', 'list', '--porcelain')).toMatch(/locked orch run=run-1 task=one pid=\d+ host=/);
    rig.git('worktree', 'prune', '--expire=now');
    expect(rig.git('worktree', 'list')).toContain('/trees/run-1/one');
    expect(checkoutState(rig.repo)).toEqual(before);
  });

  it.each([
    ['bare', { bare: true }], ['sha256', { objectFormat: 'sha256' as const }], ['without identity', { identity: false }], ['named like an option', { name: '--help' }],
  ])('works in a repository that is %s', async (_, options) => {
    const rig = await rigOn(options);
    const before = checkoutState(rig.repo);
    const made = await rig.create('one');
    writeFiles(made.path, { 'new.txt': 'new\n' });
    const collected = await rig.collect(made);
    expect(collected.changed).toEqual(['new.txt']);
    expect(await rig.workspaces.remove(made)).toBeNull();
    await rig.workspaces.flush();
    expect(checkoutState(rig.repo)).toEqual(before);
    expect(existsSync(rig.root)).toBe(false);
  });

  it('has all files when the user\'s checkout is sparse, detached or dirty', async () => {
    const rig = await rigOn();
    rig.git('checkout', '-q', '--detach');
    rig.git('sparse-checkout', 'set', 'docs');
    rig.repo.write({ 'docs/dirty.md': 'dirty\n', 'README.md': 'edited\n' });
    const before = checkoutState(rig.repo);
    const made = await rig.create('one');
    expect(walk(made.path)).toContain('src/lib/deep/file.ts');
    expect(walk(made.path)).not.toContain('docs/dirty.md');
    expect(agentGit(made.path, 'status', '--porcelain').out).toBe('');
    expect((await rig.collect(made)).delivery.commits).toBe(0);
    expect(checkoutState(rig.repo)).toEqual(before);
  });

  it('honours line endings and does not trip over a filter that is not configured', async () => {
    const rig = await rigOn();
    const start = rig.repo.commit('Attributes', { '.gitattributes': '*.crlf text eol=crlf\n*.odd filter=absent\n', 'a.crlf': 'one\ntwo\n', 'b.odd': 'odd\n' });
    const made = await rig.create('one', { starts: [start] });
    expect(readFileSync(path.join(made.path, 'a.crlf'), 'utf8')).toBe('one\r\ntwo\r\n');
    expect((await rig.collect(made)).delivery.head).toBe(start);
    writeFiles(made.path, { 'a.crlf': 'one\r\ntwo\r\nthree\r\n' });
    const { delivery } = await rig.collect(made);
    expect(delivery).toMatchObject({ filesChanged: 1, insertions: 1, deletions: 0 });
    expect(rig.git('show', `${delivery.head}:a.crlf`)).toBe('one\ntwo\nthree');
  });

  it('is the same whether git writes its files or, from the second of a commit on, orch does', async () => {
    for (const objectFormat of ['sha1', 'sha256'] as const) {
      const rig = await rigOn({ objectFormat });
      const start = rig.repo.commit('All kinds', {
        '.gitattributes': '*.crlf text eol=crlf\n', 'a.crlf': 'one\ntwo\n', empty: '', 'deep/er/still/x': 'x', 'deep/link': { link: 'er' }, 'deep/gone': { link: '/nowhere ✓' },
        'big.bin': Buffer.alloc(200_000, 7), 'new\nline': 'n',
      });
      const made = await Promise.all(['a', 'b', 'c'].map((task) => rig.create(task, { starts: [start] })));
      const seen = made.map(({ path: folder }) => walk(folder).filter((file) => file !== '.git').map((file) => {
        const info = lstatSync(path.join(folder, file));
        return [file, info.mode, info.isSymbolicLink() ? readlinkSync(path.join(folder, file)) : readFileSync(path.join(folder, file), 'latin1')];
      }));
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[2]).toEqual(seen[0]);
      for (const each of made) {
        // Does not refresh the index: what it says of the files must be true already.
        expect(agentGit(each.path, 'diff-files', '--name-only')).toEqual({ code: 0, out: '' });
        expect(agentGit(each.path, 'fsck', '--no-dangling').code).toBe(0);
        expect((await rig.collect(each)).delivery.commits).toBe(0);
      }
    }
  });

  it('leaves submodules empty and says so', async () => {
    const rig = await rigOn();
    const library = makeRepo({ name: 'library' });
    repos.push(library);
    rig.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.path, 'vendor/library');
    const start = rig.repo.commit('Submodule');
    for (const task of ['one', 'two', 'three']) {
      const made = await rig.create(task, { starts: [start] });
      expect(made.notes.join()).toContain('vendor/library');
      expect(walk(path.join(made.path, 'vendor'))).toEqual([]);
      expect(agentGit(made.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
      expect((await rig.collect(made)).delivery.commits).toBe(0);
    }
  });

  it('refuses a name that cannot be a branch and a root inside the working tree', async () => {
    const rig = await rigOn();
    expect(await rig.tryCreate('a', { branch: 'orch/run-1/a..b' })).toMatchObject({ ok: false, kind: 'error', transient: false });
    const { createWorkspaces } = await import('../../src/effects/workspaces.ts');
    const { openRepository } = await import('../../src/effects/git/repository.ts');
    const inside = path.join(rig.repo.path, 'trees', 'deep');
    await expect(createWorkspaces({ repo: await openRepository(rig.repo.path), root: inside })).rejects.toMatchObject({ code: 'worktrees-inside', exitCode: 2 });
    expect(existsSync(path.join(rig.repo.path, 'trees'))).toBe(false);
    await createWorkspaces({ repo: await openRepository(rig.repo.path), root: inside, isInsideAllowed: true });
  });

  it('is made by git itself where references are not plain files', async () => {
    const repo = makeRepo();
    repos.push(repo);
    // This version of git takes no notice of it in a repository of format 0.
    repo.git('config', 'extensions.refStorage', 'reftable');
    const rig = await makeRig(repo);
    const before = checkoutState(repo);
    const made = await Promise.all(['a', 'b', 'c', 'd'].map((task) => rig.create(task)));
    for (const each of made) {
      expect(agentGit(each.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
      expect((await rig.collect(each)).delivery.commits).toBe(0);
      writeFiles(each.path, { 'new.txt': 'n\n' });
      expect((await rig.collect(each)).changed).toEqual(['new.txt']);
    }
    expect(rig.git('worktree', 'list', '--porcelain')).toMatch(/locked orch run=run-1 task=d/);
    expect(await rig.workspaces.remove(made[0] as (typeof made)[0])).toBeNull();
    const later = await rig.restart();
    writeFiles(made[1]?.path ?? '', { 'unsaved.txt': 'u' });
    expect((await later.create('b', { attempt: 2 })).notes.join()).toContain('refs/orch/rescue/run-1/b');
    expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(4);
    expect(await later.workspaces.remove(made[2] as (typeof made)[0])).toBeNull();
    expect(checkoutState(repo)).toEqual(before);
  });

  it('runs nothing that hooks or settings of the repository ask for', async () => {
    const rig = await rigOn();
    const marker = path.join(rig.repo.home, 'ran');
    for (const hook of ['post-checkout', 'reference-transaction', 'pre-commit', 'post-commit', 'post-index-change']) {
      writeFiles(path.join(rig.repo.path, '.git/hooks'), { [hook]: { executable: `#!/bin/sh\necho ${hook} >> '${marker}'\n` } });
    }
    rig.git('config', 'core.fsmonitor', `echo fsmonitor >> '${marker}'; false`);
    rmSync(marker, { force: true });
    const made = await rig.create('one');
    writeFiles(made.path, { 'new.txt': 'x' });
    await rig.collect(made);
    await rig.workspaces.remove(made);
    expect(existsSync(marker)).toBe(false);
  });
});

describe('an edit right after the checkout', () => {
  it('is seen even when size, second and inode are the same', async () => {
    const rig = await rigOn();
    for (let round = 0; round < 12; round++) {
      const made = await rig.create(`t${round}`);
      const file = path.join(made.path, 'README.md');
      const { atime, mtime } = lstatSync(file);
      writeFileSync(file, '# exAmple\n');
      // Tools that keep times make it as hard as it gets.
      if (round % 2 === 1) utimesSync(file, atime, mtime);
      expect((await rig.collect(made)).changed).toEqual(['README.md']);
    }
  });

  it('is seen by git alone, in a worktree too large to be compared without it', async () => {
    const rig = await rigOn();
    const start = rig.repo.commit('Many', Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`many/${n}.txt`, `${n}\n`])));
    for (let round = 0; round < 12; round++) {
      const made = await rig.create(`t${round}`, { starts: [start] });
      writeFileSync(path.join(made.path, 'README.md'), '# exAmple\n');
      expect((await rig.collect(made)).changed).toEqual(['README.md']);
    }
  });
});

/** Tasks that edit files and are collected; their heads. */
async function branches(rig: Rig, edits: Record<string, Record<string, string>>): Promise<Record<string, string>> {
  const heads: Record<string, string> = {};
  for (const [task, files] of Object.entries(edits)) {
    const made = await rig.create(task);
    writeFiles(made.path, files);
    heads[task] = (await rig.collect(made)).delivery.head;
  }
  return heads;
}

describe('several starts', () => {
  it('are merged in memory, the same way each time, with the starts as parents', async () => {
    const rig = await rigOn();
    const heads = await branches(rig, { a: { 'a.txt': 'a\n' }, b: { 'b.txt': 'b\n' }, c: { 'c.txt': 'c\n' } });
    const starts = [heads.a ?? '', heads.b ?? '', heads.c ?? ''];
    const made = await rig.create('all', { starts });
    expect(walk(made.path)).toEqual(expect.arrayContaining(['a.txt', 'b.txt', 'c.txt']));
    expect(rig.git('log', '-1', '--format=%P', made.start).split(' ')).toEqual(starts);
    const again = await rig.create('again', { starts });
    expect(again.start).toBe(made.start);
    expect((await rig.collect(made)).delivery).toMatchObject({ head: made.start, commits: 0 });
  });

  it('are merged into a commit with the date of the newest of them, so that it can be made again', async () => {
    const rig = await rigOn();
    const heads = await branches(rig, { a: { 'a.txt': 'a\n' }, b: { 'b.txt': 'b\n' } });
    const [a, b] = Object.values(heads).map((head, index) => {
      const date = `170000000${index} +0000`;
      return runGit(rig.repo.path, ['commit-tree', `${head}^{tree}`, '-p', rig.head, '-m', 'old'], { GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date });
    });
    const made = await rig.create('both', { starts: [a ?? '', b ?? ''] });
    expect(rig.git('log', '-1', '--format=%ct %at', made.start)).toBe('1700000001 1700000001');
  });

  it('of which one contains the others are that one', async () => {
    const rig = await rigOn();
    const { a = '' } = await branches(rig, { a: { 'a.txt': 'a\n' } });
    const onTop = await rig.create('top', { starts: [a] });
    writeFiles(onTop.path, { 'top.txt': 'top\n' });
    const top = (await rig.collect(onTop)).delivery.head;
    expect((await rig.create('x', { starts: [a, top, rig.head, a] })).start).toBe(top);
  });

  it('that conflict are named, with the files', async () => {
    const rig = await rigOn();
    const heads = await branches(rig, { a: { 'README.md': 'A\n' }, b: { 'b.txt': 'b\n' }, c: { 'README.md': 'C\n' } });
    const { a = '', b = '', c = '' } = heads;
    expect(await rig.tryCreate('all', { starts: [a, b, c] })).toEqual({ ok: false, kind: 'conflict', files: ['README.md'], between: [a, c] });
    expect(existsSync(path.join(rig.root, RUN, 'all'))).toBe(false);
    expect(rig.git('for-each-ref', 'refs/heads/orch/run-1/all')).toBe('');
  });

  it('that do not exist are an error, not a conflict', async () => {
    const rig = await rigOn();
    expect(await rig.tryCreate('all', { starts: [rig.head, 'f'.repeat(40)] })).toMatchObject({ ok: false, kind: 'error' });
    expect(await rig.tryCreate('one', { starts: ['f'.repeat(40)] })).toMatchObject({ ok: false, kind: 'error' });
  });

  it('are merged by the attributes of the first, not by those of the dirty checkout', async () => {
    const rig = await rigOn();
    const base = rig.repo.commit('Union', { '.gitattributes': 'CHANGES merge=union\n', CHANGES: 'first\n' });
    rig.repo.write({ '.gitattributes': null });
    const heads: string[] = [];
    for (const task of ['a', 'b']) {
      const made = await rig.create(task, { starts: [base] });
      writeFiles(made.path, { CHANGES: `first\n${task}\n` });
      heads.push((await rig.collect(made)).delivery.head);
    }
    const made = await rig.create('both', { starts: heads });
    expect(readFileSync(path.join(made.path, 'CHANGES'), 'utf8').split('\n').sort()).toEqual(['', 'a', 'b', 'first']);
  });
});

describe('leftovers', () => {
  it('of an earlier attempt are saved on rescue references that are never overwritten', async () => {
    const rig = await rigOn();
    const first = await rig.create('one');
    writeFiles(first.path, { 'dirty.txt': 'dirty 1\n' });
    agentGit(first.path, 'commit', '-q', '--allow-empty', '-m', 'mine');
    const second = await (await rig.restart()).create('one', { attempt: 2 });
    expect(walk(second.path)).not.toContain('dirty.txt');
    writeFiles(second.path, { 'dirty.txt': 'dirty 2\n' });
    const third = await (await rig.restart()).create('one', { attempt: 3 });
    expect(third.start).toBe(rig.head);
    expect(third.notes.join()).toContain('refs/orch/rescue/run-1/one');
    const saved = rig.rescues().flatMap((ref) => {
      try {
        return [rig.git('show', `${ref}:dirty.txt`)];
      } catch {
        return [];
      }
    });
    expect(saved.sort()).toEqual(['dirty 1', 'dirty 2']);
    expect(rig.git('log', '--format=%s', '--glob=refs/orch/rescue')).toContain('mine');
    expect((await rig.collect(third)).delivery.commits).toBe(0);
  });

  it('without anything in them leave no rescue reference', async () => {
    const rig = await rigOn();
    await rig.create('one');
    await (await rig.restart()).create('one', { attempt: 2 });
    expect(rig.rescues()).toEqual([]);
  });

  it('of a person are not touched: a folder, a branch, a branch that is checked out', async () => {
    const rig = await rigOn();
    writeFiles(path.join(rig.root, RUN, 'mine'), { 'precious.txt': 'p' });
    expect(await rig.tryCreate('mine')).toMatchObject({ ok: false, kind: 'error', transient: false, message: expect.stringContaining(path.join(rig.root, RUN, 'mine')) });
    expect(readFileSync(path.join(rig.root, RUN, 'mine/precious.txt'), 'utf8')).toBe('p');

    const theirs = rig.repo.commit('On a branch of theirs');
    rig.git('branch', 'orch/run-1/taken', theirs);
    for (const pack of [false, true]) {
      if (pack) rig.git('pack-refs', '--all');
      for (let round = 0; round < 2; round++) {
        expect(await rig.tryCreate('taken')).toMatchObject({ ok: false, kind: 'error', message: expect.stringContaining('orch/run-1/taken already exists') });
      }
    }
    expect(rig.git('rev-parse', 'orch/run-1/taken')).toBe(theirs);

    rig.git('checkout', '-q', '-b', 'orch/run-1/here', rig.head);
    expect(await rig.tryCreate('here')).toMatchObject({ ok: false, message: expect.stringContaining('is checked out at') });
    mkdirSync(path.join(rig.root, RUN, 'empty'), { recursive: true });
    expect((await rig.tryCreate('empty')).ok).toBe(true);
  });

  it('of a crash at any step are made again', async () => {
    const rig = await rigOn();
    const common = path.join(rig.repo.path, '.git');
    const made = await rig.create('one');
    const admin = path.join(common, 'worktrees', readFileSync(path.join(made.path, '.git'), 'utf8').trim().split('/').at(-1) ?? '');
    const half = path.join(common, 'orch/tmp', path.basename(admin));
    // Killed before it was published: half of the files, and the entry not yet where git looks.
    renameSync(admin, half);
    rmSync(path.join(made.path, '.git'));
    rmSync(path.join(made.path, 'src'), { recursive: true });
    expect(walk((await (await rig.restart()).create('one')).path)).toContain('src/index.ts');
    // Killed before there were files.
    rmSync(made.path, { recursive: true });
    renameSync(admin, half);
    await (await rig.restart()).create('one');
    // The entry is gone, the files are not.
    rmSync(admin, { recursive: true });
    writeFiles(made.path, { 'unsaved.txt': 'u\n' });
    await (await rig.restart()).create('one');
    expect(rig.rescues()).toEqual(['refs/orch/rescue/run-1/one']);
    expect(rig.git('show', 'refs/orch/rescue/run-1/one:unsaved.txt')).toBe('u');
    // A git that was killed left its lock.
    writeFileSync(path.join(admin, 'index.lock'), '');
    writeFiles(made.path, { 'unsaved.txt': 'again\n' });
    const last = await (await rig.restart()).create('one');
    expect(rig.git('show', 'refs/orch/rescue/run-1/one@2:unsaved.txt')).toBe('again');
    expect(agentGit(last.path, 'status', '--porcelain')).toEqual({ code: 0, out: '' });
    expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(2);
  });

  it('of a git worktree add that was killed are replaced', async () => {
    const rig = await rigOn();
    const target = path.join(rig.root, RUN, 'one');
    rig.git('worktree', 'add', '-q', '--no-track', '--lock', '--reason', 'initializing', '-b', 'orch/run-1/one', target);
    rmSync(path.join(target, 'src'), { recursive: true });
    writeFileSync(path.join(rig.repo.path, '.git/worktrees/one/index.lock'), '');
    const made = await rig.create('one');
    expect(walk(made.path)).toContain('src/index.ts');
    expect(rig.rescues()).toEqual([]);
  });

  it('that a link leads to are not followed', async () => {
    const rig = await rigOn();
    const elsewhere = path.join(rig.repo.home, 'elsewhere');
    writeFiles(elsewhere, { 'one/keep.txt': 'k' });
    mkdirSync(rig.root, { recursive: true });
    symlinkSync(elsewhere, path.join(rig.root, RUN));
    for (const task of ['one', 'two']) expect((await rig.tryCreate(task)).ok).toBe(false);
    expect(walk(elsewhere)).toContain('one/keep.txt');
    expect(existsSync(path.join(elsewhere, 'two/README.md'))).toBe(false);
  });
});

describe('many at once', () => {
  it('are made and removed while other processes list worktrees and branches, and none of them fails', async () => {
    const rig = await rigOn();
    const script = 'n=0; while [ ! -e "$1" ]; do git worktree list >/dev/null && git branch >/dev/null && git status --porcelain >/dev/null || { echo failed; exit 1; }; n=$((n+1)); done; echo $n';
    const stop = path.join(rig.repo.home, 'stop');
    const reader = spawn('sh', ['-c', script, 'sh', stop], { cwd: rig.repo.path, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    reader.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    reader.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((resolve) => reader.on('close', resolve));
    const tasks = Array.from({ length: 30 }, (_, n) => `t${n}`);
    const made = await Promise.all(tasks.map((task) => rig.create(task)));
    expect(new Set(made.map((each) => each.path)).size).toBe(30);
    expect(rig.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(31);
    expect(await Promise.all(made.map((each) => rig.workspaces.remove(each)))).toEqual(tasks.map(() => null));
    await rig.workspaces.flush();
    writeFileSync(stop, '');
    await ended;
    expect(output.trim()).toMatch(/^[1-9]\d*$/);
    expect(runGit(rig.repo.path, ['worktree', 'list', '--porcelain']).match(/^worktree /gm)).toHaveLength(1);
  });
});
