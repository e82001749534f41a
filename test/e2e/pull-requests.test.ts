// Merging by pull request through the binary: what is pushed and asked, what is found again, who is left alone, and
// kill -9 on the way. Against a local bare remote and stand-ins for gh and glab.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { PULL_REQUEST_CRASH_POINTS } from '../../src/lib/crash-point.ts';
import { makeForge, type TestForge } from '../support/forge.ts';
import { expectTidy, processesOf } from '../support/invariants.ts';
import type { Ended } from '../support/orch.ts';
import { appears, until } from '../support/wait.ts';
import { isAlive } from '../support/process-rig.ts';
import { leavesNothing, makeProject, type Project } from '../support/project.ts';
import { checkoutState, walk } from '../support/repo.ts';

const made: Project[] = [];
afterEach(() => { for (const project of made.splice(0)) project.dispose(); });

interface Place {
  readonly project: Project;
  readonly forge: TestForge;
  readonly orch: (args: readonly string[], env?: Record<string, string>) => Promise<Ended>;
}
function placeOf(options: Parameters<typeof makeForge>[1] = {}): Place {
  const project = makeProject();
  made.push(project);
  const forge = makeForge(project, options);
  return { project, forge, orch: async (args, env = {}) => await project.run(args, { env: { ...forge.env, ...env } }) };
}

const manifest = (merge: string): string => `
merge: { ${merge} }
tasks:
  b: { needs: a, run: "echo b > b.txt" }
  a: { run: "echo a > a.txt", name: "Write \`a\` @everyone" }
  c: { run: "echo c > c.txt", verify: "test -e c.txt" }
`;
const SECRET = 'tok-0123456789-secret';

const seen = async (project: Project): Promise<Record<string, unknown>> =>
  Object.fromEntries((await project.status()).tasks.map(({ id, merge, pullRequest }) => [id, [merge, pullRequest?.number ?? null, pullRequest?.state ?? null]]));
const branches = (forge: TestForge): string[] => forge.git('for-each-ref', '--format=%(refname:short)', 'refs/heads').split('\n');
const opens = (forge: TestForge): number => forge.calls().filter(({ stdin }) => stdin !== '').length;

test('one for the run: the verified result is pushed and asked for, the target stays where it is on both sides', async () => {
  const { project, forge, orch } = placeOf();
  const main = project.git('rev-parse', 'main');
  const ended = await orch(['run', project.manifest(manifest('via: pull-request, when: end, strategy: squash, verify: "test -e README.md"')), '--run-id', 'r'], { GH_TOKEN: SECRET });
  expect(ended.code, ended.stderr).toBe(0);
  expect(await seen(project)).toEqual({ a: ['unmerged', 1, 'open'], b: ['unmerged', 1, 'open'], c: ['unmerged', 1, 'open'] });
  expect(ended.stderr).toContain('https://github.com/acme/demo/pull/1');
  expect(ended.stderr).toContain('3 in pull requests');
  expect(ended.stderr).not.toMatch(/not merged|✖/);
  expect([project.git('rev-parse', 'main'), forge.git('rev-parse', 'main')]).toEqual([main, main]);
  expect(branches(forge)).toEqual(['main', 'orch/r/merged']);
  expect(forge.git('ls-tree', '--name-only', 'orch/r/merged', 'a.txt', 'b.txt', 'c.txt').split('\n')).toHaveLength(3);
  expect(forge.git('log', '-1', '--format=%(trailers:key=Orch-Task,valueonly)', 'orch/r/merged').trim()).toMatch(/^[abc]$/);
  const [request] = forge.requests();
  expect(request).toMatchObject({ head: 'orch/r/merged', base: 'main', title: expect.stringMatching(/^tasks1: 3 tasks$/) });
  expect(request?.body).toContain('- `a` ``Write `a` @everyone``: 1 file, +1 −0');
  expect(request?.body).toContain('passed `test -e README.md`');
  expect(request?.body).toMatch(/\nOrch-Run: r\n$/);
  // Nothing of a request but its address is in a command line; no credential is anywhere.
  expect(JSON.stringify(forge.calls().map(({ args }) => args))).not.toContain('Orch-Run');
  const records = path.join(project.path, '.git/orch');
  const all = [ended.stderr, ended.stdout, ...walk(records).map((file) => readFileSync(path.join(records, file), 'latin1'))].join('\n');
  for (const secret of [SECRET, 's3cret-in-url', 'gho_never']) expect(all).not.toContain(secret);
  // Asked again, everything is found.
  const pushed = forge.git('rev-parse', 'orch/r/merged');
  expect((await orch(['merge'])).code).toBe(0);
  expect([opens(forge), forge.git('rev-parse', 'orch/r/merged')]).toEqual([1, pushed]);
  // Merged there and fetched here, it is known as merged.
  project.git('merge', '-q', '--no-ff', 'orch/r/merged', '-m', 'Merge pull request #1');
  forge.setState(1, 'merged');
  expect((await orch(['merge'])).code).toBe(0);
  expect(await seen(project)).toMatchObject({ a: ['merged', 1, 'open'], c: ['merged', 1, 'open'] });
  expectTidy(project, 'r');
});

