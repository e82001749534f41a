// The adapter of opencode (`opencode run --format json`): command line, stream, what its errors mean. Measured on 1.18.33.
// Its stream has no last word: a step that stopped is one. What it repeats it tells only in its log.
import { firstLine } from '../lib/cut.ts';
import { numberAt, objectAt, parseObject, textAt, type JsonObject } from '../lib/json.ts';
import type { Instant, Tokens } from '../run/events.ts';
import type { Adapter, Launch, LaunchRequest, Progress } from './adapter.ts';
import { readEvents, type EventStream, type ResultEvent } from './facts.ts';
import { describeTool } from './progress.ts';
import { addTokens, NO_TOKENS } from './usage.ts';

export const opencode: Adapter = {
  name: 'opencode',
  provider: 'opencode',
  capabilities: {
    model: true, maxTurns: false, allowedTools: false, effort: false, budget: false, resume: true, cost: true,
    // Its agent `plan` runs commands, and these write.
    permissionMode: ['default', 'auto'], readOnlyMode: null,
  },
  versions: { least: '1.18.0', measured: '1.18.33' },
  passEnv: [
    'OPENCODE_CONFIG', 'OPENCODE_CONFIG_CONTENT', 'OPENCODE_CONFIG_DIR', 'OPENCODE_PERMISSION', 'OPENCODE_API_KEY', 'OPENCODE_AUTH_CONTENT', 'OPENCODE_DISABLE_*', 'OPENCODE_ENABLE_*', 'OPENCODE_MODELS_*',
    'ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GOOGLE_VERTEX_*', 'GOOGLE_CLOUD_PROJECT', 'GOOGLE_APPLICATION_CREDENTIALS',
    'OPENROUTER_API_KEY', 'GROQ_API_KEY', 'MISTRAL_API_KEY', 'XAI_API_KEY', 'DEEPSEEK_API_KEY', 'AWS_*', 'AZURE_*',
  ],
  launch,
  read: () => readEvents(new OpencodeStream()),
  resumeCommand: (spec, sessionId) => [...spec.command, '--session', sessionId],
};

function launch({ spec, work, prompt, resume }: LaunchRequest): Launch {
  const [command = 'opencode', ...leading] = spec.command;
  const args = [
    ...leading,
    'run', '--format', 'json', '--print-logs', '--log-level', 'ERROR',
    ...(work.permissionMode === 'auto' ? ['--auto'] : []),
    ...(work.model === null ? [] : ['--model', work.model]),
    // Without a title it asks a model for one.
    ...(resume === null ? ['--title', firstLine(work.prompt, 60) || 'orch'] : ['--session', resume]),
    ...spec.args,
    ...work.args,
  ];
  return { command, args, env: { OPENCODE_DISABLE_AUTOUPDATE: '1', ...spec.env }, stdin: prompt };
}

/** Tools that a configuration may deny. Any other one that is not there was made up by the model. */
const GATED_TOOLS = new Set(['bash', 'edit', 'write', 'patch', 'multiedit']);
/** Failed requests in a row after which it is not left to try again. */
const MOST_FAILURES = 3;

class OpencodeStream implements EventStream {
  sessionId: string | null = null;
  readonly model = null;
  readonly turns = null;
  readonly limit = null;
  costUsd: number | null = null;
  tokens: Tokens | null = null;
  givenUp: ResultEvent | null = null;
  retrying: EventStream['retrying'] = null;
  readonly denials: string[] = [];
  #error: ResultEvent | null = null;
  /** What the last step came to, until another one begins. */
  #stopped: ResultEvent | null = null;
  #answer = '';
  #failures = 0;

  get result(): ResultEvent | null {
    return this.#error ?? this.#stopped;
  }

