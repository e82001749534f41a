// The Responses API on loopback, as scripted: `POST <url>/s/<scenario>/v1/responses`, for the clients that speak it.
import type { ServerResponse } from 'node:http';
import { objectsAt, textAt, type JsonObject } from '../../src/lib/json.ts';
import { sendEvents, sendJson, startFakeApi, type ApiRequest, type FakeApi } from './fake-api.ts';

/** What the model does next: something with a tool that the client offers, a text, or something that is not an answer at all. */
type Reply =
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'write'; readonly file: string; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly status: number; readonly error: JsonObject; readonly headers?: Readonly<Record<string, string>> }
  /** An answer that begins, and then is a failure. */
  | { readonly kind: 'failed'; readonly error: JsonObject }
  /** The connection breaks in the middle of an answer. */
  | { readonly kind: 'cut' }
  /** The answer begins and never ends. */
  | { readonly kind: 'hang' };

interface Turn {
  /** Tool results since the last prompt. */
  readonly results: number;
  /** Prompts of the whole conversation that a person wrote. */
  readonly prompts: number;
  /** Requests of this scenario before this one. */
  readonly before: number;
}

const done: Reply = { kind: 'text', text: 'All done.' };
const write: Reply = { kind: 'write', file: 'hello.txt', text: 'hello from the fake model' };
const error = (status: number, code: string, message: string, more: { readonly headers?: Readonly<Record<string, string>>; readonly error?: JsonObject } = {}): Reply =>
  ({ kind: 'error', status, error: { message, type: code, param: null, code, ...more.error }, headers: more.headers ?? {} });
const tooMany = (headers: Readonly<Record<string, string>>): Reply => error(429, 'rate_limit_exceeded', 'Rate limit reached for requests.', { headers });
/** When the invented usage limit is over, in seconds since the epoch. */
export const LIMIT_RESETS_AT = 4_102_444_800;
const usageLimit = (headers: Readonly<Record<string, string>>): Reply => error(429, 'usage_limit_reached', 'The usage limit has been reached', { headers, error: { plan_type: 'pro', resets_at: LIMIT_RESETS_AT } });

const SCENARIOS = {
  /** Writes hello.txt into the working directory. */
  write: ({ results }: Turn) => (results === 0 ? write : done),
  /** Wants to run a command that would change something, and is content with the refusal. */
  deny: ({ results }: Turn) => (results === 0 ? { kind: 'command', command: 'chmod 755 README.md' } as const : done),
  /** A command that does not end; once it runs there is a file `running` with its pid. */
  command: ({ results }: Turn) => (results === 0 ? { kind: 'command', command: 'echo $$ > running.tmp && mv running.tmp running && tail -f /dev/null' } as const : done),
  /** Says how many prompts the conversation has had, having written a file in the first. */
  count: ({ prompts, results }: Turn): Reply => (prompts === 1 && results === 0 ? write : { kind: 'text', text: `prompt ${prompts}` }),
  'limit-text': (): Reply => ({ kind: 'text', text: "I would say: You've hit your usage limit. Try again at 8:36 AM." }),
  '400': () => error(400, 'invalid_request_error', 'The model was given nonsense.'),
  '401': () => error(401, 'invalid_api_key', 'Incorrect API key provided.'),
  '403': () => error(403, 'permission_denied', 'Your project may not do this.'),
  '404': () => error(404, 'model_not_found', 'The model `nonesuch` does not exist or you do not have access to it.'),
  '429': () => tooMany({}),
  '429-now': () => tooMany({ 'retry-after': '0' }),
  '429-wait': () => tooMany({ 'retry-after': '3600' }),
  /** Too many once, then well. */
  '429-soon': ({ results, before }: Turn) => (before === 0 ? tooMany({ 'retry-after': '1' }) : results === 0 ? write : done),
  quota: () => error(429, 'insufficient_quota', 'You exceeded your current quota, please check your plan and billing details.'),
  'usage-limit': () => usageLimit({}),
  'usage-limit-now': () => usageLimit({ 'retry-after': '0' }),
  '500': () => error(500, 'server_error', 'The server had an error while processing your request.'),
  '503': () => error(503, 'server_is_overloaded', 'Our servers are currently overloaded. Please try again later.'),
  context: (): Reply => ({ kind: 'failed', error: { code: 'context_length_exceeded', message: 'Your input exceeds the context window of this model. Please adjust your input and try again.' } }),
  /** Writes, and then is told no. */
  'write-429': ({ results }: Turn) => (results === 0 ? write : tooMany({})),
  cut: (): Reply => ({ kind: 'cut' }),
  hang: (): Reply => ({ kind: 'hang' }),
} as const satisfies Record<string, (turn: Turn) => Reply>;
export type Scenario = keyof typeof SCENARIOS;

