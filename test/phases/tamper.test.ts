// Agents that change what is not theirs, in real repositories through the built binary: it is put back, the attempt that
// did it has failed, and nobody else has.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { appears } from '../support/wait.ts';

let project: Project;
beforeEach(() => {
  // The user's history is older than the run: logs of checkouts count in seconds, and this project is made in less than one.
  process.env['GIT_COMMITTER_DATE'] = '2026-01-01T00:00:00Z';
  project = makeProject();
  delete process.env['GIT_COMMITTER_DATE'];
  mkdirSync(at(''), { recursive: true });
});
afterEach(() => { project.dispose(); });
const at = (name: string): string => path.join(project.home, 'signals', name);
const gitDir = (file: string): string => path.join(project.path, '.git', file);
const run = (command: string): string => `{ run: ${JSON.stringify(command)} }`;
/** The user's checkout without times and inodes of files that were put back. */
const mine = (): Record<string, string> => Object.fromEntries(Object.entries(checkoutState(project)).map(([name, print]) => [name, name.startsWith('git/') ? print.replace(/^(\S+) \d+ \d+/, '$1') : print]));

describe('one agent at work', () => {
  test.each<[string, string, RegExp]>([
    ['a file system monitor', 'git config core.fsmonitor "touch $EVIL; false"', /changed \.git\/config \(core\.fsmonitor\): put back/],
    ['a hooks path', 'git config core.hooksPath /tmp/evil', /core\.hookspath/],
    ['a config hook', 'git config hook.evil.command "touch $EVIL"; git config hook.evil.event post-checkout', /hook\.evil/],
    ['a clean filter', 'git config filter.evil.clean "touch $EVIL; cat"; echo "* filter=evil" > .gitattributes', /filter\.evil\.clean/],
    ['a merge driver', 'git config merge.evil.driver "touch $EVIL"; mkdir -p "$(git rev-parse --git-common-dir)/info"; echo "* merge=evil" > "$(git rev-parse --git-common-dir)/info/attributes"', /info\/attributes/],
    ['an external diff', 'git config diff.external "touch $EVIL"', /diff\.external/],
    ['the address that the user pushes to', 'git remote add origin /tmp/evil', /remote\.origin\.url/],
    ['a broken configuration', 'echo "[oops" >> "$(git rev-parse --git-common-dir)/config"', /unreadable/],
    ['a hook', 'd=$(git rev-parse --git-common-dir)/hooks; mkdir -p "$d"; printf "#!/bin/sh\\ntouch $EVIL\\n" > "$d/post-checkout"; chmod +x "$d/post-checkout"', /added \.git\/hooks\/post-checkout: put back/],
    ['the deletion of the hooks', 'rm -rf "$(git rev-parse --git-common-dir)/hooks"', /deleted \.git\/hooks/],
    ['where its worktree belongs to', 'echo /nonexistent > "$(git rev-parse --git-dir)/commondir"', /commondir/],
    ['the .git file', 'rm .git', /\.git: put back/],
    ['a repository in place of .git', 'rm .git; git init -q .; git config core.fsmonitor "touch $EVIL; false"', /\.git: put back/],
    ['the branch of the checkout', 'git update-ref refs/heads/main "$(git commit-tree HEAD^{tree} -m evil)"', /moved refs\/heads\/main: put back/],
    ['the branch of the checkout, set back to where it was before', 'git update-ref refs/heads/main HEAD~1', /moved refs\/heads\/main: put back/],
    ['the deletion of that branch', 'git update-ref -d refs/heads/main', /deleted refs\/heads\/main: put back/],
    ['no more than its own environment', 'env -i PATH="$PATH" git config core.pager "touch $EVIL"', /core\.pager/],
  ])('%s: put back, and the attempt has failed', async (_, command, message) => {
    const before = mine();
    const ended = await project.run(['run', project.manifest(`tasks:\n  evil: { env: { EVIL: ${JSON.stringify(at('ran'))} }, run: ${JSON.stringify(`echo work > work.txt; ${command}`)} }\n`)]);
    expect(ended.code, ended.stderr).toBe(1);
    const task = await project.task('evil');
    expect(task).toMatchObject({ outcome: 'failed', reason: 'tampered' });
    expect(task.message).toMatch(message);
    expect(mine()).toEqual(before);
    // What it did beside that is saved.
    expect(project.git('show', `${task.head}:work.txt`)).toBe('work');
    // Neither orch nor the user's next commands have run what it planted; its own git may have.
    project.git('status');
  });

  test('host git runs nothing that an agent planted a moment before it ended', async () => {
    const evil = `touch ${at('ran')}`;
    const planted = [
      `git config core.fsmonitor "${evil}; false"`, `git config filter.evil.clean "${evil}; cat"`, `git config filter.evil.process "${evil}"`, `git config diff.external "${evil}"`,
      `git config core.hooksPath "$PWD/hooks"`, 'echo "* filter=evil diff=evil merge=evil" > .gitattributes', `git config diff.evil.textconv "${evil}"`, `git config merge.evil.driver "${evil}"`,
      `git config hook.x.command "${evil}"`, 'git config hook.x.event reference-transaction', 'mkdir hooks',
      ...['reference-transaction', 'post-index-change', 'pre-commit', 'post-checkout'].map((hook) => `printf '#!/bin/sh\\n${evil}\\n' > hooks/${hook}; chmod +x hooks/${hook}`),
    ];
    const manifest = project.manifest(`tasks:\n  evil: ${run(`echo work > work.txt; ${planted.join('; ')}; rm -f ${at('ran')}`)}\n  other: { run: "echo x > x.txt" }\n`);
    const ended = await project.run(['run', manifest, '-j', '1']);
    expect(ended.code, ended.stderr).toBe(1);
    expect(existsSync(at('ran'))).toBe(false);
    expect(await project.task('evil')).toMatchObject({ reason: 'tampered' });
    expect(await project.task('other')).toMatchObject({ outcome: 'completed' });
  });

  test('a rewritten file with the same content, a tracking branch, a branch of its own: no tampering', async () => {
    project.git('config', 'core.hooksPath', '.husky');
    const ended = await project.run(['run', project.manifest(`tasks:\n  fine: ${run('git config core.hooksPath .husky; git config branch.x.remote origin; git commit -qm mine --allow-empty; git branch mine; echo a > a.txt')}\n`)]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('refs/heads/mine');
    expect(project.git('config', 'branch.x.remote')).toBe('origin');
  });

  test('an identity that it set for itself does not become the user’s, and fails nothing', async () => {
    const ended = await project.run(['run', project.manifest(`tasks:\n  fine: ${run('git config user.email evil@example.invalid; echo a > a.txt')}\n`)]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('user.email');
    expect(project.git('config', 'user.email')).toBe('ada@example.invalid');
  });

  test('the branch of a task that has completed is put back', async () => {
    const ended = await project.run(['run', project.manifest(`
tasks:
  first: ${run('echo a > a.txt')}
  evil: { needs: first, run: "git update-ref -d refs/heads/\${ORCH_BRANCH%evil}first; echo b > b.txt" }
`)]);
    expect(ended.code, ended.stderr).toBe(1);
    expect(await project.task('evil')).toMatchObject({ reason: 'tampered' });
    const first = await project.task('first');
    expect(project.git('rev-parse', first.branch)).toBe(first.head);
  });
});

describe('several at work', () => {
  const together = (evil: string): string => project.manifest(`
max-parallel: 3
tasks:
  a: { run: "touch ${at('a')}; while ! test -e ${at('go')}; do sleep 0.05; done; git status >/dev/null; echo a > a.txt" }
  b: { run: "touch ${at('b')}; while ! test -e ${at('go')}; do sleep 0.05; done; echo b > b.txt" }
  evil: { run: ${JSON.stringify(`while ! test -e ${at('a')} || ! test -e ${at('b')}; do sleep 0.05; done; ${evil}; touch ${at('done')}; while ! test -e ${at('go')}; do sleep 0.05; done; echo c > c.txt`)} }
`);

  test('the trace of its git commands shows who it was', async () => {
    const running = project.start(['run', together('git config core.sshCommand evil')]);
    await appears(at('done'));
    writeFileSync(at('go'), '');
    expect((await running.ended).code).toBe(1);
    const { tasks } = await project.status();
    expect(tasks.map(({ id, outcome, reason }) => `${id} ${outcome} ${reason}`)).toEqual(['a completed null', 'b completed null', 'evil failed tampered']);
    expect(readFileSync(gitDir('config'), 'utf8')).not.toContain('evil');
  });

  test('without evidence nobody is blamed, but it is put back and said', async () => {
    const running = project.start(['run', together(`printf '[core]\\n\\tpager = evil\\n' >> '${gitDir('config')}'`)]);
    await appears(at('done'));
    writeFileSync(at('go'), '');
    const ended = await running.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/core\.pager.*put back.*whose doing it was is not known/s);
    expect(readFileSync(gitDir('config'), 'utf8')).not.toContain('evil');
    // Whoever wanted it can have it back.
    const aside = /the changed file is (\S.*?config)/.exec(ended.stderr.replaceAll('\n', ' '))?.[1] ?? '';
    expect(aside).toContain('tampered');
  });

  test('the user commits, branches and configures meanwhile: theirs stays, and nobody is blamed', async () => {
    const running = project.start(['run', together('true')]);
    await appears(at('done'));
    project.commit('Mine', { 'mine.txt': 'mine\n' });
    const tip = project.git('rev-parse', 'HEAD');
    project.git('switch', '-q', '-c', 'side');
    project.commit('Side', { 'side.txt': 'side\n' });
    project.git('config', 'branch.side.remote', 'origin');
    const hook = gitDir('hooks/pre-push');
    project.git('gc', '-q');
    writeFileSync(at('go'), '');
    const ended = await running.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(project.git('rev-parse', 'main')).toBe(tip);
    expect(project.git('symbolic-ref', '--short', 'HEAD')).toBe('side');
    expect(project.git('status', '--porcelain')).toBe('');
    expect(project.git('config', 'branch.side.remote')).toBe('origin');
    expect(existsSync(hook)).toBe(false);
  });

  test('what the plan’s own setup configures is no agent’s fault', async () => {
    const ended = await project.run(['run', project.manifest(`tasks:\n  a: { setup: "git config core.hooksPath .husky/_", run: "echo a > a.txt" }\n  b: { setup: "git config core.hooksPath .husky/_", run: "echo b > b.txt" }\n`)]);
    expect(ended.code, ended.stderr).toBe(0);
  });
});

test('a hook that was there and is changed is put back with its mode', async () => {
  writeFileSync(gitDir('hooks/pre-commit'), '#!/bin/sh\nexit 0\n');
  chmodSync(gitDir('hooks/pre-commit'), 0o755);
  const before = mine();
  const ended = await project.run(['run', project.manifest(`tasks:\n  evil: ${run('echo evil >> "$(git rev-parse --git-common-dir)/hooks/pre-commit"; chmod -x "$(git rev-parse --git-common-dir)/hooks/pre-commit"; echo a > a.txt')}\n`)]);
  expect(ended.code).toBe(1);
  expect(mine()).toEqual(before);
});
