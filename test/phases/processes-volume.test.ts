// Much output, and an orch that is stopped: weighed from outside, in a program of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import type { ProcessEnd, ProcessSpec } from '../../src/effects/effects.ts';
import { bundle } from '../support/bundle.ts';
import { createProcessRig, type ProcessRig } from '../support/process-rig.ts';

const MB = 1024 * 1024;
interface Report {
  readonly end: ProcessEnd;
  readonly lines: number;
  readonly longest: number;
  readonly peakMb: number;
}

let rig: ProcessRig;
let driver: string;
beforeAll(async () => {
  rig = createProcessRig();
  driver = await bundle('test/support/process-driver.ts', rig.at('driver.mjs'));
});
afterAll(() => {
  const survivors = rig.survivors();
  rig.dispose();
  expect(survivors).toEqual([]);
});

function drive(spec: ProcessSpec, exhaust?: 'start' | 'first-line'): { readonly child: ChildProcess; readonly report: Promise<Report> } {
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  const child = exhaust === undefined
    ? spawn(process.execPath, [driver], { stdio: [...stdio] })
    : spawn('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, driver], { stdio: [...stdio], env: { ...process.env, DRIVER_EXHAUST: exhaust } });
  child.stdin?.end(JSON.stringify(spec));
  const report = (async () => {
    let text = '';
    for await (const chunk of child.stdout ?? []) text += String(chunk);
    return JSON.parse(text) as Report;
  })();
  return { child, report };
}

describe('much output', () => {
  it('costs neither memory nor disk beyond the bound, and keeps both ends', async () => {
    const log = rig.at('big/output.log');
    const spec = rig.agent(['say FIRST', 'print 1024 100', 'say LAST'], { logFile: log, timeoutMs: 60_000 });
    const { end, lines, peakMb } = await drive(spec).report;
    expect(end).toMatchObject({ exit: { kind: 'code', code: 0 }, truncated: true });
    expect(end.outputBytes).toBeGreaterThan(1023 * MB);
    expect(lines).toBeGreaterThan(3_000_000);
    expect(peakMb).toBeLessThan(150);
    expect(end.stdoutTail.length).toBe(65_536);
    const text = readFileSync(log, 'latin1');
    expect(text.length).toBeGreaterThan(16 * MB);
    expect(text.length).toBeLessThan(24 * MB + 200);
    expect([text.startsWith('FIRST\n'), text.endsWith('LAST\n')]).toEqual([true, true]);
    expect(text.match(/\n\[orch: \d+ bytes of output are left out here\]\n/g)).toHaveLength(1);
    expect(Number(/\[orch: (\d+) bytes/.exec(text)?.[1]) + text.length).toBe(end.outputBytes + (/\n\[orch: .*\]\n/.exec(text)?.[0].length ?? 0));
    expect(readdirSync(rig.at('big'))).toEqual(['output.log']);
  });

  it('may be a single line', async () => {
    const { end, lines, longest, peakMb } = await drive(rig.agent(['print 200', 'say END'], { logFile: rig.at('line/output.log') })).report;
    expect(end).toMatchObject({ exit: { kind: 'code', code: 0 }, truncated: true });
    expect([lines, longest]).toEqual([2, MB]);
    expect(peakMb).toBeLessThan(150);
    expect(statSync(rig.at('line/output.log')).size).toBeLessThan(24 * MB + 200);
  });

  it('that just fits is whole, to the byte, at each border of the log', async () => {
    const own = createProcesses({ clock: createClock(), logLimits: { headBytes: 1000, segmentBytes: 500 } });
    for (const bytes of [1, 999, 1000, 1001, 1500, 1501, 2000, 2001, 2600, 7777]) {
      const file = rig.at(`fit-${bytes}.log`);
      const end = await own.run(rig.shell(`seq 1 3000 | head -c ${bytes}`, { logFile: file }));
      const expected = Array.from({ length: 3000 }, (_, n) => `${n + 1}\n`).join('').slice(0, bytes);
      const text = readFileSync(file, 'latin1');
      expect(end.truncated, String(bytes)).toBe(bytes > 2000);
      if (bytes <= 2000) expect(text).toBe(expected);
      else {
        const [head, tail] = text.split(/\n\[orch: \d+ bytes of output are left out here\]\n/);
        expect(head).toBe(expected.slice(0, 1000));
        expect(tail?.length).toBeGreaterThan(500);
        expect(expected.endsWith(tail ?? '?')).toBe(true);
      }
    }
  });

  it('is no condition of a log: a silent program has an empty one, and adds nothing to one that is there', async () => {
    const own = createProcesses({ clock: createClock() });
    const logFile = rig.at('silent/output.log');
    expect(await own.run(rig.shell('true', { logFile }))).toMatchObject({ truncated: false, outputBytes: 0 });
    expect(readFileSync(logFile, 'utf8')).toBe('');
    writeFileSync(logFile, 'earlier\n');
    writeFileSync(`${logFile}.tail0`, 'of one that was killed');
    await own.run(rig.shell('true', { logFile }));
    expect(readFileSync(logFile, 'utf8')).toBe('earlier\n');
    expect(readdirSync(rig.at('silent'))).toEqual(['output.log']);
  });

  it('of several processes may share a log', async () => {
    const own = createProcesses({ clock: createClock(), logLimits: { headBytes: 10, segmentBytes: 5 } });
    const logFile = rig.at('shared.log');
    for (const text of ['first', 'abcdefghij-0123456789-klmno-pqrst', 'last']) await own.run(rig.shell(`echo ${text}`, { logFile }));
    expect(readFileSync(logFile, 'utf8')).toMatch(/^first\nabcdefghij\n\[orch: \d+ bytes of output are left out here\]\n.{4,9}qrst\nlast\n$/);
  });

  it('goes on when the log cannot be written', async () => {
    writeFileSync(rig.at('a-file'), '');
    const end = await createProcesses({ clock: createClock() }).run(rig.agent(['print 5 100', 'fail 4'], { logFile: rig.at('a-file/output.log') }));
    expect(end).toMatchObject({ exit: { kind: 'code', code: 4 }, truncated: true });
  });
});

describe('an orch that has no file descriptor left', () => {
  it('says so when it cannot start a process', async () => {
    const { end } = await drive(rig.shell('exit 3'), 'start').report;
    expect(end.exit).toEqual({ kind: 'spawn-error', message: 'cannot start /bin/sh: too many open files in this process (EMFILE)' });
  });

  it('still finds and stops what a process left', async () => {
    const spec = rig.agent(['say now', `daemon ${rig.at('late')}`, `wait ${rig.at('late')}`, 'sleep 200'], { graceMs: 300 });
    const { end } = await drive(spec, 'first-line').report;
    expect([end.exit, end.leftovers > 0, rig.survivors()]).toEqual([{ kind: 'code', code: 0 }, true, []]);
  });
});

describe('an orch that is killed', () => {
  it('leaves processes, which the next one finds', async () => {
    const { child, report } = drive(rig.agent([`daemon ${rig.at('orphan')}`, `wait ${rig.at('orphan')}`, `touch ${rig.at('up')}`, 'hang']));
    report.catch(() => undefined);
    await rig.appeared('up');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(rig.survivors().length).toBeGreaterThanOrEqual(2);
    expect(await createProcesses({ clock: createClock() }).reap({ run: rig.run, task: 'one' })).toBeGreaterThanOrEqual(2);
    expect(rig.survivors()).toEqual([]);
  });
});

describe('an orch that is stopped', () => {
  it('times nothing out when it goes on', async () => {
    // A shell: of the deadlines, as little as can be is spent on a start.
    const spec = rig.shell('touch ready; until test -e go; do sleep 0.05; done', { timeoutMs: 2300, idleTimeoutMs: 2200 });
    const { child, report } = drive(spec);
    await rig.appeared('ready');
    child.kill('SIGSTOP');
    await setTimeout(3000);
    child.kill('SIGCONT');
    // Time to look at the deadlines, which the process must survive.
    await setTimeout(400);
    writeFileSync(rig.at('go'), '');
    expect((await report).end.exit).toEqual({ kind: 'code', code: 0 });
  });
});
