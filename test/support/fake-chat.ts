// The Chat Completions API on loopback, as scripted: `POST <url>/s/<scenario>/v1/chat/completions`, streaming.
import type { ServerResponse } from 'node:http';
import { objectsAt, textAt, type JsonObject } from '../../src/lib/json.ts';
import { sendEvents, sendJson, startFakeApi, type FakeApi } from './fake-api.ts';

/** What the model does next: a tool call, a text, or something that is not an answer at all. */
type Reply =
  | { readonly kind: 'tool'; readonly name: string; readonly input: JsonObject }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly status: number; readonly type: string; readonly code: string | null; readonly message: string; readonly headers?: Readonly<Record<string, string>> }
  /** The connection breaks in the middle of an answer. */
  | { readonly kind: 'cut' };

interface Turn {
  /** Tool results since the last prompt. */
  readonly results: number;
  /** Prompts of the whole conversation. */
  readonly prompts: number;
  /** Requests of this scenario before this one, without those for a title. */
  readonly before: number;
}

const done: Reply = { kind: 'text', text: 'All done.' };
const bash = (command: string): Reply => ({ kind: 'tool', name: 'bash', input: { command, description: 'As told' } });
const error = (status: number, type: string, code: string | null, message: string, headers: Readonly<Record<string, string>> = {}): Reply => ({ kind: 'error', status, type, code, message, headers });
const RATE = 'Rate limit reached for fake-1 on requests per min (RPM): Limit 3, Used 3, Requested 1.';
const write = bash('echo hello from the fake model > hello.txt');

// Those that no test runs are what recordings were made of.
const SCENARIOS = {
  write: ({ results }: Turn) => (results === 0 ? write : done),
  /** A command that does not end; once it runs there is a file `running` with its pid. */
  command: ({ results }: Turn) => (results === 0 ? bash('echo $$ > running.tmp && mv running.tmp running && tail -f /dev/null') : done),
  count: ({ prompts }: Turn): Reply => ({ kind: 'text', text: `prompt ${prompts}` }),
  'limit-text': (): Reply => ({ kind: 'text', text: 'I would say: usage limit reached, insufficient_quota' }),
  '400-context': () => error(400, 'invalid_request_error', 'context_length_exceeded', "This model's maximum context length is 100000 tokens."),
  '401': () => error(401, 'invalid_request_error', 'invalid_api_key', 'Incorrect API key provided: d.'),
  '403': () => error(403, 'invalid_request_error', null, 'Your account may not do this.'),
  '404': () => error(404, 'invalid_request_error', 'model_not_found', 'The model `fake-1` does not exist or you do not have access to it.'),
  '429': () => error(429, 'requests', 'rate_limit_exceeded', RATE),
  '429-wait': () => error(429, 'requests', 'rate_limit_exceeded', RATE, { 'retry-after': '3600' }),
  /** The first request fails, and the next ones do not. */
  '429-once': ({ before, results }: Turn) => (before === 0 ? error(429, 'requests', 'rate_limit_exceeded', RATE, { 'retry-after': '1' }) : results === 0 ? write : done),
  'usage-limit': () => error(429, 'UsageLimitError', null, 'Usage limit reached. It resets in 3 hours.', { 'retry-after': '10800' }),
  billing: () => error(429, 'insufficient_quota', 'insufficient_quota', 'You exceeded your current quota, please check your plan and billing details.'),
  '503': () => error(503, 'server_error', null, 'The engine is currently overloaded, please try again later.'),
  cut: (): Reply => ({ kind: 'cut' }),
} as const satisfies Record<string, (turn: Turn) => Reply>;
export type ChatScenario = keyof typeof SCENARIOS;

/** Starts the server; the base URL with `/v1` behind it is a provider's. */
export async function startFakeChat(): Promise<FakeApi<ChatScenario>> {
  const begun = new Map<string, number>();
  return await startFakeApi<ChatScenario>(({ scenario, path, body }, response) => {
    if (path !== '/v1/chat/completions' || !Object.hasOwn(SCENARIOS, scenario)) return sendJson(response, 404, { error: { message: 'no such scenario', type: 'invalid_request_error', code: null } });
    const model = textAt(body, 'model') ?? 'unknown';
    // Clients that name their sessions ask a model for the name.
    if (/title generator/i.test(JSON.stringify(objectsAt(body, 'messages')[0] ?? {}))) return answer(response, { kind: 'text', text: 'A title' }, model);
    const before = begun.get(scenario) ?? 0;
    begun.set(scenario, before + 1);
    answer(response, SCENARIOS[scenario as ChatScenario]({ ...turnOf(body), before }), model);
  });
}

function turnOf(body: JsonObject): Omit<Turn, 'before'> {
  let results = 0;
  let prompts = 0;
  for (const message of objectsAt(body, 'messages')) {
    const role = textAt(message, 'role');
    if (role === 'tool') results += 1;
    if (role !== 'user') continue;
    prompts += 1;
    results = 0;
  }
  return { results, prompts };
}

function answer(response: ServerResponse, reply: Reply, model: string): void {
  if (reply.kind === 'error') {
    const { status, type, code, message, headers = {} } = reply;
    return sendJson(response, status, { error: { message, type, param: null, code } }, headers);
  }
  const send = sendEvents(response);
  const id = `chatcmpl-${Math.random().toString(36).slice(2)}`;
  const chunk = (delta: JsonObject, finish: string | null = null): void => send({ id, object: 'chat.completion.chunk', created: 1, model, choices: [{ index: 0, delta, finish_reason: finish }] });
  chunk({ role: 'assistant', content: '' });
  if (reply.kind === 'cut') {
    chunk({ content: 'I was about to say' });
    setImmediate(() => response.destroy());
    return;
  }
  if (reply.kind === 'text') chunk({ content: reply.text });
  else chunk({ tool_calls: [{ index: 0, id: `call_${Math.random().toString(36).slice(2)}`, type: 'function', function: { name: reply.name, arguments: JSON.stringify(reply.input) } }] });
  chunk({}, reply.kind === 'tool' ? 'tool_calls' : 'stop');
  send({ id, object: 'chat.completion.chunk', created: 1, model, choices: [], usage: { prompt_tokens: 1200, completion_tokens: 30, total_tokens: 1230, prompt_tokens_details: { cached_tokens: 200 } } });
  send('[DONE]');
  response.end();
}
