// The adapter of Codex (`codex exec --json`): command line, stream, what its messages mean. Measured on 0.169.0 and 0.98.0.
// It tells no costs, statuses only in words, and of what its sandbox refused only a part.
import { firstLine } from '../lib/cut.ts';
import { numberAt, objectAt, objectsAt, parseObject, textAt, type JsonObject } from '../lib/json.ts';
import type { Tokens } from '../run/events.ts';
import { NEW_SESSION, type Adapter, type Launch, type LaunchRequest, type Progress } from './adapter.ts';
import { readEvents, type EventStream, type ResultEvent } from './facts.ts';
import { describeTool } from './progress.ts';
import { tokensSince } from './usage.ts';

// Edits and commands, inside the working directory and its temporary one only. It keeps even git's own directory of a
// worktree from being written: what is left is committed by orch.
const HEADLESS_SANDBOX = 'workspace-write';

export const codex: Adapter = {
  name: 'codex',
  provider: 'openai',
  capabilities: {
    model: true, maxTurns: false, allowedTools: false, effort: true, budget: false, resume: true, cost: false,
    permissionMode: ['read-only', 'workspace-write', 'danger-full-access'], readOnlyMode: 'read-only',
  },
  versions: { least: '0.98.0', measured: '0.169.0' },
  passEnv: ['OPENAI_*', 'AZURE_OPENAI_*', 'CODEX_API_KEY', 'CODEX_ACCESS_TOKEN', 'CODEX_HOME', 'CODEX_SQLITE_HOME', 'CODEX_CA_CERTIFICATE'],
  launch,
  read: (_, session = NEW_SESSION) => readEvents(new CodexStream(session.tokens)),
  resumeCommand: (spec, sessionId) => [...spec.command, 'resume', sessionId],
};

function launch({ spec, work, prompt, resume }: LaunchRequest): Launch {
  const [command = 'codex', ...leading] = spec.command;
  const args = [
    ...leading,
    'exec', '--json', '--skip-git-repo-check', '-c', 'check_for_update_on_startup=false',
    // As settings, which flags among the arguments of the user's own overrule.
    '-c', `sandbox_mode="${work.permissionMode ?? HEADLESS_SANDBOX}"`,
    ...(work.model === null ? [] : ['-m', work.model]),
    ...(work.effort === undefined ? [] : ['-c', `model_reasoning_effort="${work.effort}"`]),
    ...spec.args,
    ...work.args,
    ...(resume === null ? [] : ['resume', resume]),
    '-',
  ];
  return { command, args, env: { ...spec.env }, stdin: prompt };
}

class CodexStream implements EventStream {
  sessionId: string | null = null;
  readonly model = null;
  readonly costUsd = null;
  readonly turns = null;
  readonly limit = null;
  tokens: Tokens | null = null;
  sessionTokens: Tokens | null = null;
  result: ResultEvent | null = null;
  retrying: EventStream['retrying'] = null;
  isAnswered = false;
  readonly denials: string[] = [];
  readonly #before: Tokens | null;
  #answer = '';

  constructor(before: Tokens | null) {
    this.#before = before;
  }

  event(event: JsonObject): Progress {
    switch (textAt(event, 'type') ?? '') {
      case 'thread.started':
        this.sessionId = textAt(event, 'thread_id') ?? this.sessionId;
        return null;
      case 'item.started':
      case 'item.completed':
        return this.#item(objectAt(event, 'item'), event['type'] === 'item.started');
      case 'turn.completed':
        this.#count(objectAt(event, 'usage'));
        this.#finish({ isError: false, status: null, kinds: [], text: this.#answer });
        return null;
      case 'turn.failed':
        this.#finish(failureOf(textAt(objectAt(event, 'error'), 'message') ?? ''));
        return null;
      case 'error':
        return this.#trouble(textAt(event, 'message') ?? '');
      default:
        return null;
    }
  }

  stderr(line: string): Progress {
    return line.trim() === '' || /^Reading .* from stdin\.\.\.$/.test(line) ? null : line;
  }