test('one for each task: branches as they are, needs first and named; what was turned down or merged is not asked again', async () => {
  const { project, forge, orch } = placeOf({ tool: 'glab', url: 'git@gitlab.com:acme/demo.git' });
  const file = project.manifest(manifest('via: pull-request, one-per: task'));
  expect((await orch(['run', file, '--run-id', 'r'])).code).toBe(0);
  expect(forge.calls()).toEqual([]);
  const checkout = checkoutState(project);
  const ended = await orch(['merge']);
  expect(ended.code, ended.stderr).toBe(0);
  expect(checkoutState(project)['tree/README.md']).toBe(checkout['tree/README.md']);
  expect(branches(forge)).toEqual(['main', 'orch/r/a', 'orch/r/b', 'orch/r/c']);
  const [a, b, c] = ['a', 'b', 'c'].map((id) => forge.requests().find(({ head }) => head === `orch/r/${id}`));
  expect(a?.number).toBeLessThan(b?.number ?? 0);
  expect(b?.body).toContain('contains the work of `a` (https://gitlab.com/acme/demo/-/merge_requests/1): that goes first');
  expect(c?.body).toContain('verified with `test -e c.txt`');
  expect(a?.title).toBe('Write `a` @everyone');
  expect(a?.body).toMatch(/\nOrch-Run: r\nOrch-Task: a\nOrch-Attempt: 1\n$/);
  for (const id of ['a', 'b', 'c']) expect(forge.git('rev-parse', `orch/r/${id}`)).toBe((await project.task(id)).head);
  forge.setState(a?.number ?? 0, 'merged');
  forge.git('branch', '-D', 'orch/r/a');
  forge.setState(c?.number ?? 0, 'closed');
  const again = await orch(['merge']);
  expect(again.code, again.stderr).toBe(5);
  expect(again.stderr).toContain('c  unmerged: its pull request was closed without being merged');
  expect(await seen(project)).toEqual({ a: ['unmerged', a?.number, 'merged'], b: ['unmerged', b?.number, 'open'], c: ['unmerged', c?.number, 'closed'] });
  expect([opens(forge), branches(forge)]).toEqual([3, ['main', 'orch/r/b', 'orch/r/c']]);
});

