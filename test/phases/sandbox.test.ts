// Each protection of the sandbox as an attempt that comes to nothing inside and succeeds outside, where it would not be a
// test otherwise.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { findTools } from '../../src/effects/processes/tools.ts';
import { probeSandbox } from '../../src/effects/sandbox.ts';
import { isAlive } from '../support/process-rig.ts';
import { createSandboxRig, type SandboxRig } from '../support/sandbox-rig.ts';
import { appears } from '../support/wait.ts';

const clock = createClock();
const report = await probeSandbox(clock);
const processes = createProcesses({ clock, ...(report.containment === null ? {} : { sandbox: report.containment }) });
const works = report.containment !== null;
if (!works) console.warn(`Skipped: the sandbox does not work here: ${report.reason}`);

let rig: SandboxRig;
beforeAll(async () => {
  rig = await createSandboxRig();
});
afterEach(() => {
  expect(rig.processes.survivors()).toEqual([]);
});
afterAll(() => rig.dispose());

/** What is tried, and how it shows out here that it succeeded; null = the script exits 0 when it got what it wanted. */
const ATTEMPTS: readonly (readonly [string, string, string | null])[] = [
  ['write beside its working tree', 'echo x > "$OUTSIDE/planted"', 'test -e "$OUTSIDE/planted"'],
  ['write into the system', 'echo x > /usr/local/orch-planted && rm /usr/local/orch-planted', null],
  ['read a private key', 'cat "$REAL_HOME/.ssh/id_test"', null],
  ['write into the home', 'echo x > "$REAL_HOME/.profile"', 'test -e "$REAL_HOME/.profile"'],
  ["read another task's working tree", 'cat "$SIBLING/unsaved"', null],
  ["remove another task's working tree", 'rm -r "$SIBLING"', '! test -e "$SIBLING"'],
  ["remove another task's administrative folder", 'rm -r "$SIBLING_ADMIN"', '! test -e "$SIBLING_ADMIN"'],
  ["read orch's records", 'cat "$COMMON/orch/record"', null],
  ['change the configuration', 'git config core.fsmonitor "touch /tmp/owned"', 'git --git-dir="$COMMON" config core.fsmonitor'],
  ['replace the configuration', 'echo "[a]b=c" > "$COMMON/config2" && mv "$COMMON/config2" "$COMMON/config"', 'git --git-dir="$COMMON" config a.b'],
  ['plant a hook', 'echo "#!/bin/sh" > "$COMMON/hooks/post-checkout"', 'test -e "$COMMON/hooks/post-checkout"'],
  ['plant attributes', 'echo "* filter=x" > "$COMMON/info/attributes"', 'test -e "$COMMON/info/attributes"'],
  ['move the main branch', 'git update-ref refs/heads/main "$OLD"', 'test "$(git --git-dir="$COMMON" rev-parse main)" = "$OLD"'],
  ["move another run's branch", 'git update-ref refs/heads/orch/other/task "$OLD"', 'test "$(git --git-dir="$COMMON" rev-parse orch/other/task)" = "$OLD"'],
  ["read another task's branch", 'git rev-parse --verify refs/heads/orch/run-1/sibling', null],
  ["move another task's branch", 'git update-ref refs/heads/orch/run-1/sibling "$OLD"', 'test "$(git --git-dir="$COMMON" rev-parse orch/run-1/sibling)" = "$OLD"'],
  ['delete all references', 'rm -rf "$COMMON/refs/heads" "$COMMON/packed-refs"', '! git --git-dir="$COMMON" rev-parse --verify main'],
  ['plant a tag', 'git tag planted', 'git --git-dir="$COMMON" rev-parse --verify refs/tags/planted'],
  ['move HEAD of the checkout', 'echo "ref: refs/heads/other" > "$COMMON/HEAD"', 'grep -q other "$COMMON/HEAD"'],
  ['delete packed history', 'rm -f "$COMMON"/*/pack/*.pack', '! ls "$COMMON"/objects/pack/*.pack'],
  ['delete loose objects', 'find "$COMMON" -path "*/??/*" -type f -delete', '! git --git-dir="$COMMON" cat-file -e main'],
  ['lead git elsewhere by its own .git', 'rm -f .git && mkdir .git', 'test -d "$WORKTREE/.git"'],
  ['lead git elsewhere by commondir', 'echo /elsewhere > "$(git rev-parse --git-dir)/commondir"', 'grep -q elsewhere "$ADMIN/commondir"'],
  ['lead git elsewhere by renaming', 'mv "$ADMIN" "$COMMON/worktrees/moved"', 'test -e "$COMMON/worktrees/moved"'],
  ['see a process outside', 'kill -0 "$TEST_PID"', null],
];

