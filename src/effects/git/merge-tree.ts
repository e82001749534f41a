// Merges two commits in memory. One git process answers for many merges where git flushes its answers (2.49 and later,
// or under stdbuf); one process per merge otherwise. A merge that git could not make is an error, never a conflict.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Repository } from '../effects.ts';
import type { Sha } from '../../plan/plan.ts';
import { gitProgram } from './environment.ts';
import { GitFailure, gitRaw, type GitPlace } from './plumbing.ts';

/** One side's version of a conflicted path. Stage 1 is the common ancestor, 2 ours, 3 theirs. */
export interface Stage {
  readonly mode: string;
  readonly sha: Sha;
  readonly stage: 1 | 2 | 3;
  /** latin1 */
  readonly path: string;
}
export interface Merged {
  /** The merged tree; with conflict markers in it when there are conflicts. */
  readonly tree: Sha;
  readonly isClean: boolean;
  readonly stages: readonly Stage[];
  /** What git says about each conflict, latin1. */
  readonly messages: readonly string[];
}

export interface MergeTree {
  /** Throws when git cannot merge these at all (a missing object, unrelated histories). */
  merge(ours: Sha, theirs: Sha): Promise<Merged>;
  /** Resolves when its process is gone. */
  close(): Promise<void>;
}

/** Starts on the first merge. `call.cwd` is where merge attributes are read from. */
export function createMergeTree(call: GitPlace, version: Repository['gitVersion']): MergeTree {
  let stream: Promise<Stream | null> | null = null;
  return {
    async merge(ours, theirs) {
      stream ??= openStream(call, version, ours);
      const open = await stream;
      if (open === null) return mergeOnce(call, ours, theirs);
      const answer = await open.ask(`${ours} ${theirs}\n`);
      if (answer !== null) return answer;
      // The process has ended: ask again on its own, which tells why.
      stream = null;
      return mergeOnce(call, ours, theirs);
    },
    async close() {
      await (await stream)?.close();
    },
  };
}

async function mergeOnce(call: GitPlace, ours: Sha, theirs: Sha): Promise<Merged> {
  const args = ['merge-tree', '--write-tree', '-z', '--allow-unrelated-histories', ours, theirs];
  const output = await gitRaw(args, call);
  const fields = output.stdout.toString('latin1').split('\0');
  const tree = fields[0] ?? '';
  // Exit code 1 also means "no such commit"; only a tree makes it a conflict.
  if (!/^[0-9a-f]{40,64}$/.test(tree) || (output.code !== 0 && output.code !== 1)) throw new GitFailure(args, call.cwd, output);
  if (output.code === 0) return { tree, isClean: true, stages: [], messages: [] };
  const reader = new Fields(fields.slice(1));
  return { tree, isClean: false, stages: readStages(reader) ?? [], messages: readMessages(reader) ?? [] };
}

/** NUL-terminated fields; null = not there yet. */
class Fields {
  readonly #all: readonly string[];
  #at = 0;
  constructor(all: readonly string[]) {
    this.#all = all;
  }
  next(): string | null {
    return this.#all[this.#at++] ?? null;
  }
  get used(): number {
    return this.#at;
  }
}

function readStages(fields: Fields): Stage[] | null {
  const stages: Stage[] = [];
  for (let field = fields.next(); ; field = fields.next()) {
    if (field === null) return null;
    if (field === '') return stages;
    const tab = field.indexOf('\t');
    const [mode = '', sha = '', stage = ''] = field.slice(0, tab).split(' ');
    stages.push({ mode, sha, stage: stage === '1' ? 1 : stage === '2' ? 2 : 3, path: field.slice(tab + 1) });
  }
}

/** `<n> NUL path … NUL type NUL text NUL` for each, until an empty field or the end. */
function readMessages(fields: Fields): string[] | null {
  const messages: string[] = [];
  for (let field = fields.next(); ; field = fields.next()) {
    if (field === null) return null;
    if (field === '') return messages;
    for (let i = 0; i < Number(field) + 1; i += 1) if (fields.next() === null) return null;
    const text = fields.next();
    if (text === null) return null;
    messages.push(text.trim());
  }
}

// ---------------------------------------------------------------- one process for many merges
const FIRST_ANSWER_MS = 5000;

interface Stream {
  /** null = the process ended without an answer. */
  ask(line: string): Promise<Merged | null>;
  close(): Promise<void>;
}

async function openStream(call: GitPlace, version: Repository['gitVersion'], commit: Sha): Promise<Stream | null> {
  const [major, minor] = version;
  const flushes = major > 2 || (major === 2 && minor >= 49);
  if (major === 2 && minor < 39) return null;
  const git = [gitProgram(), 'merge-tree', '--write-tree', '--stdin', '--allow-unrelated-histories'];
  const [program = '', ...args] = flushes ? git : ['stdbuf', '-o0', ...git];
  const child = spawn(program, args, { cwd: call.cwd, env: call.env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const stream = new MergeStream(child);
  // A git that stdbuf has no hold on (a static one) would keep its answers until the end.
  const timer = setTimeout(() => void stream.close(), FIRST_ANSWER_MS);
  const answer = await stream.ask(`${commit} ${commit}\n`);
  clearTimeout(timer);
  return answer === null ? null : stream;
}

class MergeStream implements Stream {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: ((answer: Merged | null) => void)[] = [];
  #text = '';
  #ended = false;
  readonly #gone: Promise<void>;
  constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    child.stdout.setEncoding('latin1');
    child.stdout.on('data', (text: string) => {
      this.#text += text;
      this.#read();
    });
    child.stdin.on('error', () => {});
    this.#gone = new Promise((resolve) => {
      for (const event of ['error', 'close']) {
        child.on(event, () => {
          this.#end();
          resolve();
        });
      }
    });
  }
  ask(line: string): Promise<Merged | null> {
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin.write(line);
    });
  }
  async close(): Promise<void> {
    this.#child.stdin.end();
    if (this.#waiting.length > 0) this.#child.kill('SIGKILL');
    await this.#gone;
  }
  #end(): void {
    this.#ended = true;
    for (const resolve of this.#waiting.splice(0)) resolve(null);
  }
  #read(): void {
    // Without a closing NUL the last field is not complete.
    const fields = this.#text.split('\0').slice(0, -1);
    let used = 0;
    for (;;) {
      const reader = new Fields(fields.slice(used));
      const answer = readAnswer(reader);
      if (answer === null) break;
      used += reader.used;
      this.#waiting.shift()?.(answer);
    }
    if (used > 0) this.#text = fields.slice(used).map((field) => `${field}\0`).join('') + this.#text.slice(this.#text.lastIndexOf('\0') + 1);
  }
}

/** `1 NUL tree NUL NUL` when clean, else `0 NUL tree NUL`, the stages and the messages, each closed by an empty field. */
function readAnswer(fields: Fields): Merged | null {
  const status = fields.next();
  const tree = fields.next();
  if (status === null || tree === null) return null;
  const stages = readStages(fields);
  if (stages === null) return null;
  if (status === '1') return { tree, isClean: true, stages: [], messages: [] };
  const messages = readMessages(fields);
  return messages === null ? null : { tree, isClean: false, stages, messages };
}