  event(event: JsonObject): Progress {
    this.sessionId = textAt(event, 'sessionID') ?? this.sessionId;
    const part = objectAt(event, 'part');
    switch (textAt(event, 'type') ?? '') {
      case 'step_start':
        this.#stopped = null;
        return null;
      case 'text':
        this.#goesOn();
        this.#answer = textAt(part, 'text') ?? '';
        return firstLine(this.#answer) || null;
      case 'tool_use':
        return this.#call(part);
      case 'step_finish':
        return this.#finish(part);
      case 'error':
        this.#error = failureOf(objectAt(event, 'error'), numberAt(event, 'timestamp'));
        return firstLine(this.#error.text);
      default:
        return null;
    }
  }

  stderr(line: string): Progress {
    const said = /^timestamp=\S+ level=ERROR .*message="stream error" .*session\.id=(\S+) small=false .*error\.error="(?:\w+: )?(.*)$/.exec(line);
    if (said === null) return line.trim() === '' || line.startsWith('timestamp=') ? null : line;
    const [, session = '', rest = ''] = said;
    this.sessionId ??= session;
    const text = rest.replace(/"$/, '');
    const kinds = kindsOf(text);
    this.retrying = { status: null, kind: kinds[0] ?? 'error' };
    this.#failures += 1;
    // It waits as long as the provider says, be it an hour, and prints nothing meanwhile.
    const isRefusal = kinds.some((kind) => REFUSALS.has(kind));
    if (isRefusal || this.#failures >= MOST_FAILURES) this.givenUp = { isError: true, status: null, kinds: kinds.length === 0 ? ['server_error'] : kinds, text };
    return firstLine(text);
  }

  #goesOn(): void {
    this.#failures = 0;
    this.retrying = null;
  }

  #call(part: JsonObject): Progress {
    this.#goesOn();
    const state = objectAt(part, 'state');
    const input = objectAt(state, 'input');
    const tool = textAt(part, 'tool') ?? 'a tool';
    // A tool that its configuration denies is not there, and what asks for it is answered by another one.
    const missing = tool === 'invalid' ? (textAt(input, 'tool') ?? '') : null;
    const what = missing ?? describeTool(tool, { ...input, file_path: input['filePath'] }, null);
    const isRefused = missing === null ? /rejected permission|prevents you from using/i.test(textAt(state, 'error') ?? '') : GATED_TOOLS.has(missing);
    if (!isRefused) return what;
    this.denials.push(what);
    return `refused: ${what}`;
  }

  #finish(part: JsonObject): Progress {
    this.#goesOn();
    this.#count(part);
    const reason = textAt(part, 'reason') ?? 'unknown';
    if (reason === 'stop') this.#stopped = { isError: false, status: null, kinds: [], text: this.#answer };
    // After a refusal it exits in the middle of its work, with 0; otherwise it goes on.
    else if (reason === 'tool-calls') this.#stopped = this.denials.length === 0 ? null : { isError: true, status: null, kinds: ['tool_refused'], text: `was refused ${this.denials.slice(0, 3).join(', ')}, and stopped` };
    else this.#stopped = { isError: true, status: null, kinds: [], text: `the answer ended early (${reason})` };
    return null;
  }

  #count(part: JsonObject): void {
    const used = objectAt(part, 'tokens');
    const cache = objectAt(used, 'cache');
    this.costUsd = (this.costUsd ?? 0) + countOf(part, 'cost');
    const output = countOf(used, 'output') + countOf(used, 'reasoning');
    this.tokens = addTokens(this.tokens ?? NO_TOKENS, { input: countOf(used, 'input'), output, cacheRead: countOf(cache, 'read'), cacheWrite: countOf(cache, 'write') });
  }
}

function countOf(from: JsonObject, key: string): number {
  return numberAt(from, key) ?? 0;
}

const REFUSALS = new Set(['usage_limit_reached', 'insufficient_quota', 'rate_limit']);

/** What the words of a provider mean, where no field says it. The first that fits. */
const MEANINGS: readonly (readonly [kind: string, words: RegExp])[] = [
  ['usage_limit_reached', /usage limit|free limit reached|hit your .*limit/i],
  ['insufficient_quota', /exceeded your current quota|insufficient.(quota|credits)|credit balance/i],
  ['rate_limit', /rate.?limit|too many requests|rate increased too quickly/i],
  ['overloaded', /overloaded|at capacity|unavailable|server (had an )?error/i],
  ['server_error', /cannot connect|connection|socket|fetch failed|timed out|terminated/i],
];

function kindsOf(text: string): readonly string[] {
  return MEANINGS.filter(([, words]) => words.test(text)).map(([kind]) => kind).slice(0, 1);
}

/** Its own names for what happened, in the words that verdict.ts knows. */
const NAMES: Readonly<Record<string, string>> = { ProviderAuthError: 'authentication_failed', ContextOverflowError: 'context_length_exceeded', ProviderModelNotFoundError: 'model_not_found' };

function failureOf(error: JsonObject, at: Instant | null): ResultEvent {
  const data = objectAt(error, 'data');
  const name = textAt(error, 'name') ?? 'error';
  const text = textAt(data, 'message') ?? name;
  const body = objectAt(parseObject(textAt(data, 'responseBody') ?? '') ?? {}, 'error');
  const status = numberAt(data, 'statusCode');
  const named = [NAMES[name], textAt(body, 'code'), textAt(body, 'type')].filter((kind) => typeof kind === 'string');
  // Where the provider has spoken, its fields do.
  const kinds = status === null ? [...named, ...kindsOf(text)] : named;
  const seconds = Number(textAt(objectAt(data, 'responseHeaders'), 'retry-after') ?? Number.NaN);
  return { isError: true, status, kinds, text, notBefore: at === null || !Number.isFinite(seconds) ? null : at + seconds * 1000 };
}
