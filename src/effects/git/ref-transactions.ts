// One `git update-ref` process that makes many transactions, because starting one costs more than what it does. Owns that
// process: it is started when it is needed, ends after a moment without work, and with us, however we end.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { gitProgram } from './environment.ts';

export interface TransactionsInit {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Written to reflogs. */
  readonly message: string;
}

export interface Transactions {
  /**
   * Makes all of these commands of `git update-ref --stdin` or none. Resolves with null, or with git's reason. Must not be
   * called again before that.
   */
  transact(commands: string): Promise<string | null>;
  /** Ends the process, if there is one, and waits for its end. The next transaction starts another. */
  rest(): Promise<void>;
}

/** Agents take minutes; what they need at their beginning and end comes in bursts. */
const IDLE_MS = 1000;

export function createTransactions(init: TransactionsInit): Transactions {
  let session: Session | null = null;
  let idle: NodeJS.Timeout | undefined;
  return {
    async transact(commands) {
      clearTimeout(idle);
      session = session?.isOpen === true ? session : new Session(init);
      const refusal = await session.transact(commands);
      const used = session;
      idle = setTimeout(() => used.end(), IDLE_MS).unref();
      return refusal;
    },
    async rest() {
      clearTimeout(idle);
      const used = session;
      session = null;
      used?.end();
      await used?.ended;
    },
  };
}

/** One process. A transaction that is refused ends it. */
class Session {
  readonly #child: ChildProcess | null = null;
  #said = '';
  #complained = '';
  #settle: ((refusal: string | null) => void) | null = null;
  #hasEnded: () => void = () => undefined;
  readonly ended: Promise<void> = new Promise((resolve) => { this.#hasEnded = resolve; });
  isOpen = true;

  constructor({ cwd, env, message }: TransactionsInit) {
    try {
      // In a session of its own, so that Ctrl-C in a terminal does not break it in the middle of a write.
      this.#child = spawn(gitProgram(), ['update-ref', '-m', message, '--no-deref', '--stdin'], { cwd, env, stdio: 'pipe', detached: true });
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
      return;
    }
    const { stdin, stdout, stderr } = this.#child;
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', (code, signal) => this.#end(this.#complained.trim() || `git update-ref: ${signal ?? `exit code ${code}`}`));
    // Its exit says why.
    stdin?.on('error', () => {});
    stderr?.on('data', (chunk: Buffer) => { this.#complained = (this.#complained + chunk.toString()).slice(-16_384); });
    stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      if (!this.#said.endsWith('commit: ok\n')) return;
      this.#said = '';
      this.#answer(null);
    });
  }

  transact(commands: string): Promise<string | null> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#keepAlive(true);
      if (this.isOpen) this.#child?.stdin?.write(`start\n${commands}commit\n`);
      else this.#answer(this.#complained);
    });
  }

  end(): void {
    this.isOpen = false;
    this.#keepAlive(true);
    this.#child?.stdin?.end();
  }

  #end(reason: string): void {
    this.isOpen = false;
    this.#hasEnded();
    this.#complained = reason;
    this.#answer(reason.replace(/^fatal: (?:commit: )?/, ''));
  }

  #answer(refusal: string | null): void {
    const settle = this.#settle;
    this.#settle = null;
    this.#keepAlive(false);
    settle?.(refusal);
  }

  /** Our process must outlast a transaction, and need not wait for a process that has none. */
  #keepAlive(isBusy: boolean): void {
    const child = this.#child;
    if (child === null) return;
    for (const handle of [child, child.stdin, child.stdout, child.stderr] as (Socket | null)[]) {
      if (isBusy) handle?.ref();
      else handle?.unref();
    }
  }
}
