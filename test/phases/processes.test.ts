// One process at a time: how it ends, what it reads and prints, how long it may take.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import type { StopRequest } from '../../src/effects/effects.ts';
import { eachProcessRig } from '../support/each.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type ProcessRig } from '../support/process-rig.ts';
import { within } from '../support/wait.ts';

const processes = createProcesses({ clock: createClock() });
let rig: ProcessRig;
eachProcessRig((made) => { rig = made; });
const stopFor = (request: Partial<StopRequest> = {}): StopRequest => ({ reason: 'interrupted', forced: false, ...request });

describe('the end', () => {
  it('is an exit code, with the output', async () => {
    const end = await processes.run(rig.shell('echo out; echo err >&2; exit 3'));
    expect(end).toMatchObject({ exit: { kind: 'code', code: 3 }, stdoutTail: 'out\n', stderrTail: 'err\n', outputBytes: 8, truncated: false, leftovers: 0 });
    expect(end.durationMs).toBeGreaterThan(0);
  });

  it('is a signal that somebody else sent', async () => {
    expect((await processes.run(rig.shell('kill -KILL $$'))).exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
  });

  it('is a timeout, after which a gentle process had its time to tidy up', async () => {
    const clock = createFakeClock();
    const running = createProcesses({ clock }).run(rig.agent([`on-term ${rig.at('tidied')} 0`, `touch ${rig.at('ready')}`, 'hang'], { timeoutMs: 400 }));
    await rig.appeared('ready');
    clock.advance(400);
    expect((await running).exit).toEqual({ kind: 'timeout', afterMs: 400, idle: false, forced: false });
    expect(existsSync(rig.at('tidied'))).toBe(true);
  });

  it('is an idle timeout only when output stops', async () => {
    const clock = createFakeClock();
    let said: (line: string) => void = () => {};
    const steps = [1, 2, 3, 4].flatMap((n) => [`say ${n}`, `wait ${rig.at(`go-${n}`)}`]);
    const running = createProcesses({ clock }).run({ ...rig.agent([...steps, 'hang'], { timeoutMs: 60_000, idleTimeoutMs: 400 }), onLine: (line) => { said(line); } });
    for (const n of [1, 2, 3, 4]) {
      await within(() => `line ${n}`, new Promise<void>((resolve) => { said = () => { resolve(); }; if (n > 1) writeFileSync(rig.at(`go-${n - 1}`), ''); }));
      clock.advance(300);
    }
    clock.advance(100);
    const end = await running;
    expect(end.exit).toEqual({ kind: 'timeout', afterMs: 400, idle: true, forced: false });
    expect(end.stdoutTail).toBe('1\n2\n3\n4\n');
  });

  it('is a kill for who asked, with KILL after the grace for the deaf', async () => {
    const stop = new AbortController();
    const running = processes.run(rig.agent(['deaf', `touch ${rig.at('ready')}`, 'hang'], { graceMs: 200 }), stop.signal);
    await rig.appeared('ready');
    stop.abort(stopFor({ reason: 'terminated' }));
    expect((await running).exit).toEqual({ kind: 'killed', by: 'terminated', forced: true });
  });

  it('comes at once when the stop is forced from the start, or later', async () => {
    for (const later of [false, true]) {
      const stop = new AbortController();
      const force = new AbortController();
      const ready = `ready-${later}`;
      const running = processes.run(rig.agent(['deaf', `touch ${rig.at(ready)}`, 'hang'], { graceMs: 60_000 }), stop.signal, force.signal);
      await rig.appeared(ready);
      stop.abort(stopFor({ forced: !later }));
      if (later) setTimeout(() => force.abort(), 50);
      expect((await running).exit).toEqual({ kind: 'killed', by: 'interrupted', forced: true });
    }
  });

  it('wakes a process that is stopped, so that it can end', async () => {
    const clock = createFakeClock();
    const running = createProcesses({ clock }).run(rig.shell(`echo $$ > ${rig.at('pid')}.tmp; mv ${rig.at('pid')}.tmp ${rig.at('pid')}; kill -STOP $$; exec sleep 60`, { timeoutMs: 300, graceMs: 20_000 }));
    await rig.appeared('pid');
    clock.advance(300);
    expect((await running).exit).toMatchObject({ kind: 'timeout', forced: false });
  });

  it('starts nothing when it was stopped before', async () => {
    const end = await processes.run(rig.shell(`touch ${rig.at('ran')}`), AbortSignal.abort(stopFor()));
    expect(end.exit).toEqual({ kind: 'killed', by: 'interrupted', forced: false });
    expect(existsSync(rig.at('ran'))).toBe(false);
  });
});

describe('time', () => {
  it('is awake time: a machine that sleeps times nothing out', async () => {
    const clock = createFakeClock();
    const own = createProcesses({ clock });
    const running = own.run(rig.agent([`touch ${rig.at('ready')}`, `wait ${rig.at('go')}`], { timeoutMs: 60_000, idleTimeoutMs: 50_000 }));
    await rig.appeared('ready');
    clock.sleep(3_600_000);
    writeFileSync(rig.at('go'), '');
    expect((await running).exit).toEqual({ kind: 'code', code: 0 });
    const timedOut = own.run(rig.agent([`touch ${rig.at('ready2')}`, 'hang'], { timeoutMs: 60_000 }));
    await rig.appeared('ready2');
    clock.advance(60_000);
    expect((await timedOut).exit).toMatchObject({ kind: 'timeout', idle: false });
  });

  it('may be longer than a timer can count', async () => {
    const end = await processes.run(rig.shell('sleep 0.3; exit 7', { timeoutMs: 40 * 86_400_000, idleTimeoutMs: 30 * 86_400_000 }));
    expect(end.exit).toEqual({ kind: 'code', code: 7 });
  });
});

async function spawnMessage(more: Parameters<ProcessRig['shell']>[1]): Promise<string> {
  const { exit } = await processes.run(rig.shell('', { args: [], ...more }));
  return exit.kind === 'spawn-error' ? exit.message : `no spawn error: ${exit.kind}`;
}

describe('a program that cannot be started', () => {
  it('is named with the reason', async () => {
    writeFileSync(rig.at('plain'), 'echo');
    writeFileSync(rig.at('script'), '#!/no/such/interpreter\n', { mode: 0o755 });
    chmodSync(rig.at('script'), 0o755);
    expect(await spawnMessage({ command: 'no-such-program' })).toBe('program not found on PATH: no-such-program (ENOENT)');
    expect(await spawnMessage({ command: './missing' })).toBe(`program not found: ${rig.at('missing')} (ENOENT)`);
    expect(await spawnMessage({ command: rig.at('plain') })).toBe(`program is not executable: ${rig.at('plain')} (EACCES)`);
    expect(await spawnMessage({ command: rig.dir })).toBe(`program is not executable: ${rig.dir} (EACCES)`);
    expect(await spawnMessage({ command: './script' })).toBe(`cannot start ${rig.at('script')}: its interpreter /no/such/interpreter does not exist (ENOENT)`);
    expect(await spawnMessage({ cwd: rig.at('gone') })).toBe(`working directory does not exist: ${rig.at('gone')}`);
    expect(await spawnMessage({ cwd: rig.at('plain') })).toBe(`working directory is not a directory: ${rig.at('plain')}`);
    expect(await spawnMessage({ args: ['x'.repeat(200_000)] })).toBe('cannot start /bin/sh: its arguments and environment are too long (E2BIG)');
  });
});

describe('standard input', () => {
  it('is written whole and closed', async () => {
    const prompt = 'ünïcödé\n'.repeat(100_000);
    expect((await processes.run(rig.shell('wc -c', { stdin: prompt }))).stdoutTail.trim()).toBe(String(Buffer.byteLength(prompt)));
  });

  it('may be left unread', async () => {
    expect((await processes.run(rig.shell('exec 0<&-; exit 5', { stdin: 'x'.repeat(4_000_000) }))).exit).toEqual({ kind: 'code', code: 5 });
  });

  it('is empty when there is none', async () => {
    expect((await processes.run(rig.shell('cat; echo done', { stdin: null }))).stdoutTail).toBe('done\n');
  });
});

describe('the environment', () => {
  it('is what was given and a marker, nothing inherited', async () => {
    process.env['ORCH_TEST_AMBIENT'] = 'leak';
    const { stdoutTail } = await processes.run(rig.shell('env', { env: { PATH: process.env['PATH'] ?? '', A: '1', ORCH_RUN_ID: rig.run } }));
    delete process.env['ORCH_TEST_AMBIENT'];
    const names = stdoutTail.trim().split('\n').map((line) => line.split('=')[0]).filter((name) => !['PWD', '_', 'SHLVL', 'OLDPWD'].includes(name ?? ''));
    expect(names.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual(['A', 'ORCH_NONCE', 'ORCH_RUN_ID', 'PATH']);
  });
});

describe('lines', () => {
  it('arrive whole and apart, with the stream that they came from', async () => {
    const lines: string[] = [];
    await processes.run(rig.shell(`printf 'a\\303'; sleep 0.05; printf '\\244\\r\\nb\\n'; echo e >&2; printf last`, { onLine: (line, stream) => lines.push(`${stream}:${line}`) }));
    expect(lines.sort()).toEqual(['stderr:e', 'stdout:aä', 'stdout:b', 'stdout:last']);
  });

  it('that make their reader throw do not leave the process behind', async () => {
    const broken = processes.run(rig.shell('echo a; echo b; sleep 0.1', { onLine: () => { throw new Error('broken reader'); } }));
    await expect(broken).rejects.toThrow('broken reader');
  });
});

describe('secrets', () => {
  it('do not reach log, lines or tails, not even in pieces', async () => {
    const secret = 'sk-very-secret-value';
    const lines: string[] = [];
    const end = await processes.run(rig.shell('printf sk-very-; sleep 0.1; echo secret-value; echo "$MY_API_KEY" >&2; printf "sk-very"', {
      env: { PATH: process.env['PATH'] ?? '', MY_API_KEY: secret, ORCH_RUN_ID: rig.run }, logFile: rig.at('logs/output.log'), onLine: (line) => lines.push(line),
    }));
    expect(end.stdoutTail).toBe('***\nsk-very');
    expect(end.stderrTail).toBe('***\n');
    expect(lines.sort()).toEqual(['***', '***', 'sk-very']);
    expect(readFileSync(rig.at('logs/output.log'), 'utf8')).not.toContain(secret);
  });
});
