// One function that runs git for plumbing: bytes in, bytes out, exit code as a value. Ordinary commands for people go
// through client.ts. Never rejects because git said no; that is a result.
import { type ChildProcess, spawn } from 'node:child_process';
import { gitEnvironment, gitProgram } from './environment.ts';

/** Where a git process is at work. */
export interface GitPlace {
  /** Must exist. */
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface GitCall {
  /** Must exist. */
  readonly cwd: string;
  /** The whole environment; default `gitEnvironment()`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is closed otherwise. */
  readonly input?: string | Buffer;
  /** Ends it, and whatever it has started: asked first, then killed. */
  readonly signal?: AbortSignal;
  /** After so many milliseconds it is ended in the same way. */
  readonly timeoutMs?: number;
  /** More output than this ends the call as a failure; default 256 MiB. */
  readonly maxBytes?: number;
}

export interface GitOutput {
  /** Exit code; -1 when git could not be started, was killed, or printed too much. */
  readonly code: number;
  readonly stdout: Buffer;
  /** The last 16 KiB, trimmed. */
  readonly stderr: string;
}

/** A git command that failed where it should not have: what ran, where, and the last that it said. */
export class GitFailure extends Error {
  readonly args: readonly string[];
  readonly code: number;
  readonly stderr: string;
  constructor(args: readonly string[], cwd: string, output: GitOutput) {
    const said = output.stderr.split('\n').slice(-5).join('\n') || `exit code ${output.code}`;
    super(`git ${args[0] ?? ''} failed in ${cwd}: ${said}`);
    this.name = 'GitFailure';
    this.args = args;
    this.code = output.code;
    this.stderr = output.stderr;
  }
}

const STDERR_KEPT = 16 * 1024;
const KILL_AFTER_MS = 2000;

/** Runs git once. It is in a session of its own, so that Ctrl-C in a terminal does not break it in the middle of a write. */
export function gitRaw(args: readonly string[], call: GitCall): Promise<GitOutput> {
  return runProgram(gitProgram(), args, call);
}

/** As `gitRaw`, of any program; `env` is git's unless it is given. */
export function runProgram(program: string, args: readonly string[], call: GitCall): Promise<GitOutput> {
  return new Promise((resolve) => {
    const fail = (message: string): void => resolve({ code: -1, stdout: Buffer.alloc(0), stderr: message });
    try {
      const child = spawn(program, args, {
        cwd: call.cwd,
        env: call.env ?? gitEnvironment(),
        stdio: [call.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        detached: true,
      });
      // A program that never started emits no 'close'.
      child.on('error', (error) => child.pid === undefined && fail(error.message));
      follow(child, call, resolve);
    } catch (error) {
      // Some refusals of the operating system (no memory) are thrown instead of emitted.
      fail(error instanceof Error ? error.message : String(error));
    }
  });
}

function follow(child: ChildProcess, call: GitCall, resolve: (output: GitOutput) => void): void {
  const maxBytes = call.maxBytes ?? 256 * 1024 * 1024;
  const chunks: Buffer[] = [];
  let size = 0;
  let stderr = '';
  let problem: string | null = null;
  child.on('error', (error) => {
    problem = error.message;
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else if (problem === null) {
      problem = `more than ${maxBytes} bytes of output`;
      child.kill('SIGKILL');
    }
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT);
  });
  const { pid } = child;
  const stop = (): void => {
    problem ??= call.signal?.aborted === true ? 'stopped' : `no answer in ${Math.round((call.timeoutMs ?? 0) / 1000)} s`;
    for (const [signal, afterMs] of [['SIGTERM', 0], ['SIGKILL', KILL_AFTER_MS]] as const) timers.push(setTimeout(() => endGroup(pid, signal), afterMs));
  };
  const timers: NodeJS.Timeout[] = [];
  if (call.timeoutMs !== undefined) timers.push(setTimeout(stop, call.timeoutMs));
  if (call.signal?.aborted === true) stop();
  call.signal?.addEventListener('abort', stop, { once: true });
  child.on('close', (code, signal) => {
    call.signal?.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
    const text = [stderr.trim(), problem ?? (signal === null ? '' : `killed by ${signal}`)].filter((part) => part !== '').join('\n');
    resolve({ code: problem === null ? (code ?? -1) : -1, stdout: Buffer.concat(chunks), stderr: text });
  });
  if (call.input !== undefined && child.stdin !== null) {
    // A git that exits early closes the pipe; its exit code says why.
    child.stdin.on('error', () => {});
    child.stdin.end(call.input);
  }
}

/** git has a process group of its own. */
function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** As `gitRaw`, for commands that must succeed: throws `GitFailure` otherwise. */
export async function requireGit(args: readonly string[], call: GitCall): Promise<Buffer> {
  const output = await gitRaw(args, call);
  if (output.code !== 0) throw new GitFailure(args, call.cwd, output);
  return output.stdout;
}

/** The answer to a question; null when git says no (its reason is lost). */
export async function askGit(folder: string, args: readonly string[]): Promise<string | null> {
  const output = await gitRaw(args, { cwd: folder });
  return output.code === 0 ? output.stdout.toString() : null;
}

/**
 * The parts of a NUL-terminated list. Pass `latin1` for paths that go back to git: they may be any bytes, and that
 * encoding loses none (`Buffer.from(path, 'latin1')` gives them back).
 */
export function splitNul(bytes: Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): string[] {
  const text = bytes.toString(encoding);
  return text === '' ? [] : (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}
