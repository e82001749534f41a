// Each protection of the sandbox as an attempt that fails inside and succeeds outside, where it would not be a test otherwise.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { findTools } from '../../src/effects/processes/tools.ts';
import { probeSandbox } from '../../src/effects/sandbox.ts';
import { releaseGit } from '../../src/effects/sandbox-git.ts';
import { isAlive } from '../support/process-rig.ts';
import { appears } from '../support/wait.ts';
import { createSandboxRig, stateOf, type SandboxRig } from '../support/sandbox-rig.ts';

const clock = createClock();
const report = await probeSandbox(clock);
const processes = createProcesses({ clock, ...(report.containment === null ? {} : { sandbox: report.containment }) });
const works = report.containment !== null;
if (!works) console.warn(`Skipped: the sandbox does not work here: ${report.reason}`);

const rigs = new Map<string, SandboxRig>();
function open(kind: 'worktree' | 'clone'): SandboxRig {
  const known = rigs.get(kind);
  if (known !== undefined) known.restore();
  const rig = known ?? createSandboxRig(kind);
  rigs.set(kind, rig);
  return rig;
}
afterEach(() => {
  for (const { rig } of rigs.values()) expect(rig.survivors()).toEqual([]);
});
afterAll(() => {
  for (const { rig } of rigs.values()) rig.dispose();
});

const KINDS = ['worktree', 'clone'] as const;

/** Scripts that exit 0 when they got what they wanted. */
const ATTEMPTS: readonly (readonly [string, string])[] = [
  ['write beside its working tree', 'echo x > "$OUTSIDE/tree/planted"'],
  ['write into the system', 'echo x > /usr/local/orch-planted && rm /usr/local/orch-planted'],
  ['read a private key', 'cat "$REAL_HOME/.ssh/id_test"'],
  ['write into the home', 'echo x > "$REAL_HOME/.profile"'],
  ["read another task's working tree", 'cat "$SIBLING/unsaved"'],
  ["remove another task's working tree", 'rm -r "$SIBLING"'],
  ["remove another task's administrative folder", 'test -e "$COMMON/worktrees/sibling" && rm -r "$COMMON/worktrees/sibling"'],
  ["read orch's records", 'cat "$COMMON/orch/record"'],
  ['change the configuration', 'git --git-dir="$COMMON" config core.fsmonitor "touch /tmp/owned"'],
  ['replace the configuration', 'cp "$COMMON/config" "$COMMON/config2" && mv "$COMMON/config2" "$COMMON/config"'],
  ['plant a hook', 'echo "#!/bin/sh" > "$COMMON/hooks/post-checkout"'],
  ['plant attributes', 'echo "* filter=x" > "$COMMON/info/attributes"'],
  ['move the main branch', 'git --git-dir="$COMMON" update-ref refs/heads/main "$OLD"'],
  ["move another run's branch", 'git --git-dir="$COMMON" update-ref refs/heads/orch/other/task "$OLD"'],
  ['plant a ref', 'git --git-dir="$COMMON" update-ref refs/tags/planted "$OLD"'],
  ['move HEAD of the checkout', 'echo "ref: refs/heads/other" > "$COMMON/HEAD"'],
  ['delete packed history', 'rm -f "$COMMON"/objects/pack/*.pack && ! ls "$COMMON"/objects/pack/*.pack'],
  ['see a process outside', 'kill -0 "$TEST_PID"'],
];
const CLONE_ONLY: readonly (readonly [string, string])[] = [
  ['delete loose objects', 'file=$(find "$COMMON"/objects/?? -type f | head -1); test -n "$file" && rm -f "$file"'],
  ["move a sibling's branch", 'git --git-dir="$COMMON" update-ref refs/heads/orch/run/sibling "$OLD"'],
];
const WORKTREE_ONLY: readonly (readonly [string, string])[] = [
  ['lead git elsewhere by its own .git', 'rm -f .git && mkdir .git'],
  ['lead git elsewhere by commondir', 'echo /elsewhere > "$(git rev-parse --git-dir)/commondir"'],
  ['lead git elsewhere by renaming', 'mv "$(git rev-parse --git-dir)" "$COMMON/worktrees/moved"'],
];

const cases = [
  ...KINDS.flatMap((kind) => ATTEMPTS.map(([name, script]) => ({ kind, name, script }))),
  ...CLONE_ONLY.map(([name, script]) => ({ kind: 'clone' as const, name, script })),
  ...WORKTREE_ONLY.map(([name, script]) => ({ kind: 'worktree' as const, name, script })),
];

