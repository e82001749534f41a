// The verify commands of a merge as real processes: a failure, a hang, a port that others hold and one that cannot be
// started are told apart, each in words of its own.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { Turns } from '../../src/merging/turns.ts';
import { createMergeCommands, type MergeCommands } from '../../src/merging/verify.ts';
import { createProcessRig, type ProcessRig } from '../support/process-rig.ts';

let rig: ProcessRig;
beforeEach(() => { rig = createProcessRig(); });
afterEach(() => { rig.dispose(); });

const never = new AbortController().signal;
const [one, two] = ['1'.repeat(40), '2'.repeat(40)];
const commandsOf = (verify: readonly string[], timeoutMs = 30_000): MergeCommands => createMergeCommands({
  processes: createProcesses({ clock: createClock() }), setup: [], verify, timeoutMs, graceMs: 200, logs: rig.dir, stop: never, force: never,
  env: { PATH: process.env['PATH'] ?? '', HOME: rig.dir, ORCH_RUN_ID: rig.run }, sandboxOf: async () => await Promise.resolve(null),
});

test('a failure names the command, how it ended and where its output is; those behind it do not run', async () => {
  const commands = commandsOf(['echo fine', 'echo broken >&2; exit 3', 'touch ran']);
  expect(await commands.verify(rig.dir, one, never)).toBe('fail');
  expect(commands.whyRefused(one)).toBe(`\`echo broken >&2; exit 3\`: exit 3; log: ${rig.at('verify-111111111111.log')}`);
  expect(readFileSync(rig.at('verify-111111111111.log'), 'utf8')).toBe('fine\nbroken\n');
  expect([existsSync(rig.at('ran')), commands.whyRefused(two), commands.notes()]).toEqual([false, null, []]);
});

test('a hang ends in time with all that it has started, and is called one', async () => {
  const commands = commandsOf(['sleep 300 & sleep 300'], 300);
  expect(await commands.verify(rig.dir, one, never)).toBe('fail');
  expect(commands.whyRefused(one)).toContain('sleep 300`: did not end in 0.3s; log:');
  expect(rig.survivors()).toEqual([]);
});

test('one that cannot be started says nothing about the commit', async () => {
  const commands = commandsOf(['true']);
  expect(await commands.verify(rig.at('gone'), one, never)).toBe('broken');
  expect(commands.notes()).toEqual([expect.stringMatching(/^`true` could not be started: .*gone/)]);
});

test('a port that another verification holds: both pass in the end, one after the other, and it is told', async () => {
  // Who has the port keeps it until somebody has met it.
  const serve = 'if mkdir port; then touch held; while [ ! -e met ]; do sleep 0.01; done; rmdir port; else echo "Error: listen EADDRINUSE: address already in use :::3000"; touch met; exit 1; fi';
  const commands = commandsOf([serve]);
  const both = async (): Promise<string[]> => await Promise.all([one, two].map(async (commit) => await commands.verify(rig.dir, commit, never)));
  expect(await both()).toEqual(['pass', 'pass']);
  expect(commands.notes()).toEqual([expect.stringContaining('one at a time')]);
  // From then on nobody meets anybody: the first waits for us.
  for (const name of ['met', 'held']) rmSync(rig.at(name));
  const later = both();
  await rig.appeared('held');
  expect(existsSync(rig.at('met'))).toBe(false);
  writeFileSync(rig.at('met'), '');
  expect(await later).toEqual(['pass', 'pass']);
});

test('a port that something else holds is a failure that says so', async () => {
  const commands = commandsOf(['echo "bind: Address already in use" >&2; exit 2']);
  expect(await commands.verify(rig.dir, one, never)).toBe('fail');
  expect(commands.whyRefused(one)).toContain('exit 2, and a port that it needs is in use; log:');
  expect(commands.notes()).toEqual([]);
});

test('turns: together until one is alone, then one after the other, whatever becomes of them', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const open = new Map<string, (fails: boolean) => void>();
  const work = (name: string) => async (): Promise<void> => {
    order.push(`+${name}`);
    const fails = await new Promise<boolean>((resolve) => { open.set(name, resolve); });
    order.push(`-${name}`);
    if (fails) throw new Error(name);
  };
  const settled = Promise.allSettled([turns.shared(work('a')), turns.shared(work('b')), turns.alone(work('c')), turns.shared(work('d'))]);
  open.get('b')?.(true);
  // Whatever would begin too early has begun by then.
  await new Promise((resolve) => { setImmediate(resolve); });
  open.get('a')?.(false);
  for (const name of ['c', 'd']) await vi.waitFor(() => { expect(open.has(name)).toBe(true); open.get(name)?.(false); });
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(order).toEqual(['+a', '+b', '-b', '-a', '+c', '-c', '+d', '-d']);
});
