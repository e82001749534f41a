// The local socket of a live run: one line of JSON in, one line of JSON out. Knows where it is and who may reach it (this
// user), and nothing of what the lines mean. The process that holds the run's lock owns it; whatever it finds there is stale.
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseObject, type JsonObject } from '../lib/json.ts';

/** Bytes of one line, in either direction. */
export const MAX_LINE_BYTES = 12 * 1024 * 1024;
/** Node cuts longer paths without a word, and then listens somewhere else; macOS has room for 103. */
const MAX_PATH_BYTES = 100;
const ANSWER_MS = 15_000;
const LAST_WORDS_MS = 500;

/** A socket that listens, until it is disposed of. */
export interface ControlSocket extends AsyncDisposable {
  /** Where it really is. */
  readonly path: string;
}

/** `dir`: the run's folder. `answer` never rejects. Throws when no place for a socket works here. */
export async function listenAt(dir: string, answer: (request: JsonObject) => Promise<JsonObject>): Promise<ControlSocket> {
  const name = nameIn(dir);
  await removeStale(name);
  let failure: unknown = new Error('there is no place for it');
  for (const place of await placesFor(dir)) {
    try {
      const socket = await listen(place, answer);
      if (place !== name) await symlink(place, name);
      return { path: place, [Symbol.asyncDispose]: async () => { await close(socket, [name, place]); } };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Sends one line and returns what is answered; null = nobody listens. Rejects when an answer stays away. */
export async function ask(dir: string, request: JsonObject): Promise<JsonObject | null> {
  const place = await placeOf(nameIn(dir));
  return place === null ? null : await exchange(place, `${JSON.stringify(request)}\n`);
}

function nameIn(dir: string): string {
  return path.join(dir, 'control.sock');
}

function fits(place: string): boolean {
  return Buffer.byteLength(place) <= MAX_PATH_BYTES;
}

async function placesFor(dir: string): Promise<string[]> {
  const name = `${createHash('sha256').update(dir).digest('hex').slice(0, 16)}.sock`;
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const shared = [...(runtime === undefined || !path.isAbsolute(runtime) ? [] : [path.join(runtime, 'orch')]), path.join(os.tmpdir(), `orch-${process.getuid?.() ?? 0}`)];
  const folders: string[] = [];
  for (const folder of shared) if (await isPrivate(folder)) folders.push(folder);
  return [nameIn(dir), ...folders.map((folder) => path.join(folder, name))].filter(fits);
}

/** Makes a folder that is this user's alone, or finds that it is. */
async function isPrivate(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
    const found = await lstat(folder);
    return found.isDirectory() && (found.mode & 0o077) === 0 && found.uid === process.getuid?.();
  } catch {
    return false;
  }
}

/** The socket that a run's folder has or points to. */
async function placeOf(name: string): Promise<string | null> {
  const found = await lstat(name).catch(() => null);
  if (found === null) return null;
  const place = found.isSymbolicLink() ? await readlink(name) : name;
  return fits(place) ? place : null;
}

async function removeStale(name: string): Promise<void> {
  const place = await placeOf(name);
  for (const file of new Set([place, name])) if (file !== null) await rm(file, { force: true });
}

async function listen(place: string, answer: (request: JsonObject) => Promise<JsonObject>): Promise<{ server: Server; sockets: Set<Socket> }> {
  await rm(place, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, answer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(place, resolve);
  });
  // A connection that fails is its client's trouble.
  server.on('error', () => undefined);
  await chmod(place, 0o600);
  return { server, sockets };
}

/** One request after another; a line that is too long, or no JSON, ends the connection. */
function serve(socket: Socket, answer: (request: JsonObject) => Promise<JsonObject>): void {
  let answered: Promise<void> = Promise.resolve();
  socket.on('error', () => socket.destroy());
  eachLine(socket, (line) => {
    const request = line === null ? null : parseObject(line);
    answered = answered.then(async () => {
      const reply = request === null ? { v: 1, ok: false, code: 'bad-request', message: 'not a line of JSON', exitCode: 2 } : await answer(request);
      if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
      if (request === null) socket.end();
    });
  });
}

/** null = a line that is too long. */
function eachLine(socket: Socket, take: (line: string | null) => void): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      take(Buffer.concat([...chunks, chunk.subarray(from, at)]).toString('utf8'));
      chunks = [];
      bytes = 0;
      from = at + 1;
    }
    chunks.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes <= MAX_LINE_BYTES) return;
    chunks = [];
    bytes = 0;
    socket.pause();
    take(null);
  });
}

async function exchange(place: string, line: string): Promise<JsonObject | null> {
  if (Buffer.byteLength(line) > MAX_LINE_BYTES) throw new Error(`the request has more than ${MAX_LINE_BYTES / 1024 / 1024} MiB`);
  const socket = createConnection(place);
  try {
    return await new Promise<JsonObject | null>((resolve, reject) => {
      let isConnected = false;
      socket.setTimeout(ANSWER_MS, () => reject(new Error(`no answer for ${ANSWER_MS / 1000} s`)));
      socket.on('connect', () => {
        isConnected = true;
        socket.write(line);
      });
      socket.on('error', (error) => { if (isConnected) reject(error); else resolve(null); });
      socket.on('close', () => reject(new Error('it closed the connection')));
      eachLine(socket, (text) => resolve(text === null ? null : parseObject(text)));
    });
  } finally {
    socket.destroy();
  }
}

async function close({ server, sockets }: { server: Server; sockets: ReadonlySet<Socket> }, names: readonly string[]): Promise<void> {
  const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
  // What was answered is on its way; who asks on is told by the end of the connection.
  for (const socket of sockets) {
    socket.destroySoon();
    // A client that does not read must not hold up the run's end.
    setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
  }
  for (const name of names) await rm(name, { force: true }).catch(() => undefined);
  await closed;
}