describe.skipIf(!works)('an agent in the sandbox cannot', () => {
  it.each(cases)('$name ($kind)', async ({ kind, script }) => {
    const rig = open(kind);
    const before = stateOf(rig);
    const inside = await processes.run(rig.script(script));
    expect(inside.exit).toMatchObject({ kind: 'code' });
    expect(inside.exit, inside.stdoutTail + inside.stderrTail).not.toEqual({ kind: 'code', code: 0 });
    expect(inside.tier).toBe(1);
    expect(stateOf(rig)).toBe(before);
    const outside = await processes.run(rig.script(script, { outside: true }));
    expect(outside.exit, outside.stderrTail).toEqual({ kind: 'code', code: 0 });
  });

  it('outlive its task, however it detaches', async () => {
    const script = `env -i /usr/bin/setsid /bin/sh -c 'echo $$ > pid.tmp; mv pid.tmp pid; exec /bin/sleep 60' >/dev/null 2>&1 & while ! [ -f pid ]; do sleep 0.01; done; sleep 0.05; readlink /proc/self/ns/pid`;
    const { script: spec, worktree } = open('worktree');
    const inside = await processes.run(spec(script));
    expect(inside).toMatchObject({ exit: { kind: 'code', code: 0 }, leftovers: 1 });
    const namespace = inside.stdoutTail.trim();
    expect(namespace).not.toBe('');
    expect(execFileSync('sh', ['-c', `readlink /proc/[0-9]*/ns/pid 2>/dev/null | grep -cFx '${namespace}' || true`], { encoding: 'utf8' }).trim()).toBe('0');
    execFileSync('rm', [path.join(worktree, 'pid')]);
    await processes.run(spec(script, { outside: true }));
    const escaped = Number(readFileSync(path.join(worktree, 'pid'), 'utf8'));
    expect(isAlive(escaped)).toBe(true);
    process.kill(escaped, 'SIGKILL');
  });

  it('see a secret of the environment but the one that was named', async () => {
    const { script } = open('clone');
    const env = { MY_API_KEY: 'granted-to-it', OTHER_TOKEN: 'not-granted-to-it', SSH_AUTH_SOCK: '/tmp/agent.sock' };
    const request = { credential: { kind: 'variable' as const, name: 'MY_API_KEY' } };
    const print = 'test "$MY_API_KEY" = granted-to-it && echo "other=[$OTHER_TOKEN] sock=[$SSH_AUTH_SOCK]"';
    expect((await processes.run(script(print, { env, request }))).stdoutTail).toBe('other=[] sock=[]\n');
    expect((await processes.run(script(print, { env, outside: true }))).stdoutTail).toBe('other=[***] sock=[/tmp/agent.sock]\n');
  });

  it('change the one credential file that it can read, or find anything else in its home', async () => {
    const { script } = open('worktree');
    const request = { credential: { kind: 'file' as const, path: path.join(os.homedir(), '.agent/credential') } };
    const inside = await processes.run(script('cat ~/.agent/credential; find ~ -type f | wc -l; echo x > ~/.agent/credential', { request }));
    expect(inside.stdoutTail).toBe('the one\n1\n');
    expect(inside.exit).not.toEqual({ kind: 'code', code: 0 });
    expect((await processes.run(script('echo other > ~/.agent/credential', { outside: true }))).exit).toEqual({ kind: 'code', code: 0 });
  });
});

describe.skipIf(!works)('the network', () => {
  let server: Server | null = null;
  afterEach(() => server?.close());

  it('is that of the machine, or none', async () => {
    server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { script } = open('clone');
    const fetching = (network: 'on' | 'none') => processes.run({
      ...script('', { request: { network, read: [process.execPath] } }), command: process.execPath,
      args: ['-e', `fetch('${url}').then((r) => r.text()).then(console.log, () => process.exit(9))`],
    });
    expect(await fetching('on')).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'hello\n' });
    expect((await fetching('none')).exit).toEqual({ kind: 'code', code: 9 });
  });
});

