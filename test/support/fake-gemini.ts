// The Gemini API on loopback, as scripted: `POST <url>/s/<scenario>/v1beta/models/<model>:streamGenerateContent`.
import type { ServerResponse } from 'node:http';
import { objectsAt, textAt, type JsonObject } from '../../src/lib/json.ts';
import { sendEvents, sendJson, startFakeApi, type ApiRequest, type FakeApi } from './fake-api.ts';

/** What the model does next: a tool call, a text, or something that is not an answer at all. */
type Reply =
  | { readonly kind: 'tool'; readonly name: string; readonly args: JsonObject }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly code: number; readonly status: string; readonly message: string; readonly details?: readonly JsonObject[] }
  /** The connection breaks in the middle of an answer. */
  | { readonly kind: 'cut' };

interface Turn {
  /** Tool results since the last prompt. */
  readonly results: number;
  /** Prompts of the whole conversation that a person wrote. */
  readonly prompts: number;
  /** Requests of this scenario before this one. */
  readonly before: number;
}

const DETAIL = 'type.googleapis.com/google.rpc.';
const done: Reply = { kind: 'text', text: 'All done.' };
const tool = (name: string, args: JsonObject): Reply => ({ kind: 'tool', name, args });
const error = (code: number, status: string, message: string, ...details: readonly JsonObject[]): Reply => ({ kind: 'error', code, status, message, details });
const retryIn = (seconds: number): JsonObject => ({ '@type': `${DETAIL}RetryInfo`, retryDelay: `${seconds}s` });
const quota = (id: string): JsonObject => ({ '@type': `${DETAIL}QuotaFailure`, violations: [{ quotaMetric: 'generativelanguage.googleapis.com/generate_content_requests', quotaId: id, quotaValue: '3' }] });
const EXHAUSTED = 'You exceeded your current quota, please check your plan and billing details.';
const write: Reply = tool('write_file', { file_path: 'hello.txt', content: 'hello from the fake model\n' });

// Those that no test runs are what recordings were made of.
const SCENARIOS = {
  write: ({ results }: Turn) => (results === 0 ? write : done),
  /** Wants a shell, and is content with the refusal. */
  deny: ({ results }: Turn) => (results === 0 ? tool('run_shell_command', { command: 'echo no > no.txt', description: 'no' }) : done),
  /** A command that does not end; once it runs there is a file `running` with its pid. */
  command: ({ results }: Turn) => (results === 0 ? tool('run_shell_command', { command: 'echo $$ > running.tmp && mv running.tmp running && tail -f /dev/null', description: 'Wait' }) : done),
  count: ({ prompts }: Turn): Reply => ({ kind: 'text', text: `prompt ${prompts}` }),
  nothing: () => done,
  'limit-text': (): Reply => ({ kind: 'text', text: 'I would say: usage limit reached, [API Error: You have exhausted your daily quota on this model.]' }),
  '400-key': () => error(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', { '@type': `${DETAIL}ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com' }),
  '400-context': () => error(400, 'INVALID_ARGUMENT', 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'),
  '401': () => error(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
  '403': () => error(403, 'PERMISSION_DENIED', 'Your project has been denied access.'),
  '404': () => error(404, 'NOT_FOUND', 'models/nonesuch is not found for API version v1beta.'),
  '429': () => error(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'),
  '429-wait': () => error(429, 'RESOURCE_EXHAUSTED', EXHAUSTED, quota('GenerateRequestsPerMinutePerProjectPerModel'), retryIn(3600)),
  /** The first request fails, and the next ones do not. */
  '429-once': ({ before, results }: Turn) => (before === 0 ? error(429, 'RESOURCE_EXHAUSTED', EXHAUSTED, quota('GenerateRequestsPerMinutePerProjectPerModel'), retryIn(1)) : results === 0 ? write : done),
  'usage-limit': () => error(429, 'RESOURCE_EXHAUSTED', EXHAUSTED, quota('GenerateRequestsPerDayPerProjectPerModel')),
  '500': () => error(500, 'INTERNAL', 'An internal error has occurred.'),
  '503': () => error(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
  cut: (): Reply => ({ kind: 'cut' }),
} as const satisfies Record<string, (turn: Turn) => Reply>;
export type GeminiScenario = keyof typeof SCENARIOS;

/** Starts the server; the base URL is for GOOGLE_GEMINI_BASE_URL. */
export async function startFakeGemini(): Promise<FakeApi<GeminiScenario>> {
  const api: FakeApi<GeminiScenario> = await startFakeApi<GeminiScenario>((request, response) => {
    const { scenario, path, body } = request;
    if (!path.includes(':streamGenerateContent') || !Object.hasOwn(SCENARIOS, scenario)) return sendJson(response, 404, { error: { code: 404, status: 'NOT_FOUND', message: 'no such scenario' } });
    const before = api.requestsOf(scenario as GeminiScenario).length - 1;
    answer(response, SCENARIOS[scenario as GeminiScenario]({ ...turnOf(body), before }), modelOf(request));
  });
  return api;
}

function modelOf({ path }: ApiRequest): string {
  return /models\/([^:]+):/.exec(path)?.[1] ?? 'unknown';
}

function turnOf(body: JsonObject): Omit<Turn, 'before'> {
  let results = 0;
  let prompts = 0;
  for (const content of objectsAt(body, 'contents')) {
    if (textAt(content, 'role') !== 'user') continue;
    const parts = objectsAt(content, 'parts');
    const found = parts.filter((part) => part['functionResponse'] !== undefined).length;
    results += found;
    // The client tells of its surroundings in a text of its own, and joins prompts that had no answer.
    const said = parts.filter((part) => !(textAt(part, 'text') ?? '<session_context>').includes('<session_context>')).length;
    if (said > 0) results = 0;
    prompts += said;
  }
  return { results, prompts };
}

function answer(response: ServerResponse, reply: Reply, model: string): void {
  if (reply.kind === 'error') {
    const { code, status, message, details = [] } = reply;
    return sendJson(response, code, { error: { code, status, message, details } });
  }
  const send = sendEvents(response);
  const usageMetadata = { promptTokenCount: 1500, candidatesTokenCount: 40, cachedContentTokenCount: 300, totalTokenCount: 1540 };
  const say = (part: JsonObject, finishReason?: string): void => send({ candidates: [{ content: { role: 'model', parts: [part] }, index: 0, ...(finishReason === undefined ? {} : { finishReason }) }], usageMetadata, modelVersion: model });
  if (reply.kind === 'cut') {
    say({ text: 'I was about to say' });
    setImmediate(() => response.destroy());
    return;
  }
  say(reply.kind === 'tool' ? { functionCall: { name: reply.name, args: reply.args } } : { text: reply.text }, 'STOP');
  response.end();
}
