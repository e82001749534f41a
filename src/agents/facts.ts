// What a client's stream says, in the words that all clients share, and the one tolerant way to read a stream of JSON
// lines. Knows no client; judges nothing.
import type { Exit, Instant, Tokens } from '../run/events.ts';
import { parseObject, type JsonObject } from '../lib/json.ts';
import type { Progress, StreamReader } from './adapter.ts';
import { watchSignals } from './signals.ts';
import { streamVerdict } from './verdict.ts';

/** A stream's terminal event. There may be several: the last one counts. */
export interface ResultEvent {
  /** False = the client claims success. */
  readonly isError: boolean;
  /** HTTP status of the provider's last answer; null = there was none, or it is not told. */
  readonly status: number | null;
  /** Machine-readable names of what happened, e.g. `rate_limit`, `error_max_turns`; verdict.ts lists those that count. */
  readonly kinds: readonly string[];
  /** The answer, or the errors. */
  readonly text: string;
  /** A refusal: when to ask again, if a field says so. */
  readonly notBefore?: Instant | null;
}

/** The provider said no, and until when. */
export interface LimitEvent {
  /** null = it did not say. */
  readonly resetsAt: Instant | null;
  readonly kind: string;
}

/** All that a verdict needs of a stream, so far. */
export interface StreamFacts {
  readonly sessionId: string | null;
  readonly model: string | null;
  /** Of this attempt, not of its session. */
  readonly costUsd: number | null;
  /** Of this attempt, not of its session. */
  readonly tokens: Tokens | null;
  /** What the client counts for the whole session, where it counts like that. */
  readonly sessionTokens?: Tokens | null;
  readonly turns: number | null;
  readonly result: ResultEvent | null;
  /** A usage limit that was in force when the stream ended. */
  readonly limit: LimitEvent | null;
  /** The last request that the client had to repeat, if nothing came after it. */
  readonly retrying: { readonly status: number | null; readonly kind: string; /** until it does */ readonly delayMs?: number | null } | null;
  /** The last request had an answer from the model; absent = that is not told, and anything that it shows is taken for one. */
  readonly isAnswered?: boolean;
  /** A refusal that the client goes on to wait out by itself, silently. It is stopped: the rate gate waits, for all tasks. */
  readonly givenUp?: ResultEvent | null;
  /** Tools that were refused, in words. */
  readonly denials: readonly string[];
}

/** A client's stream: facts that grow with its events. */
export interface EventStream extends StreamFacts {
  /** Takes an event of any type and shape; unknown ones change nothing. Returns what it says to a person. */
  event(event: JsonObject): Progress;
  /** Takes a line of standard error, for clients that say something there only. Without it, it is shown as it is. */
  stderr?(line: string): Progress;
  /** Takes what the client wrote to its report file, at the end. */
  report?(text: string): void;
  /** Told how the process ended, for clients whose exit code says what their stream does not. */
  end?(exit: Exit): void;
}

/** Reads a stream of a JSON object per line. Broken and partial lines say nothing, other text is shown as it is. */
export function readEvents(stream: EventStream): StreamReader {
  const watch = watchSignals(stream);
  let hasSpoken = false;
  return {
    line(text, from) {
      hasSpoken = false;
      const event = from === 'stdout' ? parseObject(text) : null;
      if (event !== null) {
        const said = stream.event(event);
        hasSpoken = said !== null;
        return said;
      }
      if (text.trim() === '' || (from === 'stdout' && text.trimStart().startsWith('{'))) return null;
      // In a log both are one, and what is no event came from standard error.
      return stream.stderr === undefined ? text.trimEnd() : stream.stderr(text.trimEnd());
    },
    signal: () => watch(hasSpoken),
    isGivenUp: () => stream.givenUp != null,
    verdict(end) {
      if (end.reportFile != null) stream.report?.(end.reportFile);
      stream.end?.(end.exit);
      return streamVerdict(stream, end);
    },
  };
}
