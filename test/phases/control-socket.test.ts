// The socket of a run, on real file systems: where it is, who may reach it, and what is left of one that died.
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, listenAt } from '../../src/effects/control-socket.ts';

let home: string;
beforeEach(() => { home = mkdtempSync(path.join(os.tmpdir(), 'orch-sock-')); });
afterEach(() => { rmSync(home, { recursive: true, force: true }); });
const echo = async (request: object): Promise<{ said: object }> => await Promise.resolve({ said: request });
const folder = (...parts: string[]): string => {
  const dir = path.join(home, ...parts);
  mkdirSync(dir, { recursive: true });
  return dir;
};

test('it is in the run’s folder, for this user alone, and gone when it is closed', async () => {
  const dir = folder('run');
  const socket = await listenAt(dir, echo);
  expect(socket.path).toBe(path.join(dir, 'control.sock'));
  expect(statSync(socket.path).mode & 0o777).toBe(0o600);
  expect(await ask(dir, { a: 'ä\n' })).toEqual({ said: { a: 'ä\n' } });
  await socket[Symbol.asyncDispose]();
  expect(existsSync(socket.path)).toBe(false);
  expect(await ask(dir, {})).toBeNull();
});

test('a folder whose path is too long for a socket points to one elsewhere; a name that Node would cut is never used', async () => {
  const runtime = folder('runtime');
  process.env['XDG_RUNTIME_DIR'] = runtime;
  try {
    const dirs = ['a', 'b'].map((name) => folder('x'.repeat(120), name.repeat(100)));
    const sockets = await Promise.all(dirs.map(async (dir) => await listenAt(dir, async () => await Promise.resolve({ dir }))));
    for (const [i, dir] of dirs.entries()) {
      expect(path.dirname(sockets[i]?.path ?? '')).toBe(path.join(runtime, 'orch'));
      expect(readlinkSync(path.join(dir, 'control.sock'))).toBe(sockets[i]?.path);
      expect(await ask(dir, {})).toEqual({ dir });
    }
    expect(statSync(path.join(runtime, 'orch')).mode & 0o777).toBe(0o700);
    for (const socket of sockets) await socket[Symbol.asyncDispose]();
    expect(sockets.filter((socket) => existsSync(socket.path))).toEqual([]);
    expect(lstatSync(path.join(dirs[0] ?? '', 'control.sock'), { throwIfNoEntry: false })).toBeUndefined();
  } finally {
    delete process.env['XDG_RUNTIME_DIR'];
  }
});

test('what a dead process left is replaced, whatever it is, and taken for nobody until then', async () => {
  const dir = folder('run');
  writeFileSync(path.join(dir, 'control.sock'), '');
  expect(await ask(dir, {})).toBeNull();
  const socket = await listenAt(dir, echo);
  expect(await ask(dir, { b: 1 })).toEqual({ said: { b: 1 } });
  await socket[Symbol.asyncDispose]();
});

test('requests in pieces, several at once, and a client that goes away or does not read', async () => {
  const dir = folder('run');
  let asked = 0;
  const socket = await listenAt(dir, async (request) => {
    asked += 1;
    return await Promise.resolve({ ...request, pad: 'x'.repeat(300_000) });
  });
  const deaf = createConnection(socket.path);
  deaf.pause();
  for (let n = 0; n < 20; n += 1) deaf.write('{"n":1}\n');
  createConnection(socket.path).end('{"half":');
  const client = createConnection(socket.path);
  client.write('{"n":');
  client.write('2}\n{"n":3}\n');
  let answer = '';
  await new Promise<void>((resolve) => {
    client.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.split('\n').length === 3) resolve();
    });
  });
  expect(answer.trim().split('\n').map((line) => (JSON.parse(line) as { n: number }).n)).toEqual([2, 3]);
  client.destroy();
  expect(asked).toBeGreaterThan(1);
  const before = Date.now();
  await socket[Symbol.asyncDispose]();
  expect(Date.now() - before).toBeLessThan(5000);
  deaf.destroy();
});
