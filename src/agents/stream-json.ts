// Reads the stream that `claude --output-format stream-json` writes (one JSON object per line) into what a verdict needs.
// Tolerates unknown events, broken lines and several results: the last one counts. Judges nothing.
import type { ProviderSignal, Tokens } from '../run/events.ts';
import { isObject, numberAt, objectAt, objectsAt, parseObject, textAt, type JsonObject } from '../lib/json.ts';
import { cutBytes } from '../lib/cut.ts';
import { describeEvent, describeTool } from './progress.ts';

const RESULT_BYTES = 64 * 1024;

/** The final event of a stream, as far as a verdict cares. */
export interface ResultEvent {
  readonly isError: boolean;
  /** `success`, `error_max_turns`, …; it says `success` also when the API failed. */
  readonly subtype: string;
  readonly status: number | null;
  /** The provider's own names for what happened, e.g. `rate_limit`, `usage_limit_reached`. */
  readonly kinds: readonly string[];
  readonly terminalReason: string | null;
  /** The answer, or the errors. */
  readonly text: string;
}

/** The provider said no, and until when. */
export interface LimitEvent {
  /** Milliseconds since the epoch; null = it did not say. */
  readonly resetsAt: number | null;
  readonly kind: string;
}

/** Everything that one attempt's stream has said so far. */
export class StreamJson {
  sessionId: string | null = null;
  model: string | null = null;
  result: ResultEvent | null = null;
  turns: number | null = null;
  /** A usage limit that was in force when the stream ended. */
  limit: LimitEvent | null = null;
  /** The last request that the client had to repeat, if nothing came after it. */
  retrying: { readonly status: number | null; readonly kind: string } | null = null;
  #signal: ProviderSignal | null = null;
  /** The last request of this attempt had an answer. */
  #isAnswered = false;
  #cwd: string | null = null;
  #apiError: readonly string[] = [];
  readonly #denials = new Map<string, string>();
  /** Costs since the previous result, summed; null until a result has the field, which older clients lack. */
  #delta: { readonly costUsd: number; readonly tokens: Tokens } | null = null;
  #total: { readonly costUsd: number | null; readonly tokens: Tokens | null } = { costUsd: null, tokens: null };

  /** What this attempt cost: not what its session did, which a resumed client adds up. */
  get costUsd(): number | null {
    return this.#delta?.costUsd ?? this.#total.costUsd;
  }

  get tokens(): Tokens | null {
    return this.#delta?.tokens ?? this.#total.tokens;
  }

  /** Tools that were refused, in words. */
  get denials(): readonly string[] {
    return [...this.#denials.values()];
  }

  /** What the provider has said of itself since this was last asked. */
  takeSignal(): ProviderSignal | null {
    const signal = this.#signal;
    this.#signal = null;
    return signal;
  }

  /** Takes a line; returns what it says to a person, or null. */
  line(text: string): string | null {
    const event = parseObject(text);
    if (event === null) return text.trim() === '' || text.trimStart().startsWith('{') ? null : text.trimEnd();
    this.sessionId = textAt(event, 'session_id') ?? this.sessionId;
    const type = textAt(event, 'type');
    if (type === 'system') this.#system(event);
    else if (type === 'assistant') this.#assistant(event);
    else if (type === 'rate_limit_event') this.#rateLimit(objectAt(event, 'rate_limit_info'));
    else if (type === 'result') this.#finish(event);
    return describeEvent(event, this.#cwd);
  }

  #system(event: JsonObject): void {
    const subtype = textAt(event, 'subtype');
    if (subtype === 'init') {
      this.model = textAt(event, 'model') ?? this.model;
      this.#cwd = textAt(event, 'cwd') ?? this.#cwd;
    } else if (subtype === 'api_retry') {
      const { status, kind } = (this.retrying = { status: numberAt(event, 'error_status'), kind: textAt(event, 'error') ?? 'unknown' });
      this.#isAnswered = false;
      // A server that fails, or a network that is down, does not ask for fewer requests.
      const isRefusal = status === 429 || status === 529 || status === 503 || kind === 'rate_limit' || kind === 'overloaded';
      if (isRefusal) this.#signal = { kind: 'refused', message: `${kind}${status === null ? '' : ` (${status})`}`, delayMs: numberAt(event, 'retry_delay_ms') };
    } else if (subtype === 'permission_denied') {
      const id = textAt(event, 'tool_use_id') ?? `${this.#denials.size}`;
      this.#denials.set(id, textAt(event, 'tool_name') ?? 'a tool');
    }
  }

  #assistant(event: JsonObject): void {
    const kind = textAt(event, 'error');
    this.#apiError = kind === null ? [] : [kind];
    if (kind !== null) return;
    this.retrying = null;
    if (!this.#isAnswered) this.#signal = { kind: 'answered' };
    this.#isAnswered = true;
  }

  #rateLimit(info: JsonObject): void {
    if (textAt(info, 'status') !== 'rejected') {
      this.limit = null;
      return;
    }
    const seconds = numberAt(info, 'resetsAt');
    this.limit = { resetsAt: seconds === null ? null : seconds * 1000, kind: textAt(info, 'rateLimitType') ?? 'usage' };
    this.#signal = { kind: 'used-up', message: `usage limit (${this.limit.kind})`, resetsAt: this.limit.resetsAt };
  }

