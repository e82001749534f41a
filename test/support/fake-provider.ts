// A model provider on loopback that speaks the Anthropic Messages API, as scripted. The scenario is part of the base URL
// (`<url>/s/<scenario>`), so that one server serves many clients at once. Every request is recorded.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isObject, objectsAt, parseObject, textAt, type JsonObject } from '../../src/lib/json.ts';

export interface RecordedRequest {
  readonly scenario: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: JsonObject;
}

export interface FakeProvider {
  /** Base URL of a scenario, for ANTHROPIC_BASE_URL. */
  url(scenario: string): string;
  readonly requests: readonly RecordedRequest[];
  requestsOf(scenario: string): readonly RecordedRequest[];
  /** Resolves when this scenario has had so many requests. */
  reached(scenario: string, count: number): Promise<void>;
  close(): Promise<void>;
}

/** What the model does next: a tool call, a text, or something that is not an answer at all. */
export type Reply =
  | { readonly kind: 'tool'; readonly name: string; readonly input: JsonObject }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly status: number; readonly type: string; readonly message: string; readonly headers?: Readonly<Record<string, string>> }
  /** The connection breaks in the middle of an answer. */
  | { readonly kind: 'cut' }
  /** The answer begins and never ends. */
  | { readonly kind: 'hang' };

export interface Turn {
  readonly model: string;
  /** The last prompt. */
  readonly prompt: string;
  /** The client's working directory, as it tells the model. */
  readonly cwd: string;
  /** Tool results since the last prompt. */
  readonly results: number;
  /** Prompts of the whole conversation. */
  readonly prompts: number;
}

/** A scenario of a test's own; it may take its time. */
export type Script = (turn: Turn) => Reply | Promise<Reply>;

const done: Reply = { kind: 'text', text: 'All done.' };
export const error = (status: number, type: string, message: string, headers: Readonly<Record<string, string>> = {}): Reply => ({ kind: 'error', status, type, message, headers });
export const tool = (name: string, input: JsonObject): Reply => ({ kind: 'tool', name, input });
/** When the invented usage limit is over, in seconds since the epoch. */
export const LIMIT_RESETS_AT = 4_102_444_800;

const SCENARIOS = {
  /** Writes hello.txt into the working directory. */
  write: ({ cwd, results }: Turn) => (results === 0 ? tool('Write', { file_path: `${cwd}/hello.txt`, content: 'hello from the fake model\n' }) : done),
  /** Wants to write where it may not, and is content with the refusal. */
  deny: ({ cwd, results }: Turn) => (results === 0 ? tool('Write', { file_path: `${cwd}-elsewhere/hello.txt`, content: 'outside\n' }) : done),
  /** A command that does not end; once it runs there is a file `running` with its pid. */
  command: ({ results }: Turn) => (results === 0 ? tool('Bash', { command: 'echo $$ > running.tmp && mv running.tmp running && tail -f /dev/null', description: 'Wait' }) : done),
  /** Never has enough. */
  turns: ({ cwd, results }: Turn) => tool('Write', { file_path: `${cwd}/turn-${results}.txt`, content: `${results}\n` }),
  /** Says how many prompts the conversation has had. */
  count: ({ prompts }: Turn): Reply => ({ kind: 'text', text: `prompt ${prompts}` }),
  nothing: () => done,
  'limit-text': (): Reply => ({ kind: 'text', text: 'I would say: Claude AI usage limit reached|1795165550' }),
  '400-billing': () => error(400, 'invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'),
  '401': () => error(401, 'authentication_error', 'invalid x-api-key'),
  '403': () => error(403, 'permission_error', 'Your account may not do this.'),
  '404': () => error(404, 'not_found_error', 'model: nonesuch'),
  '429': () => error(429, 'rate_limit_error', 'Number of requests has exceeded your rate limit.', { 'retry-after': '0' }),
  '429-wait': () => error(429, 'rate_limit_error', 'Number of requests has exceeded your rate limit.', { 'retry-after': '3600' }),
  'usage-limit': () =>
    error(429, 'rate_limit_error', "This request would exceed your account's rate limit.", {
      'anthropic-ratelimit-unified-status': 'rejected', 'anthropic-ratelimit-unified-reset': String(LIMIT_RESETS_AT), 'anthropic-ratelimit-unified-representative-claim': 'five_hour',
    }),
  '500': () => error(500, 'api_error', 'Internal server error'),
  '529': () => error(529, 'overloaded_error', 'Overloaded'),
  cut: (): Reply => ({ kind: 'cut' }),
  hang: (): Reply => ({ kind: 'hang' }),
} as const satisfies Record<string, (turn: Turn) => Reply>;
export type Scenario = keyof typeof SCENARIOS;