test('one for each task while others run: asked for as soon as a task completes', async () => {
  const { project, forge, orch } = placeOf();
  const go = project.at('go');
  const text = manifest('via: pull-request, one-per: task, when: each').replace('echo c > c.txt"', `until test -e '${go}'; do sleep 0.05; done; echo c > c.txt"`);
  const ended = orch(['run', project.manifest(text), '--run-id', 'r']);
  await until('two are asked for', () => forge.requests().length === 2);
  expect(forge.requests().map(({ head }) => head)).toEqual(['orch/r/a', 'orch/r/b']);
  writeFileSync(go, '');
  expect((await ended).code, (await ended).stderr).toBe(0);
  expect(forge.requests().map(({ head }) => head)).toEqual(['orch/r/a', 'orch/r/b', 'orch/r/c']);
  expect(opens(forge)).toBe(3);
  expect(await seen(project)).toEqual({ a: ['unmerged', 1, 'open'], b: ['unmerged', 2, 'open'], c: ['unmerged', 3, 'open'] });
  expectTidy(project, 'r');
});

test('one for the run, merged while others run (--merge): one request, for all of it', async () => {
  const { project, forge, orch } = placeOf();
  const ended = await orch(['run', project.manifest(manifest('via: pull-request, verify: "true"')), '--run-id', 'r', '--merge']);
  expect(ended.code, ended.stderr).toBe(0);
  expect(forge.requests().map(({ head }) => head)).toEqual(['orch/r/merged']);
  expect(opens(forge)).toBe(1);
  expect(forge.git('ls-tree', '--name-only', 'orch/r/merged', 'a.txt', 'b.txt', 'c.txt').split('\n')).toHaveLength(3);
  for (const id of ['a', 'b', 'c']) expect(forge.requests()[0]?.body).toContain(`- \`${id}\``);
  expect(await seen(project)).toEqual({ a: ['unmerged', 1, 'open'], b: ['unmerged', 1, 'open'], c: ['unmerged', 1, 'open'] });
});

test('what others have put on a branch of the remote stays; what the remote refuses is told and asked again later', async () => {
  const { project, forge, orch } = placeOf();
  expect((await orch(['run', project.manifest(manifest('via: pull-request, one-per: task')), '--run-id', 'r'])).code).toBe(0);
  const theirs = project.git('commit-tree', 'main^{tree}', '-p', 'main', '-m', 'Theirs');
  project.git('push', '-q', 'origin', `${theirs}:refs/heads/orch/r/a`);
  forge.refuse({ open: `Draft only (${SECRET})` });
  const ended = await orch(['merge'], { GH_TOKEN: SECRET });
  expect(ended.code, ended.stderr).toBe(5);
  expect(ended.stderr).toContain('commits that orch did not put there');
  expect(ended.stderr).toContain('pushed, but no pull request could be opened: gh: Validation Failed; Draft only (***)');
  expect((await project.status()).tasks.map(({ mergeMessage }) => mergeMessage).join()).not.toContain(SECRET);
  expect(forge.git('rev-parse', 'orch/r/a')).toBe(theirs);
  forge.git('update-ref', '-d', 'refs/heads/orch/r/a');
  forge.refuse({ open: null });
  expect((await orch(['merge', 'r'])).code).toBe(0);
  expect(forge.requests()).toHaveLength(3);
});

test('flags: any run can be asked for, or merged after all; what makes no sense is refused', async () => {
  const { project, forge, orch } = placeOf();
  expect((await orch(['run', project.manifest(manifest('strategy: merge')), '--run-id', 'r'])).code).toBe(0);
  for (const args of [['--pull-request', 'each'], ['--pull-request', 'task', '--verify', 'true']]) expect((await orch(['merge', ...args])).code).toBe(2);
  const dry = await orch(['merge', '--dry-run', '--pull-request', 'run']);
  expect([dry.code, dry.stdout.split('\n')[0]]).toEqual([0, '3 tasks into main (merge, one pull request), in this order:']);
  expect((await orch(['merge', 'c', '--pull-request', 'run'])).code).toBe(0);
  expect(forge.requests()[0]?.title).toBe('c');
  // More of the run goes to the same branch and request.
  const more = await orch(['merge', '--pull-request', 'run']);
  expect(more.code, more.stderr).toBe(0);
  expect(await seen(project)).toEqual({ a: ['unmerged', 1, 'open'], b: ['unmerged', 1, 'open'], c: ['unmerged', 1, 'open'] });
  expect(forge.git('ls-tree', '--name-only', 'orch/r/merged', 'a.txt', 'b.txt', 'c.txt').split('\n')).toHaveLength(3);
  expect((await orch(['merge', '--pull-request', 'none'])).code).toBe(0);
  expect(project.git('show', 'main:b.txt')).toBe('b');
});