describe.skipIf(!works)('an agent in the sandbox cannot', () => {
  it.each(ATTEMPTS)('%s', async (_, script, harm) => {
    rig.restore();
    const inside = await processes.run(await rig.script(script));
    expect(inside).toMatchObject({ exit: { kind: 'code' }, tier: 1 });
    expect(harm === null ? inside.exit : rig.holds(harm), inside.stdoutTail + inside.stderrTail).not.toEqual(harm === null ? { kind: 'code', code: 0 } : true);
    const outside = await processes.run(await rig.script(script, { outside: true }));
    expect(harm === null ? outside.exit : rig.holds(harm), outside.stderrTail).toEqual(harm === null ? { kind: 'code', code: 0 } : true);
  });

  it('lose its work by what it does to its repository', async () => {
    rig.restore();
    const wreck = 'echo mine > mine.txt; git add -A; git commit -qm Mine; rm -rf "$COMMON"/* 2>/dev/null; echo late > late.txt; true';
    const inside = await processes.run(await rig.script(wreck));
    expect(inside.exit).toEqual({ kind: 'code', code: 0 });
    const { delivery } = await rig.rig.collect(rig.workspace);
    expect(rig.git('ls-tree', '--name-only', delivery.head).split('\n')).toEqual(expect.arrayContaining(['mine.txt', 'late.txt']));
    expect(rig.git('fsck', '--no-dangling')).toBe('');
    await processes.run(await rig.script('rm -rf "$COMMON"/*', { outside: true }));
    expect(rig.holds('git --git-dir="$COMMON" rev-parse --verify main')).toBe(false);
  });

  it('outlive its task, however it detaches', async () => {
    rig.restore();
    const script = `env -i /usr/bin/setsid /bin/sh -c 'echo $$ > pid.tmp; mv pid.tmp pid; exec /bin/sleep 60' >/dev/null 2>&1 & while ! [ -f pid ]; do sleep 0.01; done; sleep 0.05; readlink /proc/self/ns/pid`;
    const inside = await processes.run(await rig.script(script));
    expect(inside).toMatchObject({ exit: { kind: 'code', code: 0 }, leftovers: 1 });
    const namespace = inside.stdoutTail.trim();
    expect(namespace).not.toBe('');
    expect(execFileSync('sh', ['-c', `readlink /proc/[0-9]*/ns/pid 2>/dev/null | grep -cFx '${namespace}' || true`], { encoding: 'utf8' }).trim()).toBe('0');
    const pid = path.join(rig.workspace.path, 'pid');
    execFileSync('rm', [pid]);
    await processes.run(await rig.script(script, { outside: true }));
    const escaped = Number(readFileSync(pid, 'utf8'));
    expect(isAlive(escaped)).toBe(true);
    process.kill(escaped, 'SIGKILL');
  });

  it('see a secret of the environment but the one that was named', async () => {
    const env = { MY_API_KEY: 'granted-to-it', OTHER_TOKEN: 'not-granted-to-it', SSH_AUTH_SOCK: '/tmp/agent.sock' };
    const request = { credential: { kind: 'variable' as const, name: 'MY_API_KEY' } };
    const print = 'test "$MY_API_KEY" = granted-to-it && echo "other=[$OTHER_TOKEN] sock=[$SSH_AUTH_SOCK]"';
    expect((await processes.run(await rig.script(print, { env, request }))).stdoutTail).toBe('other=[] sock=[]\n');
    expect((await processes.run(await rig.script(print, { env, outside: true }))).stdoutTail).toBe('other=[***] sock=[/tmp/agent.sock]\n');
  });

  it('change the one credential file that it can read, or find anything else in its home', async () => {
    const file = path.join(os.homedir(), '.agent/credential');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'the one\n');
    const request = { credential: { kind: 'file' as const, path: file } };
    const inside = await processes.run(await rig.script('cat ~/.agent/credential; find ~ -type f | wc -l; echo x > ~/.agent/credential', { request }));
    expect(inside.stdoutTail).toBe('the one\n1\n');
    expect(inside.exit).not.toEqual({ kind: 'code', code: 0 });
    expect(readFileSync(file, 'utf8')).toBe('the one\n');
    expect((await processes.run(await rig.script('echo other > ~/.agent/credential', { outside: true }))).exit).toEqual({ kind: 'code', code: 0 });
  });

  it('say how it ended', async () => {
    const dir = rig.processes.at('attempt');
    mkdirSync(dir);
    const records = ['ended.json', 'result.json'].map((name) => path.join(dir, name));
    writeFileSync(records[0] ?? '', 'truth\n');
    const script = `for file in ${records.join(' ')}; do echo forged > $file; echo forged > $file.new; mv $file.new $file; done; echo fine > ${dir}/outputs.txt`;
    await processes.run(await rig.script(script, { request: { write: [dir], sealed: records } }));
    expect(records.map((file) => readFileSync(file, 'utf8'))).toEqual(['truth\n', '']);
    expect(readFileSync(path.join(dir, 'outputs.txt'), 'utf8')).toBe('fine\n');
    await processes.run(await rig.script(script, { outside: true }));
    expect(records.map((file) => readFileSync(file, 'utf8'))).toEqual(['forged\n', 'forged\n']);
  });
});