describe.skipIf(!works)('an agent in the sandbox can', () => {
  it.each(KINDS)('work and commit on its branch (%s)', async (kind) => {
    const rig = open(kind);
    const end = await processes.run(rig.script('echo new > made && git add -A && git commit -q -m work && git commit -q --amend -m better && git status --short && git log --format=%s -1 && echo t > /tmp/t && echo h > ~/h'));
    expect(end, end.stderrTail).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'better\n', stderrTail: '' });
    expect(execFileSync('git', ['-C', rig.worktree, 'log', '--format=%s', '-2', rig.branch], { encoding: 'utf8' })).toBe('better\nthree, loose\n');
    expect(execFileSync('git', ['-C', rig.worktree, 'fsck', '--no-dangling'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })).toBe('');
  });

  it('stash, tag and branch in a clone of its own', async () => {
    const { script, git } = open('clone');
    const end = await processes.run(script('echo x >> file && git stash -q && git stash pop -q && git tag t && git branch b && git commit -qam work && git rebase -q HEAD~1'));
    expect(end.exit, end.stderrTail).toEqual({ kind: 'code', code: 0 });
    expect(git('for-each-ref', 'refs/tags', 'refs/stash')).toBe('');
  });

  it('go on while its user packs refs and collects garbage', async () => {
    const rig = open('worktree');
    rig.git('worktree', 'remove', '--force', rig.places['SIBLING'] ?? '');
    rig.git('branch', '-D', 'orch/run/sibling');
    const running = processes.run(rig.script('git commit -q --allow-empty -m first && touch first && while ! [ -f go ]; do sleep 0.01; done; git commit -q --allow-empty -m second'));
    await appears(path.join(rig.worktree, 'first'));
    rig.git('gc', '-q', '--prune=now');
    expect(existsSync(path.join(rig.common, 'refs/heads/orch/run/task'))).toBe(false);
    writeFileSync(path.join(rig.worktree, 'go'), '');
    const end = await running;
    expect(end.exit, end.stderrTail).toEqual({ kind: 'code', code: 0 });
    expect(rig.git('log', '--format=%s', '-2', rig.branch)).toBe('second\nfirst');
    rig.git('pack-refs', '--all');
    releaseGit(rig.layout);
    expect(existsSync(path.join(rig.common, 'refs/heads/orch/run'))).toBe(false);
  });

  it('be stopped gently', async () => {
    const rig = open('worktree');
    const stop = new AbortController();
    const running = processes.run(rig.script(`trap 'echo tidy > tidied; exit 3' TERM; touch ready; while :; do sleep 0.05; done`), stop.signal);
    await appears(path.join(rig.worktree, 'ready'));
    stop.abort({ reason: 'terminated', forced: false });
    expect((await running).exit).toEqual({ kind: 'killed', by: 'terminated', forced: false });
    expect(readFileSync(path.join(rig.worktree, 'tidied'), 'utf8')).toBe('tidy\n');
  });
});

describe('a sandbox that does not work', () => {
  it('is refused, not left out', async () => {
    const { script, worktree } = open('clone');
    const end = await createProcesses({ clock }).run(script('touch ran'));
    expect(end.exit).toEqual({ kind: 'spawn-error', message: '/bin/sh was to run in a sandbox, which does not work here: see orch doctor' });
    expect(existsSync(path.join(worktree, 'ran'))).toBe(false);
  });

  it('is found by trying: absent, forbidden, or only pretended', async () => {
    const { rig } = open('clone');
    const tools = findTools();
    const fake = (text: string): string => {
      const file = rig.at('bwrap');
      writeFileSync(file, `#!/bin/sh\n${text}\n`);
      chmodSync(file, 0o755);
      return file;
    };
    expect(await probeSandbox(clock, { ...tools, bwrap: null })).toEqual({ containment: null, reason: 'bwrap is not installed (install bubblewrap)' });
    const forbidden = await probeSandbox(clock, { ...tools, bwrap: fake('echo "bwrap: setting up uid map: Permission denied" >&2; exit 1') });
    expect(forbidden).toEqual({ containment: null, reason: 'cannot start /bin/sh contained: bwrap: setting up uid map: Permission denied' });
    const pretended = await probeSandbox(clock, { ...tools, bwrap: fake('while [ "$1" != --chdir ]; do shift; done; cd "$2"; shift 3; exec "$@"') });
    expect(pretended.containment).toBeNull();
    expect(pretended.reason).toMatch(/ended otherwise than it should/);
  });

  it('is told by what is missing when the request cannot be met', async () => {
    const { script } = open('clone');
    if (!works) return;
    const end = await processes.run(script('true', { request: { read: ['/no/such/program'] } }));
    expect(end.exit).toEqual({ kind: 'spawn-error', message: "cannot start /bin/sh contained: bwrap: Can't find source path /no/such/program: No such file or directory" });
  });
});
