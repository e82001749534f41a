// The adapter of Copilot CLI (`copilot --output-format json`): command line, stream, what its errors mean. Measured on
// 1.0.102 and 1.0.83. It counts in premium requests, which are no money; tokens it writes to a file.
import { firstLine } from '../lib/cut.ts';
import { isObject, numberAt, objectAt, parseObject, textAt, type JsonObject } from '../lib/json.ts';
import type { Tokens } from '../run/events.ts';
import { NEW_SESSION, type Adapter, type Launch, type LaunchRequest, type Progress, type Session } from './adapter.ts';
import { readEvents, type EventStream, type LimitEvent, type ResultEvent } from './facts.ts';
import { describeTool } from './progress.ts';
import { addTokens, NO_TOKENS, tokensSince } from './usage.ts';

// A newer version that the client has downloaded by itself would run instead of the one that was asked for its version.
const ENVIRONMENT: Readonly<Record<string, string>> = { COPILOT_AUTO_UPDATE: 'false' };

/** Its modes are flags. Without any it is refused everything that it would have to ask a person for. */
const MODES: Readonly<Record<string, readonly string[]>> = {
  'read-only': [],
  plan: ['--plan'],
  'allow-write': ['--allow-tool=write'],
  'allow-all-tools': ['--allow-all-tools'],
  'allow-all': ['--allow-all'],
};
// Edits, and no command that it would have to ask for: as little as claude may.
const HEADLESS_MODE = 'allow-write';

export const copilot: Adapter = {
  name: 'copilot',
  provider: 'github',
  capabilities: { model: true, maxTurns: false, allowedTools: true, effort: false, budget: false, resume: true, cost: false, permissionMode: Object.keys(MODES), readOnlyMode: 'read-only' },
  versions: { least: '1.0.83', measured: '1.0.102', env: ENVIRONMENT },
  passEnv: ['COPILOT_*', 'GH_TOKEN', 'GITHUB_TOKEN', 'GH_HOST'],
  launch,
  read: (_, session = NEW_SESSION) => readEvents(new CopilotStream(session)),
  resumeCommand: (spec, sessionId) => [...spec.command, `--resume=${sessionId}`],
};

function launch({ spec, work, prompt, reportFile, newSessionId, resume }: LaunchRequest): Launch {
  const [command = 'copilot', ...leading] = spec.command;
  const args = [
    ...leading,
    '--output-format', 'json', '--no-auto-update', '--no-ask-user', '--usage-output-file', reportFile,
    ...(work.model === null ? [] : ['--model', work.model]),
    ...(MODES[work.permissionMode ?? HEADLESS_MODE] ?? []),
    ...work.allowedTools.map((tool) => `--allow-tool=${tool}`),
    resume === null ? `--session-id=${newSessionId}` : `--resume=${resume}`,
    ...spec.args,
    ...work.args,
  ];
  return { command, args, env: { ...ENVIRONMENT, ...spec.env }, stdin: prompt };
}

class CopilotStream implements EventStream {
  sessionId: string | null = null;
  model: string | null = null;
  readonly costUsd = null;
  turns: number | null = null;
  limit: LimitEvent | null = null;
  tokens: Tokens | null = null;
  sessionTokens: Tokens | null = null;
  result: ResultEvent | null = null;
  retrying: EventStream['retrying'] = null;
  readonly #session: Session;
  readonly #calls = new Map<string, string>();
  readonly #denials = new Map<string, string>();
  #answer = '';
  /** The failure that nothing has come after. */
  #failure: ResultEvent | null = null;

  constructor(session: Session) {
    this.#session = session;
  }