describe.skipIf(!works)('the network', () => {
  let server: Server | null = null;
  afterEach(() => server?.close());

  it('is that of the machine, or none', async () => {
    server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const fetching = async (network: 'on' | 'none') => await processes.run({
      ...(await rig.script('', { request: { network, read: [process.execPath] } })), command: process.execPath,
      args: ['-e', `fetch('${url}').then((r) => r.text()).then(console.log, () => process.exit(9))`],
    });
    expect(await fetching('on')).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'hello\n' });
    expect((await fetching('none')).exit).toEqual({ kind: 'code', code: 9 });
  });
});

describe.skipIf(!works)('an agent in the sandbox can', () => {
  it('work and commit on its branch', async () => {
    rig.restore();
    const end = await processes.run(await rig.script('echo new > made && git add -A && git commit -q -m work && git commit -q --amend -m better && git status --short && git log --format=%s -1 && git diff --stat main.. >/dev/null && echo t > /tmp/t && echo h > ~/h'));
    expect(end, end.stderrTail).toMatchObject({ exit: { kind: 'code', code: 0 }, stdoutTail: 'better\n', stderrTail: '' });
    expect(await rig.rig.collect(rig.workspace)).toMatchObject({ delivery: { commits: 1, filesChanged: 1 }, changed: ['made'], findings: [] });
    expect(rig.git('log', '--format=%s', '-2', rig.workspace.branch)).toBe('better\nthree, loose');
    // Out here it is a worktree like any other.
    expect(execFileSync('git', ['-C', rig.workspace.path, 'status', '--porcelain'], { encoding: 'utf8' })).toBe('');
    expect(execFileSync('git', ['-C', rig.workspace.path, 'fsck', '--no-dangling'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })).toBe('');
  });

  it('go on where its last process ended, before and after its work was collected', async () => {
    rig.restore();
    const run = async (script: string) => (await processes.run(await rig.script(script))).stdoutTail;
    await run('git commit -q --allow-empty -m first && git tag here && git config my.own yes');
    expect(await run('git log -1 --format=%s && git describe --tags && git config my.own')).toBe('first\nhere\nyes\n');
    await rig.rig.collect(rig.workspace);
    expect(await run('git log -1 --format=%s; git describe --tags --exact-match; git config my.own')).toBe('first\n');
  });

  it('work on while its user packs references and collects garbage', async () => {
    rig.restore();
    rig.git('worktree', 'unlock', rig.places['SIBLING'] ?? '');
    rig.git('worktree', 'remove', '--force', rig.places['SIBLING'] ?? '');
    const running = processes.run(await rig.script('git commit -q --allow-empty -m first && touch first && git add first && while ! [ -f go ]; do sleep 0.01; done; git commit -q -m second'));
    await appears(path.join(rig.workspace.path, 'first'));
    rig.git('gc', '-q', '--prune=now');
    writeFileSync(path.join(rig.workspace.path, 'go'), '');
    const end = await running;
    expect(end.exit, end.stderrTail).toEqual({ kind: 'code', code: 0 });
    await rig.rig.collect(rig.workspace, 'third');
    expect(rig.git('log', '--format=%s', '-3', rig.workspace.branch)).toBe('third\nsecond\nfirst');
  });

  it('be stopped gently', async () => {
    const stop = new AbortController();
    const running = processes.run(await rig.script(`trap 'echo tidy > tidied; exit 3' TERM; touch ready; while :; do sleep 0.05; done`), stop.signal);
    await appears(path.join(rig.workspace.path, 'ready'));
    stop.abort({ reason: 'terminated', forced: false });
    expect((await running).exit).toEqual({ kind: 'killed', by: 'terminated', forced: false });
    expect(readFileSync(path.join(rig.workspace.path, 'tidied'), 'utf8')).toBe('tidy\n');
  });
});

describe('a sandbox that does not work', () => {
  it('is refused, not left out', async () => {
    const end = await createProcesses({ clock }).run(await rig.script('touch ran'));
    expect(end.exit).toEqual({ kind: 'spawn-error', message: '/bin/sh was to run in a sandbox, which does not work here: see orch doctor' });
    expect(existsSync(path.join(rig.workspace.path, 'ran'))).toBe(false);
  });

  it('is found by trying: absent, forbidden, or only pretended', async () => {
    const tools = findTools();
    const fake = (text: string): string => {
      const file = rig.processes.at('bwrap');
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
    if (!works) return;
    const end = await processes.run(await rig.script('true', { request: { read: ['/no/such/program'] } }));
    expect(end.exit).toEqual({ kind: 'spawn-error', message: "cannot start /bin/sh contained: bwrap: Can't find source path /no/such/program: No such file or directory" });
  });
});
