// Finding and judging the repository, and the questions that commands ask of it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { OrchError } from '../../src/errors.ts';
import { diffText, logOneline } from '../../src/effects/git/inspect.ts';
import { gitRaw } from '../../src/effects/git/plumbing.ts';
import { createRefs } from '../../src/effects/git/refs.ts';
import { branchTip, currentBranch, defaultWorktreesRoot, dirtySummary, hasPlainLayout, isAncestor, openRepository, requireBranchNamespace, resolveBase } from '../../src/effects/git/repository.ts';
import { isBranchName } from '../../src/lib/ref-name.ts';
import { checkoutState, makeRepo, type TestRepo, writeFiles } from '../support/repo.ts';
import { tries } from '../support/tries.ts';

let repos: TestRepo[] = [];
function repoWith(options: Parameters<typeof makeRepo>[0] = {}): TestRepo {
  const repo = makeRepo(options);
  repos.push(repo);
  return repo;
}
afterEach(() => {
  for (const repo of repos) repo.dispose();
  repos = [];
  delete process.env.ORCH_GIT;
});
async function failure(work: Promise<unknown>): Promise<OrchError> {
  const error: unknown = await work.then(() => null, (reason: unknown) => reason);
  if (!(error instanceof OrchError)) throw new Error(`not an OrchError: ${String(error)}`);
  return error;
}

describe('openRepository', () => {
  it('finds it from a folder below, a linked worktree, a bare repository', async () => {
    const repo = repoWith();
    const common = path.join(repo.path, '.git');
    const found = await openRepository(path.join(repo.path, 'src/lib'));
    expect(found).toMatchObject({ commonDir: common, topLevel: repo.path, bare: false, objectFormat: 'sha1' });
    expect(found.gitVersion[0]).toBeGreaterThanOrEqual(2);
    expect(defaultWorktreesRoot(found)).toBe(`${repo.path}.orch`);
    const linked = path.join(repo.home, 'linked');
    repo.git('worktree', 'add', '-q', '--detach', linked);
    const fromLinked = await openRepository(linked);
    expect(fromLinked).toMatchObject({ commonDir: common, topLevel: linked });
    expect(defaultWorktreesRoot(fromLinked)).toBe(`${repo.path}.orch`);
    const bare = repoWith({ bare: true });
    const foundBare = await openRepository(bare.path);
    expect(foundBare).toMatchObject({ commonDir: bare.path, topLevel: null, bare: true });
    expect(defaultWorktreesRoot(foundBare)).toBe(path.join(bare.home, 'bare.orch'));
    const sha256 = repoWith({ objectFormat: 'sha256' });
    expect((await openRepository(sha256.path)).objectFormat).toBe('sha256');
  });

  it('is not led elsewhere by the environment of a git hook', async () => {
    const [repo, other] = [repoWith(), repoWith()];
    Object.assign(process.env, { GIT_DIR: path.join(other.path, '.git'), GIT_WORK_TREE: other.path, GIT_INDEX_FILE: path.join(other.path, '.git/index') });
    try {
      expect((await openRepository(repo.path)).topLevel).toBe(repo.path);
    } finally {
      for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE']) delete process.env[name];
    }
  });

  it('says what is wrong: no repository, no folder, no git, a git that is too old', async () => {
    const repo = repoWith();
    expect(await failure(openRepository(repo.home))).toMatchObject({ code: 'not-a-repository', exitCode: 3, message: expect.stringContaining(repo.home) });
    expect(await failure(openRepository(path.join(repo.home, 'gone')))).toMatchObject({ code: 'no-such-folder', exitCode: 3 });
    writeFiles(repo.home, { 'old-git': { executable: '#!/bin/sh\necho git version 2.34.1\n' } });
    process.env.ORCH_GIT = path.join(repo.home, 'old-git');
    const old = await failure(openRepository(repo.path));
    expect(old).toMatchObject({ code: 'git-too-old', exitCode: 3 });
    expect(old.message).toMatch(/2\.34\.1.*2\.38/);
    process.env.ORCH_GIT = path.join(repo.home, 'no-git');
    expect(await failure(openRepository(repo.path))).toMatchObject({ code: 'git-missing', exitCode: 3 });
  });

  it('knows a layout that it must not write by hand', async () => {
    const repo = repoWith();
    const found = await openRepository(repo.path);
    expect(await hasPlainLayout(found)).toBe(true);
    repo.git('config', 'extensions.worktreeConfig', 'true');
    expect(await hasPlainLayout(found)).toBe(true);
    repo.git('config', 'extensions.refStorage', 'reftable');
    expect(await hasPlainLayout(found)).toBe(false);
  });
});

