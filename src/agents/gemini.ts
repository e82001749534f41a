// The adapter of Gemini CLI (`gemini -o stream-json`): command line, stream, what its errors mean. Measured on 0.61.0. It
// tells no costs, statuses only inside messages or as its exit code, and its repeated requests only on standard error.
import { firstLine } from '../lib/cut.ts';
import { numberAt, objectAt, objectsAt, parseObject, textAt, type JsonObject } from '../lib/json.ts';
import type { Exit, Tokens } from '../run/events.ts';
import type { Adapter, Launch, LaunchRequest, Progress } from './adapter.ts';
import { readEvents, type EventStream, type LimitEvent, type ResultEvent } from './facts.ts';
import { describeTool } from './progress.ts';

// Its default mode has nobody to ask, and so no tools that write. This one edits files and runs no commands.
const HEADLESS_APPROVAL_MODE = 'auto_edit';

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // A worktree is a new folder, in which it would ignore both the approval mode and the project's settings.
  GEMINI_CLI_TRUST_WORKSPACE: 'true',
  // It would start itself again, as a child that does not hear signals.
  GEMINI_CLI_NO_RELAUNCH: 'true',
};

export const gemini: Adapter = {
  name: 'gemini',
  provider: 'google',
  capabilities: {
    model: true, maxTurns: false, allowedTools: false, effort: false, budget: false, resume: true, cost: false,
    permissionMode: ['default', 'auto_edit', 'yolo', 'plan'], readOnlyMode: 'plan',
  },
  // 0.30.0 has all that is asked of it here, by its own help.
  versions: { least: '0.30.0', measured: '0.61.0' },
  passEnv: [
    'GEMINI_API_KEY', 'GEMINI_API_KEY_AUTH_MECHANISM', 'GEMINI_MODEL', 'GEMINI_CLI_HOME', 'GEMINI_CLI_CUSTOM_HEADERS', 'GEMINI_CLI_USE_COMPUTE_ADC', 'GEMINI_CLI_SYSTEM_*',
    'GOOGLE_API_KEY', 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_*', 'GOOGLE_GENAI_*', 'GOOGLE_GEMINI_BASE_URL', 'GOOGLE_VERTEX_BASE_URL', 'CLOUD_SHELL',
  ],
  launch,
  read: () => readEvents(new GeminiStream()),
  resumeCommand: (spec, sessionId) => [...spec.command, '--resume', sessionId],
};

function launch({ spec, work, prompt, resume }: LaunchRequest): Launch {
  const [command = 'gemini', ...leading] = spec.command;
  const args = [
    ...leading,
    '--output-format', 'stream-json',
    '--approval-mode', work.permissionMode ?? HEADLESS_APPROVAL_MODE,
    ...(work.model === null ? [] : ['--model', work.model]),
    ...(resume === null ? [] : ['--resume', resume]),
    ...spec.args,
    ...work.args,
  ];
  return { command, args, env: { ...ENVIRONMENT, ...spec.env }, stdin: prompt };
}

/** Enough for what is kept of an answer. */
const ANSWER_LENGTH = 64 * 1024;
/** Tools that a mode may lack. Any other one that is not there was made up by the model. */
const GATED_TOOLS = new Set(['write_file', 'replace', 'run_shell_command']);

class GeminiStream implements EventStream {
  sessionId: string | null = null;
  model: string | null = null;
  readonly costUsd = null;
  readonly turns = null;
  tokens: Tokens | null = null;
  limit: LimitEvent | null = null;
  result: ResultEvent | null = null;
  givenUp: ResultEvent | null = null;
  retrying: EventStream['retrying'] = null;
  readonly denials: string[] = [];
  readonly #tools = new Map<string, { readonly name: string; readonly what: string }>();
  #answer = '';
  #complaint = '';

  event(event: JsonObject): Progress {
    switch (textAt(event, 'type') ?? '') {
      case 'init':
        this.sessionId = textAt(event, 'session_id') ?? this.sessionId;
        this.model = textAt(event, 'model') ?? this.model;
        return null;
      case 'message':
        return textAt(event, 'role') === 'assistant' ? this.#say(textAt(event, 'content') ?? '') : null;
      case 'tool_use':
        return this.#call(event);
      case 'tool_result':
        return this.#called(event);
      case 'error':
        return firstLine(textAt(event, 'message') ?? '') || null;
      case 'result':
        return this.#finish(event);
      default:
        return null;
    }
  }

  /** Besides the requests that it repeats it prints warnings, stack traces, and why it could not begin. */
  stderr(line: string): Progress {
    const said = /^Attempt (\d+) failed(?: with (?:status )?(\d{3}|5xx)[^.]*)?(: )?(.*)$/.exec(line);
    if (said !== null) return this.#repeat(said);
    if (/^[A-Z]/.test(line) && !/^(Warning|YOLO|Ripgrep|Attempt|Loaded|Data collection)/.test(line)) this.#complaint ||= line;
    return null;
  }