  get denials(): readonly string[] {
    return [...this.#denials.values()];
  }

  event(event: JsonObject): Progress {
    const data = objectAt(event, 'data');
    switch (textAt(event, 'type') ?? '') {
      case 'user.message':
        // Only its last event has the name of the session, and there is none when it is killed.
        this.sessionId ??= this.#session.id;
        return null;
      case 'assistant.turn_start':
        this.turns = (this.turns ?? 0) + 1;
        return null;
      case 'assistant.message':
        return this.#message(data);
      case 'model.call_failure':
        return this.#callFailed(data);
      case 'tool.execution_start':
        return this.#call(data);
      case 'tool.execution_complete':
        return this.#called(data);
      case 'session.error':
        this.#failure = errorOf(data, this.retrying?.kind ?? null);
        return firstLine(this.#failure.text);
      case 'abort':
      case 'agent.interrupted':
        // Told to stop by a signal, it ends with exit code 0.
        this.#failure ??= { isError: true, status: null, kinds: [], text: 'was interrupted' };
        return null;
      case 'result':
        this.#finish(event);
        return null;
      default:
        return null;
    }
  }

  /** What it wrote to the file that it was given, for the whole session. */
  report(text: string): void {
    const models = Object.values(objectAt(parseObject(text) ?? {}, 'modelMetrics')).filter(isObject);
    if (models.length === 0) return;
    const used = models.map((metrics): Tokens => {
      const of = (key: string): number => numberAt(objectAt(metrics, 'usage'), key) ?? 0;
      const [cacheRead, cacheWrite] = [of('cacheReadTokens'), of('cacheWriteTokens')];
      // What was cached is a part of its input.
      return { input: Math.max(0, of('inputTokens') - cacheRead - cacheWrite), output: of('outputTokens'), cacheRead, cacheWrite };
    });
    this.sessionTokens = used.reduce(addTokens, NO_TOKENS);
    this.tokens = tokensSince(this.sessionTokens, this.#session.tokens);
  }

  #message(data: JsonObject): Progress {
    [this.retrying, this.#failure, this.limit] = [null, null, null];
    this.model = textAt(data, 'model') ?? this.model;
    const said = textAt(data, 'content');
    this.#answer = said ?? this.#answer;
    return said === null ? null : firstLine(said);
  }

  #callFailed(data: JsonObject): Progress {
    const status = numberAt(data, 'statusCode');
    const kind = textAt(data, 'errorCode') ?? textAt(data, 'errorType') ?? textAt(data, 'failureKind') ?? 'error';
    this.retrying = { status, kind };
    const seconds = numberAt(parseObject(textAt(data, 'errorMessage') ?? '') ?? {}, 'resets_at');
    if (seconds !== null) this.limit = { resetsAt: seconds * 1000, kind };
    return `${kind} (${status ?? 'no answer'}): a request failed`;
  }

  #call(data: JsonObject): Progress {
    const what = describeTool(textAt(data, 'toolName') ?? 'a tool', objectAt(data, 'arguments'), null);
    this.#calls.set(textAt(data, 'toolCallId') ?? '', what);
    return what;
  }

  #called(data: JsonObject): Progress {
    const id = textAt(data, 'toolCallId') ?? '';
    const what = this.#calls.get(id) ?? 'a tool';
    this.#calls.delete(id);
    if (textAt(objectAt(data, 'error'), 'code') !== 'denied') return null;
    this.#denials.set(id, what);
    return `refused: ${what}`;
  }

  #finish(event: JsonObject): void {
    this.sessionId = textAt(event, 'sessionId') ?? this.sessionId;
    const code = numberAt(event, 'exitCode');
    const failed: ResultEvent = this.#failure ?? { isError: true, status: null, kinds: [], text: `the client ended with ${code ?? 'no code'}` };
    this.result = code === 0 && this.#failure === null ? { isError: false, status: null, kinds: [], text: this.#answer } : failed;
    this.retrying = null;
  }
}

const KINDS: Readonly<Record<string, string>> = { authentication: 'authentication_failed', rate_limit: 'rate_limit', quota: 'usage_limit_reached' };

/** `cause`: what the provider called the failure of the last request. */
function errorOf(data: JsonObject, cause: string | null): ResultEvent {
  const text = textAt(data, 'message') ?? 'an error without a message';
  const kind = KINDS[textAt(data, 'errorType') ?? ''];
  const isBroken = /Failed to get response from the AI model/.test(text) && numberAt(data, 'statusCode') === null;
  return { isError: true, status: numberAt(data, 'statusCode'), kinds: [kind, cause, isBroken ? 'server_error' : null].filter((each) => each != null), text };
}