/** Starts the server on a free port of 127.0.0.1. A client's base URL is `<url(scenario)>/v1`. */
export async function startFakeResponses(): Promise<FakeApi<Scenario>> {
  const api: FakeApi<Scenario> = await startFakeApi<Scenario>((request, response) => {
    if (request.method !== 'POST' || request.path !== '/v1/responses' || !Object.hasOwn(SCENARIOS, request.scenario)) {
      sendJson(response, 404, { error: { message: 'no such scenario', type: 'invalid_request_error' } });
      return;
    }
    const scenario = request.scenario as Scenario;
    answer(response, SCENARIOS[scenario](turnOf(request, api.requestsOf(scenario).length - 1)), request.body);
  });
  return api;
}

function turnOf({ body }: ApiRequest, before: number): Turn {
  let results = 0;
  let prompts = 0;
  for (const item of objectsAt(body, 'input')) {
    if (textAt(item, 'type') === 'function_call_output' || textAt(item, 'type') === 'custom_tool_call_output') results += 1;
    // What clients add of their own is in tags.
    const said = typeof item['content'] === 'string' ? item['content'] : objectsAt(item, 'content').map((part) => textAt(part, 'text') ?? '').join('');
    if (textAt(item, 'role') !== 'user' || /^\s*(<(?!current_datetime)|# AGENTS)/.test(said)) continue;
    prompts += 1;
    results = 0;
  }
  return { results, prompts, before };
}

function answer(response: ServerResponse, reply: Reply, body: JsonObject): void {
  if (reply.kind === 'error') {
    sendJson(response, reply.status, { error: reply.error }, reply.headers);
    return;
  }
  const send = sendEvents(response);
  const id = `resp_${Math.random().toString(36).slice(2)}`;
  const model = textAt(body, 'model') ?? 'unknown';
  send({ type: 'response.created', response: { id, object: 'response', status: 'in_progress', model, output: [] } });
  if (reply.kind === 'hang') return;
  if (reply.kind === 'failed') {
    send({ type: 'response.failed', response: { id, status: 'failed', error: reply.error } });
    response.end();
    return;
  }
  const item = itemOf(reply, objectsAt(body, 'tools').map((tool) => textAt(tool, 'name') ?? ''));
  send({ type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', ...(item['type'] === 'message' ? { content: [] } : { arguments: '' }) } });
  if (reply.kind === 'cut') {
    setImmediate(() => response.destroy());
    return;
  }
  if (reply.kind === 'text') send({ type: 'response.output_text.delta', item_id: item['id'], output_index: 0, content_index: 0, delta: reply.text });
  else send({ type: 'response.function_call_arguments.done', item_id: item['id'], output_index: 0, arguments: item['arguments'] });
  send({ type: 'response.output_item.done', output_index: 0, item });
  const usage = { input_tokens: 1200, input_tokens_details: { cached_tokens: 200 }, output_tokens: 40, output_tokens_details: { reasoning_tokens: 10 }, total_tokens: 1240 };
  send({ type: 'response.completed', response: { id, object: 'response', status: 'completed', model, output: [item], usage } });
  response.end();
}

/** The reply as an item of the answer, with whichever tool the client has for it. */
function itemOf(reply: Extract<Reply, { kind: 'command' | 'write' | 'text' | 'cut' }>, tools: readonly string[]): JsonObject {
  const id = Math.random().toString(36).slice(2);
  const call = (name: string, input: JsonObject): JsonObject => ({ type: 'function_call', id: `fc_${id}`, call_id: `call_${id}`, name, arguments: JSON.stringify(input), status: 'completed' });
  const shell = (command: string): JsonObject => (tools.includes('exec_command') ? call('exec_command', { cmd: command }) : call('bash', { command, description: 'Run it' }));
  switch (reply.kind) {
    case 'command':
      return shell(reply.command);
    case 'write':
      return tools.includes('create') ? call('create', { path: reply.file, file_text: `${reply.text}\n` }) : shell(`echo '${reply.text}' > ${reply.file}`);
    default:
      return { type: 'message', id: `msg_${id}`, role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: reply.kind === 'text' ? reply.text : '', annotations: [] }] };
  }
}