  end(exit: Exit): void {
    if (exit.kind !== 'code' || exit.code === 0) return;
    if (this.result?.isError === true) {
      // It exits with the status, of which a byte is left.
      const status = exit.code >= 400 - 256 ? exit.code + 256 : null;
      this.result = { ...this.result, status: this.result.status ?? status };
    } else if (this.#complaint !== '') this.result = { isError: true, status: null, kinds: EXITS[exit.code] ?? [], text: this.#complaint };
  }

  #say(text: string): Progress {
    this.retrying = null;
    // It comes in pieces, of which only the whole is a text.
    if (this.#answer.length < ANSWER_LENGTH) this.#answer += text;
    return firstLine(text) || null;
  }

  #call(event: JsonObject): Progress {
    this.retrying = null;
    this.#answer = '';
    const name = textAt(event, 'tool_name') ?? 'a tool';
    const what = describeTool(name, objectAt(event, 'parameters'), null);
    this.#tools.set(textAt(event, 'tool_id') ?? '', { name, what });
    return what;
  }

  #called(event: JsonObject): Progress {
    const tool = this.#tools.get(textAt(event, 'tool_id') ?? '');
    const kind = textAt(objectAt(event, 'error'), 'type');
    const isRefused = kind === 'policy_violation' || (kind === 'tool_not_registered' && tool !== undefined && GATED_TOOLS.has(tool.name));
    if (!isRefused) return null;
    this.denials.push(tool?.what ?? 'a tool');
    return `refused: ${tool?.what ?? 'a tool'}`;
  }

  #repeat([, attempt = '', code, colon, rest = '']: RegExpExecArray): Progress {
    // With the words of the provider and no status it is a quota that this minute has used up.
    const status = code === '5xx' ? 500 : code !== undefined ? Number(code) : colon !== undefined ? 429 : null;
    const json = rest.indexOf('{');
    const said = failureOf(json === -1 ? rest : rest.slice(json));
    this.retrying = { status, kind: said.kinds[0] ?? 'error' };
    // It would go on for minutes. What is overloaded may be well again in a moment, who refuses is not.
    if (status === 429 || Number(attempt) >= 3) this.givenUp = { ...said, status, kinds: said.kinds.length === 0 && status === null ? ['server_error'] : said.kinds };
    return `${firstLine(said.text)}${status === null ? '' : ` (${status})`}: the client tries again`;
  }

  #finish(event: JsonObject): Progress {
    this.#count(objectAt(event, 'stats'));
    this.retrying = null;
    if (textAt(event, 'status') === 'success') {
      this.result = { isError: false, status: null, kinds: [], text: this.#answer };
      return null;
    }
    this.result = failureOf((textAt(objectAt(event, 'error'), 'message') ?? 'failed').replace(/^\[API Error: ([\s\S]*?)\](?:\nPlease wait[\s\S]*)?$/, '$1'));
    if (/daily quota/i.test(this.result.text)) this.limit = { resetsAt: null, kind: 'daily' };
    return firstLine(this.result.text);
  }

  #count(stats: JsonObject): void {
    const of = (key: string): number => numberAt(stats, key) ?? 0;
    // What it thought is part of the total only.
    const output = Math.max(of('output_tokens'), of('total_tokens') - of('input_tokens'));
    this.tokens = { input: of('input'), output, cacheRead: of('cached'), cacheWrite: 0 };
  }
}

/** Its own exit codes that say something. */
const EXITS: Readonly<Record<number, readonly string[]>> = { 41: ['authentication_failed'], 53: ['error_max_turns'] };

/** What its words and the provider's names mean. The first that fits. */
const MEANINGS: readonly (readonly [kind: string, words: RegExp])[] = [
  ['authentication_failed', /API_KEY_INVALID|UNAUTHENTICATED|PERMISSION_DENIED/],
  ['context_length_exceeded', /token count .*exceeds the maximum/],
  ['model_not_found', /is not found for API version|model .*not found/i],
  ['rate_limit', /RESOURCE_EXHAUSTED|exceeded your current quota|retry after \d/],
  ['server_error', /UNAVAILABLE|INTERNAL|^terminated$|fetch failed|socket|overloaded/i],
];

/** An error as the provider put it, or in the client's words. */
function failureOf(said: string): ResultEvent {
  const error = objectAt(parseObject(said) ?? {}, 'error');
  const text = textAt(error, 'message') ?? said;
  const names = [textAt(error, 'status'), ...objectsAt(error, 'details').map((detail) => textAt(detail, 'reason'))].filter((name) => name !== null);
  const meant = MEANINGS.find(([, words]) => words.test([...names, text].join(' ')));
  return { isError: true, status: numberAt(error, 'code'), kinds: meant === undefined ? [] : [meant[0]], text };
}