  #finish(event: JsonObject): void {
    const errors = Array.isArray(event['errors']) ? event['errors'].filter((each) => typeof each === 'string') : [];
    const named = ['api_error', 'api_error_type'].map((key) => textAt(event, key)).filter((kind) => kind !== null);
    this.result = {
      isError: event['is_error'] === true,
      subtype: textAt(event, 'subtype') ?? 'success',
      status: numberAt(event, 'api_error_status'),
      kinds: [...named, ...this.#apiError],
      terminalReason: textAt(event, 'terminal_reason'),
      text: cutBytes(textAt(event, 'result') ?? errors.join('; '), RESULT_BYTES),
    };
    this.turns = (this.turns ?? 0) + (numberAt(event, 'num_turns') ?? 0);
    for (const denial of objectsAt(event, 'permission_denials')) {
      const tool = describeTool(textAt(denial, 'tool_name') ?? 'a tool', objectAt(denial, 'tool_input'), this.#cwd);
      this.#denials.set(textAt(denial, 'tool_use_id') ?? tool, tool);
    }
    this.#count(event);
  }

  #count(event: JsonObject): void {
    const usage = sumUsage(objectAt(event, 'modelUsage'));
    this.#total = { costUsd: numberAt(event, 'total_cost_usd') ?? this.#total.costUsd, tokens: usage.tokens };
    if (!isObject(event['model_usage_since_last_result'])) return;
    const since = sumUsage(objectAt(event, 'model_usage_since_last_result'));
    const before = this.#delta ?? { costUsd: 0, tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } };
    this.#delta = { costUsd: before.costUsd + since.costUsd, tokens: addTokens(before.tokens, since.tokens) };
  }
}

function sumUsage(models: JsonObject): { readonly costUsd: number; readonly tokens: Tokens } {
  let costUsd = 0;
  let tokens: Tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  for (const usage of Object.values(models).filter(isObject)) {
    costUsd += numberAt(usage, 'costUSD') ?? 0;
    tokens = addTokens(tokens, {
      input: numberAt(usage, 'inputTokens') ?? 0, output: numberAt(usage, 'outputTokens') ?? 0,
      cacheRead: numberAt(usage, 'cacheReadInputTokens') ?? 0, cacheWrite: numberAt(usage, 'cacheCreationInputTokens') ?? 0,
    });
  }
  return { costUsd, tokens };
}

function addTokens(a: Tokens, b: Tokens): Tokens {
  return { input: a.input + b.input, output: a.output + b.output, cacheRead: a.cacheRead + b.cacheRead, cacheWrite: a.cacheWrite + b.cacheWrite };
}
