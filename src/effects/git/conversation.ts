// A git process that answers more than one question, because starting one costs more than what it does. Owns that process:
// it is started when it is needed, ends after a moment without work, and with us, however we end.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { gitProgram } from './environment.ts';
import type { GitPlace } from './plumbing.ts';

export interface ConversationInit extends GitPlace {
  readonly args: readonly string[];
}

/** What git printed, one character for each byte; or why it has ended instead. */
export type Answer = { readonly said: string } | { readonly ended: string };

export interface Conversation {
  /** Asks when its turn comes; `isWhole` says whether what git has printed since is all of the answer. */
  ask(question: string, isWhole: (said: string) => boolean): Promise<Answer>;
  /** Ends the process, if there is one, and waits for its end. The next question starts another. */
  rest(): Promise<void>;
}

/** Agents take minutes; what they need at their beginning and end comes in bursts. */
const IDLE_MS = 1000;

export function createConversation(init: ConversationInit): Conversation {
  let speaker: Speaker | null = null;
  let idle: NodeJS.Timeout | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const askNow = async (question: string, isWhole: (said: string) => boolean): Promise<Answer> => {
    clearTimeout(idle);
    speaker = speaker?.isOpen === true ? speaker : new Speaker(init);
    const answer = await speaker.ask(question, isWhole);
    const used = speaker;
    idle = setTimeout(() => used.end(), IDLE_MS).unref();
    return answer;
  };
  return {
    ask(question, isWhole) {
      const answer = turn.then(() => askNow(question, isWhole));
      turn = answer;
      return answer;
    },
    async rest() {
      await turn;
      clearTimeout(idle);
      const used = speaker;
      speaker = null;
      used?.end();
      await used?.ended;
    },
  };
}

/** One process. */
class Speaker {
  readonly #child: ChildProcess | null = null;
  #isWhole: (said: string) => boolean = () => false;
  #said = '';
  #complained = '';
  #settle: ((answer: Answer) => void) | null = null;
  #hasEnded: () => void = () => undefined;
  readonly ended: Promise<void> = new Promise((resolve) => { this.#hasEnded = resolve; });
  isOpen = true;

  constructor({ args, cwd, env }: ConversationInit) {
    try {
      // In a session of its own, so that Ctrl-C in a terminal does not break it in the middle of a write.
      this.#child = spawn(gitProgram(), args, { cwd, env, stdio: 'pipe', detached: true });
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
      return;
    }
    const { stdin, stdout, stderr } = this.#child;
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', (code, signal) => this.#end(this.#complained.trim() || `git ${args[0] ?? ''}: ${signal ?? `exit code ${code}`}`));
    // Its exit says why.
    stdin?.on('error', () => {});
    stderr?.on('data', (chunk: Buffer) => { this.#complained = (this.#complained + chunk.toString()).slice(-16_384); });
    stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString('latin1');
      if (this.#isWhole(this.#said)) this.#answer({ said: this.#said });
    });
  }

  ask(question: string, isWhole: (said: string) => boolean): Promise<Answer> {
    return new Promise((resolve) => {
      [this.#settle, this.#isWhole, this.#said] = [resolve, isWhole, ''];
      this.#keepAlive(true);
      if (this.isOpen) this.#child?.stdin?.write(question);
      else this.#answer({ ended: this.#complained });
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
    this.#answer({ ended: reason });
  }

  #answer(answer: Answer): void {
    const settle = this.#settle;
    this.#settle = null;
    this.#keepAlive(false);
    settle?.(answer);
  }

  /** Our process must outlast an answer, and need not wait for a process that owes none. */
  #keepAlive(isBusy: boolean): void {
    const child = this.#child;
    if (child === null) return;
    for (const handle of [child, child.stdin, child.stdout, child.stderr] as (Socket | null)[]) {
      if (isBusy) handle?.ref();
      else handle?.unref();
    }
  }
}