test('what is missing is found before anything is made', async () => {
  const { project, forge, orch } = placeOf();
  const file = project.manifest(manifest('via: pull-request, when: end'));
  const refused = async (env: Record<string, string>, why: RegExp): Promise<void> => {
    const ended = await leavesNothing(project, () => orch(['run', file], env));
    expect([ended.code, ended.stderr]).toEqual([3, expect.stringMatching(why)]);
  };
  const git = path.dirname(project.git('--exec-path'));
  await refused({ PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin:${git}` }, /gh \(GitHub\), which is not installed[\s\S]*gh auth login --hostname github\.com/);
  forge.git('branch', '-m', 'main', 'trunk');
  await refused({}, /has no branch main[\s\S]*git push origin main/);
  forge.git('branch', '-m', 'trunk', 'main');
  forge.refuse({ loggedOut: true });
  await refused({}, /not logged in/);
  project.git('config', 'remote.origin.url', path.join(project.home, 'forge/remote.git'));
  await refused({}, /neither on GitHub nor on GitLab/);
  project.git('remote', 'remove', 'origin');
  await refused({}, /need a remote/);
  const wrong = await orch(['run', project.manifest(manifest('one-per: task, via: pull-request, verify: "true"'))]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('has no use with `one-per: task`')]);
});

test('Ctrl-C while the host does not answer: nothing is left running, the next merge asks', async () => {
  const { project, forge, orch } = placeOf();
  expect((await orch(['run', project.manifest(manifest('via: pull-request, one-per: task')), '--run-id', 'r'])).code).toBe(0);
  forge.refuse({ hang: true });
  const running = project.start(['merge', 'r'], { env: forge.env });
  await appears(forge.hangs);
  running.child.kill('SIGINT');
  expect((await running.ended).code).toBe(130);
  expect(processesOf(project)).toEqual([]);
  expect(isAlive(Number(readFileSync(forge.hangs, 'utf8')))).toBe(false);
  forge.refuse({ hang: false });
  expect((await orch(['merge', 'r'])).code).toBe(0);
  expect(forge.requests()).toHaveLength(3);
});

test.concurrent.each(PULL_REQUEST_CRASH_POINTS.flatMap((point) => (point === 'pull-request-opened' ? (['run', 'task'] as const) : (['task'] as const)).map((per) => [point, per] as const)))('kill -9 at %s, one for each %s: asked for once, and all of it', async (point, per) => {
  const project = makeProject();
  try {
    const forge = makeForge(project);
    const run = `${point}-${per}`;
    const file = project.manifest(manifest(`via: pull-request, when: end, one-per: ${per}`));
    const crashed = await project.run(['run', file, '--run-id', run], { env: { ...forge.env, ORCH_CRASH_AT: point } });
    expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
    const ended = await project.run([per === 'run' ? 'resume' : 'merge', run], { env: forge.env });
    expect(ended.code, ended.stderr).toBe(0);
    const wanted = per === 'run' ? [`orch/${run}/merged`] : ['a', 'b', 'c'].map((id) => `orch/${run}/${id}`);
    expect(forge.requests().map(({ head }) => head).sort()).toEqual(wanted);
    expect(branches(forge)).toEqual(['main', ...wanted]);
    for (const branch of wanted) expect(forge.git('rev-parse', branch)).toBe(project.git('rev-parse', branch));
    expect(Object.values(await seen(project)).flat().filter((word) => word === 'open')).toHaveLength(3);
    expect(readdirSync(path.join(project.path, '.git/orch/runs'))).toEqual([run]);
    expectTidy(project, run);
  } finally {
    project.dispose();
  }
});