describe('resolveBase', () => {
  it('takes HEAD, a branch, a tag, a commit; on a detached HEAD too', async () => {
    const repo = repoWith();
    const found = await openRepository(repo.path);
    const head = repo.git('rev-parse', 'HEAD');
    repo.git('tag', '-a', '-m', 't', 'v1', 'HEAD~1');
    expect(await resolveBase(found, null)).toEqual({ ref: 'main', sha: head });
    expect(await resolveBase(found, 'v1')).toEqual({ ref: 'v1', sha: repo.git('rev-parse', 'HEAD~1') });
    expect(await resolveBase(found, 'HEAD~1')).toMatchObject({ sha: repo.git('rev-parse', 'HEAD~1') });
    repo.git('checkout', '-q', '--detach');
    expect(await currentBranch(found)).toBeNull();
    expect(await resolveBase(found, null)).toEqual({ ref: 'HEAD', sha: head });
  });

  it('suggests the nearest names, and takes none for an option', async () => {
    const repo = repoWith();
    const found = await openRepository(repo.path);
    repo.git('branch', 'develop');
    expect(await failure(resolveBase(found, 'develp'))).toMatchObject({ code: 'unknown-base', exitCode: 2, hint: 'Did you mean develop?' });
    for (const name of ['--all', '-h', '', 'main:README.md', '--output=x']) expect((await failure(resolveBase(found, name))).code).toBe('unknown-base');
    expect(existsSync(path.join(repo.path, 'x'))).toBe(false);
  });

  it('explains a repository without commits', async () => {
    const repo = repoWith({ commits: 0 });
    const found = await openRepository(repo.path);
    expect(await currentBranch(found)).toBe('main');
    expect(await failure(resolveBase(found, null))).toMatchObject({ code: 'no-commits', exitCode: 3, hint: expect.stringContaining('git commit') });
  });
});

describe('the checkout of the user', () => {
  it('is counted without being touched', async () => {
    const repo = repoWith();
    const found = await openRepository(repo.path);
    expect(await dirtySummary(found)).toEqual({ changed: 0, untracked: 0 });
    repo.write({ 'README.md': 'changed', 'new.txt': 'n', 'folder/x': 'x', 'ignored.log': 'i', 'src/index.ts': null });
    repo.git('mv', 'data.bin', 'moved.bin');
    const before = checkoutState(repo);
    expect(await dirtySummary(found)).toEqual({ changed: 4, untracked: 2 });
    expect(checkoutState(repo)).toEqual(before);
  });

  it('may have a branch that makes ours impossible', async () => {
    const repo = repoWith();
    const found = await openRepository(repo.path);
    await requireBranchNamespace(found);
    repo.git('branch', 'orch');
    expect(await failure(requireBranchNamespace(found))).toMatchObject({ code: 'branch-in-the-way', exitCode: 3 });
  });
});

describe('inspect', () => {
  it('shows differences and logs, and runs no external diff', async () => {
    const repo = repoWith();
    const found = await openRepository(repo.path);
    const marker = path.join(repo.home, 'ran');
    repo.git('config', 'diff.external', `touch '${marker}'`);
    const from = repo.git('rev-parse', 'HEAD');
    const to = repo.commit('Change it', { 'README.md': '# Changed\n' });
    expect(await diffText(found, from, to, { form: 'patch', color: false })).toContain('+# Changed');
    expect(await diffText(found, from, to, { form: 'stat', color: true })).toContain('README.md');
    expect(existsSync(marker)).toBe(false);
    expect(await logOneline(found, from, to)).toEqual([expect.stringMatching(/^[0-9a-f]+ Change it$/)]);
    expect(await branchTip(found, 'main')).toBe(to);
    expect(await branchTip(found, 'gone')).toBeNull();
    expect([await isAncestor(found, from, to), await isAncestor(found, to, from), await isAncestor(found, 'gone', to)]).toEqual([true, false, false]);
  });
});