  #item(item: JsonObject, isStart: boolean): Progress {
    const type = textAt(item, 'type');
    // Its warnings come as items, also those about retries.
    if (type === 'error') return isStart ? null : firstLine(textAt(item, 'message') ?? '');
    this.retrying = null;
    this.isAnswered = true;
    const what = describeItem(item);
    const isRefused = !isStart && wasRefused(item);
    if (isRefused && what !== null) this.denials.push(what);
    if (type === 'agent_message') {
      this.#answer = textAt(item, 'text') ?? this.#answer;
      return firstLine(this.#answer);
    }
    return isStart ? what : isRefused ? `refused: ${what ?? 'a tool'}` : null;
  }

  #count(usage: JsonObject): void {
    const of = (key: string): number => numberAt(usage, key) ?? 0;
    const [cacheRead, cacheWrite] = [of('cached_input_tokens'), of('cache_write_input_tokens')];
    // It counts for the whole thread, and what was cached as part of the input.
    this.sessionTokens = { input: Math.max(0, of('input_tokens') - cacheRead - cacheWrite), output: of('output_tokens'), cacheRead, cacheWrite };
    this.tokens = tokensSince(this.sessionTokens, this.#before);
  }

  #finish(result: ResultEvent): void {
    this.result = result;
    this.retrying = null;
  }

  /** An error is not the end: the client may go on, and then the turn says how it ended. */
  #trouble(message: string): Progress {
    if (message === '') return null;
    if (!message.startsWith('Reconnecting')) return firstLine(message);
    const { status, kinds } = failureOf(message);
    this.retrying = { status, kind: kinds[0] ?? 'error' };
    this.isAnswered = false;
    return `the client tries again: ${firstLine(message)}`;
  }
}

/** What its words mean, where nothing else says it. The first that fits. */
const MEANINGS: readonly (readonly [kind: string, words: RegExp])[] = [
  ['usage_limit_reached', /hit your usage limit/i],
  ['insufficient_quota', /quota exceeded|out of credits/i],
  ['authentication_failed', /missing environment variable|not logged in|log out and sign in again|sign in again|invalid api key/i],
  ['model_not_found', /model .*does not exist|do not have access to (it|the model)|model is not supported/i],
  ['rate_limit', /rate limit|too many requests/i],
  ['overloaded', /at capacity|high demand|overloaded|stream disconnected|error sending request|connection (refused|reset|closed|failed)|timeout|timed out/i],
];

function failureOf(message: string): ResultEvent {
  const body = objectAt(parseObject(message) ?? {}, 'error');
  const text = textAt(body, 'message') ?? message;
  const status = /(?:last|unexpected) status:? (\d{3})/.exec(text)?.[1];
  const named = [textAt(body, 'code'), textAt(body, 'type')].filter((name) => name !== null);
  const meant = MEANINGS.find(([, words]) => words.test(text));
  return { isError: true, status: status === undefined ? null : Number(status), kinds: [...named, ...(meant === undefined ? [] : [meant[0]])], text };
}

/** Its sandbox lets a command fail, if it does not keep quiet about it altogether. */
function wasRefused(item: JsonObject): boolean {
  const status = textAt(item, 'status');
  return status === 'declined' || (status === 'failed' && /Read-only file system/.test(textAt(item, 'aggregated_output') ?? ''));
}

/** A tool call in a few words; null for what is none. */
function describeItem(item: JsonObject): string | null {
  switch (textAt(item, 'type') ?? '') {
    case 'command_execution':
      return describeTool('Bash', { command: withoutShell(textAt(item, 'command') ?? '') }, null);
    case 'file_change':
      return describeTool('Edit', { path: objectsAt(item, 'changes').map((change) => textAt(change, 'path') ?? '').join(', ') }, null);
    case 'mcp_tool_call':
      return describeTool(`${textAt(item, 'server') ?? 'mcp'}.${textAt(item, 'tool') ?? 'tool'}`, {}, null);
    case 'web_search':
      return describeTool('Search', { query: textAt(item, 'query') ?? '' }, null);
    default:
      return null;
  }
}

/** Every command is one of a login shell; people know that. */
function withoutShell(command: string): string {
  const inner = /^\S*sh -lc (['"])(.*)\1$/s.exec(command);
  return inner?.[2] ?? command;
}
