// What a process prints, on its way to the log, to the tails and to whoever reads lines. Memory is bounded: when the disk
// is slower than the process, the process waits.
import type { Readable } from 'node:stream';
import { LineSplitter } from '../../lib/lines.ts';
import { Redactor } from '../../lib/redact.ts';
import { Tail } from '../../lib/tail.ts';
import { isSettledWithin } from '../clock.ts';
import { BoundedLog, type LogLimits } from './bounded-log.ts';

export interface OutputOptions {
  readonly logFile: string | null;
  readonly logLimits: LogLimits;
  readonly secrets: readonly string[];
  readonly onLine: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined;
  /** Told of each arrival of output. */
  readonly onActivity: () => void;
}

/** What is known of the output at the end. */
export interface OutputSummary {
  readonly stdoutTail: string;
  readonly stderrTail: string;
  readonly outputBytes: number;
  readonly truncated: boolean;
  /** What `onLine` threw, which it must not; it was not called again. */
  readonly failure: unknown;
}

/** Both output streams of one process. */
export class Output {
  readonly #options: OutputOptions;
  readonly #streams: readonly Readable[];
  readonly #tails = { stdout: new Tail(), stderr: new Tail() };
  readonly #ends: (() => void)[] = [];
  readonly #ended: Promise<unknown>;
  readonly #log: BoundedLog | null;
  #bytes = 0;
  #failure: unknown = null;

  constructor(streams: { readonly stdout: Readable; readonly stderr: Readable }, options: OutputOptions) {
    this.#options = options;
    this.#streams = [streams.stdout, streams.stderr];
    this.#log = options.logFile === null ? null : new BoundedLog(options.logFile, () => this.#resume(), options.logLimits);
    this.#ended = Promise.all([this.#attach(streams.stdout, 'stdout'), this.#attach(streams.stderr, 'stderr')]);
  }

  /** Waits for the end of the streams, but no longer than `drainMs`: a process that escaped may hold them open for ever. */
  async finish(drainMs: number): Promise<OutputSummary> {
    await isSettledWithin(this.#ended, drainMs);
    for (const stream of this.#streams) stream.destroy();
    for (const end of this.#ends) end();
    const isLogCut = this.#log === null ? null : await this.#log.close();
    return {
      stdoutTail: this.#tails.stdout.text(),
      stderrTail: this.#tails.stderr.text(),
      outputBytes: this.#bytes,
      truncated: isLogCut ?? (this.#tails.stdout.isCut || this.#tails.stderr.isCut),
      failure: this.#failure,
    };
  }

  #attach(stream: Readable, name: 'stdout' | 'stderr'): Promise<void> {
    const redactor = new Redactor(this.#options.secrets);
    const lines = this.#options.onLine === undefined ? null : new LineSplitter((line) => this.#report(line, name));
    const take = (bytes: Buffer): void => {
      this.#tails[name].push(bytes);
      lines?.push(bytes);
      if (this.#log?.write(bytes) === false) for (const each of this.#streams) each.pause();
    };
    stream.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#options.onActivity();
      take(redactor.push(chunk));
    });
    this.#ends.push(() => {
      take(redactor.end());
      lines?.end();
    });
    return new Promise((resolve) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
      stream.once('error', () => resolve());
    });
  }

  #report(line: string, name: 'stdout' | 'stderr'): void {
    if (this.#failure !== null) return;
    try {
      this.#options.onLine?.(line, name);
    } catch (error) {
      this.#failure = error;
    }
  }

  #resume(): void {
    for (const stream of this.#streams) if (stream.isPaused()) stream.resume();
  }
}