describe('references', () => {
  it('are moved together, and one that is refused does not stop the others', async () => {
    const repo = repoWith();
    const refs = createRefs(await openRepository(repo.path));
    const [head, parent] = [repo.git('rev-parse', 'HEAD'), repo.git('rev-parse', 'HEAD~1')];
    repo.git('branch', 'taken', parent);
    const moves = [...Array.from({ length: 20 }, (_, n) => ({ ref: `refs/heads/b${n}`, from: null, to: head })), { ref: 'refs/heads/taken', from: null, to: head }];
    const refusals = await Promise.all(moves.map((move) => refs.move([move])));
    expect(refusals.map((each) => each === null)).toEqual([...Array.from({ length: 20 }, () => true), false]);
    expect(refusals.at(-1)).toContain('refs/heads/taken');
    expect(await refs.move([{ ref: 'refs/heads/b0', from: head, to: parent }, { ref: 'refs/heads/taken', from: head, to: null }])).not.toBeNull();
    expect(await refs.resolve(['refs/heads/b0', 'refs/heads/none', `${head}^{tree}`, 'refs/heads/taken'])).toEqual([head, null, repo.git('rev-parse', 'HEAD^{tree}'), parent]);
    expect(await refs.move([{ ref: 'refs/heads/b0', from: head, to: null }])).toBeNull();
    expect(await refs.resolve(['refs/heads/b0'])).toEqual([null]);
  });

  it('have names that git accepts too', () => {
    const repo = repoWith({ commits: 0 });
    const part = fc.constantFrom('a', 'b.lock', '.c', 'd.', 'e..f', '-g', '@', '@{', 'HEAD', 'ü', 'h i', 'j~', 'k^', 'l:', 'm?', 'n*', 'o[', 'p\\', 'q\u007f', '');
    fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')), (name) => {
      let isFine = true;
      try {
        execFileSync('git', ['check-ref-format', `refs/heads/${name}`], { cwd: repo.path, stdio: 'ignore' });
      } catch {
        isFine = false;
      }
      // Ours is stricter only about what could be taken for an option or for HEAD, and a part that ends with a dot at the very end.
      if (isBranchName(name)) expect(isFine, name).toBe(true);
      else if (isFine) expect(name.startsWith('-') || name === 'HEAD', name).toBe(true);
    }), { numRuns: tries(60) });
  });
});

describe('gitRaw', () => {
  it('returns bytes, ends a call that prints too much, and says when git cannot start', async () => {
    const repo = repoWith();
    expect((await gitRaw(['cat-file', 'blob', 'HEAD:data.bin'], { cwd: repo.path })).stdout).toEqual(Buffer.from([0, 1, 2, 255, 254]));
    expect(await gitRaw(['log', '-p'], { cwd: repo.path, maxBytes: 10 })).toMatchObject({ code: -1, stderr: expect.stringContaining('more than 10 bytes') });
    expect(await gitRaw(['status'], { cwd: path.join(repo.home, 'gone') })).toMatchObject({ code: -1 });
    const hashed = await gitRaw(['hash-object', '--stdin'], { cwd: repo.path, input: 'x\n' });
    expect(hashed.stdout.toString().trim()).toBe('587be6b4c3f93f93c489c0111bba5596147a26cb');
    const stop = new AbortController();
    stop.abort();
    expect((await gitRaw(['status'], { cwd: repo.path, signal: stop.signal })).code).toBe(-1);
    mkdirSync(path.join(repo.home, 'not a repository'));
    expect((await gitRaw(['rev-parse'], { cwd: path.join(repo.home, 'not a repository') })).code).toBe(128);
    rmSync(path.join(repo.home, 'not a repository'), { recursive: true });
  });
});
