// What the stream that `claude --output-format stream-json` writes says, in the words of facts.ts. Judges nothing.
import type { Tokens } from '../run/events.ts';
import { isObject, numberAt, objectAt, objectsAt, textAt, type JsonObject } from '../lib/json.ts';
import type { EventStream, LimitEvent, ResultEvent } from './facts.ts';
import { describeEvent, describeTool } from './progress.ts';
import { addTokens, NO_TOKENS } from './usage.ts';

/** Everything that one attempt's stream has said so far. */
export class StreamJson implements EventStream {
  sessionId: string | null = null;
  model: string | null = null;
  result: ResultEvent | null = null;
  turns: number | null = null;
  limit: LimitEvent | null = null;
  retrying: EventStream['retrying'] = null;
  isAnswered = false;
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

  get denials(): readonly string[] {
    return [...this.#denials.values()];
  }

  event(event: JsonObject): string | null {
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
      this.retrying = { status: numberAt(event, 'error_status'), kind: textAt(event, 'error') ?? 'unknown', delayMs: numberAt(event, 'retry_delay_ms') };
      this.isAnswered = false;
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
    this.isAnswered = true;
  }

  #rateLimit(info: JsonObject): void {
    if (textAt(info, 'status') !== 'rejected') {
      this.limit = null;
      return;
    }
    const seconds = numberAt(info, 'resetsAt');
    this.limit = { resetsAt: seconds === null ? null : seconds * 1000, kind: textAt(info, 'rateLimitType') ?? 'usage' };
  }

  #finish(event: JsonObject): void {
    const errors = Array.isArray(event['errors']) ? event['errors'].filter((each) => typeof each === 'string') : [];
    // It says `success` also when the API failed, and an error without the flag is one.
    const subtype = textAt(event, 'subtype') ?? 'success';
    const isError = event['is_error'] === true || subtype !== 'success';
    const named = ['subtype', 'api_error', 'api_error_type'].map((key) => textAt(event, key)).filter((kind) => kind !== null);
    // `api_error` as a terminal reason says where it ended, and not whose error it was.
    const ended = textAt(event, 'terminal_reason');
    if (ended !== null && ended !== 'api_error') named.push(ended);
    const text = textAt(event, 'result') ?? errors.join('; ');
    this.result = { isError, status: numberAt(event, 'api_error_status'), kinds: [...named, ...this.#apiError], text: isError && text === '' ? subtype : text };
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
    const before = this.#delta ?? { costUsd: 0, tokens: NO_TOKENS };
    this.#delta = { costUsd: before.costUsd + since.costUsd, tokens: addTokens(before.tokens, since.tokens) };
  }
}

function sumUsage(models: JsonObject): { readonly costUsd: number; readonly tokens: Tokens } {
  let costUsd = 0;
  let tokens = NO_TOKENS;
  for (const usage of Object.values(models).filter(isObject)) {
    costUsd += numberAt(usage, 'costUSD') ?? 0;
    tokens = addTokens(tokens, {
      input: numberAt(usage, 'inputTokens') ?? 0, output: numberAt(usage, 'outputTokens') ?? 0,
      cacheRead: numberAt(usage, 'cacheReadInputTokens') ?? 0, cacheWrite: numberAt(usage, 'cacheCreationInputTokens') ?? 0,
    });
  }
  return { costUsd, tokens };
}