/** Starts the server on a free port of 127.0.0.1. */
export async function startFakeProvider(scripts: Readonly<Record<string, Script>> = {}): Promise<FakeProvider> {
  const scenarios: Readonly<Record<string, Script>> = { ...SCENARIOS, ...scripts };
  const requests: RecordedRequest[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    void handle(request, response, {
      scenarios,
      record: (recorded) => {
        requests.push(recorded);
        for (const look of waiting) look();
      },
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const requestsOf = (scenario: string): readonly RecordedRequest[] => requests.filter((request) => request.scenario === scenario);
  return {
    url: (scenario) => `http://127.0.0.1:${port}/s/${scenario}`,
    requests,
    requestsOf,
    reached: (scenario, count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (requestsOf(scenario).length >= count) resolve();
        };
        waiting.push(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, { scenarios, record }: { scenarios: Readonly<Record<string, Script>>; record: (request: RecordedRequest) => void }): Promise<void> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const [, scenario = '', rest = ''] = /^\/s\/([^/]+)(\/[^?]*)?/.exec(request.url ?? '') ?? [];
  const body = parseObject(text) ?? {};
  record({ scenario, method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
  const script = Object.hasOwn(scenarios, scenario) ? scenarios[scenario] : undefined;
  if (request.method !== 'POST' || rest !== '/v1/messages' || script === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"type":"error","error":{"type":"not_found_error","message":"no such scenario"}}');
    return;
  }
  answer(response, await script(turnOf(body)), textAt(body, 'model') ?? 'unknown');
}

function turnOf(body: JsonObject): Turn {
  const messages = objectsAt(body, 'messages');
  const cwd = /working directory: ((?:[^"\\]|\\\\)+)/i.exec(JSON.stringify(body))?.[1] ?? '/nowhere';
  let results = 0;
  let prompts = 0;
  let prompt = '';
  for (const message of messages) {
    if (textAt(message, 'role') !== 'user') continue;
    const found = objectsAt(message, 'content').filter((block) => isObject(block) && block['type'] === 'tool_result').length;
    if (found > 0) results += found;
    else {
      prompts += 1;
      results = 0;
      prompt = objectsAt(message, 'content').map((block) => textAt(block, 'text') ?? '').join('\n');
    }
  }
  return { cwd, results, prompts, prompt, model: textAt(body, 'model') ?? 'unknown' };
}

function answer(response: ServerResponse, reply: Reply, model: string): void {
  if (reply.kind === 'error') {
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(JSON.stringify({ type: 'error', error: { type: reply.type, message: reply.message } }));
    return;
  }
  const send = (event: { readonly type: string } & JsonObject): void => {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const usage = { input_tokens: 1000, cache_creation_input_tokens: 200, cache_read_input_tokens: 3000, output_tokens: 1 };
  send({ type: 'message_start', message: { id: `msg_${Math.random().toString(36).slice(2)}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage } });
  if (reply.kind === 'hang') return;
  if (reply.kind === 'cut') {
    send({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } });
    send({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'I was about to say' } });
    setImmediate(() => response.destroy());
    return;
  }
  const isTool = reply.kind === 'tool';
  const block = isTool ? { type: 'tool_use', id: `toolu_${Math.random().toString(36).slice(2)}`, name: reply.name, input: {} } : { type: 'text', text: '' };
  send({ type: 'content_block_start', index: 0, content_block: block });
  send({ type: 'content_block_delta', index: 0, delta: isTool ? { type: 'input_json_delta', partial_json: JSON.stringify(reply.input) } : { type: 'text_delta', text: reply.text } });
  send({ type: 'content_block_stop', index: 0 });
  send({ type: 'message_delta', delta: { stop_reason: isTool ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { output_tokens: 50 } });
  send({ type: 'message_stop' });
  response.end();
}
