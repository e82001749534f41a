// A small client of the Messages API that takes the place of `claude` where a test needs many of them, quickly: its flags,
// its stream, its retries, its sessions and its budget, as far as orch relies on them. Every 50 tokens cost ten cents.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const USD_PER_TOKEN = 0.002;
const flag = (name) => {
  const at = process.argv.indexOf(name);
  return at === -1 ? null : process.argv[at + 1];
};
const { ANTHROPIC_BASE_URL: base, CLAUDE_CODE_MAX_RETRIES: retries = '10', CLAUDE_CONFIG_DIR: home = process.env.HOME } = process.env;
if (process.argv.includes('--version')) {
  process.stdout.write('2.1.328 (Claude Code)\n');
  process.exit(0);
}
const resumed = flag('--resume');
const sessionId = resumed ?? flag('--session-id') ?? randomUUID();
const model = flag('--model') ?? 'default-model';
const budget = Number(flag('--max-budget-usd') ?? Number.POSITIVE_INFINITY);
const session = path.join(home, 'sessions', `${sessionId}.json`);
const messages = resumed === null ? [] : JSON.parse(readFileSync(session, 'utf8'));
let [cost, output, turns] = [0, 0, 0];

const emit = (event) => process.stdout.write(`${JSON.stringify({ ...event, session_id: sessionId, uuid: randomUUID() })}\n`);
const save = () => {
  mkdirSync(path.dirname(session), { recursive: true });
  writeFileSync(session, JSON.stringify(messages));
};
const finish = (end) => {
  save();
  const usage = { [model]: { inputTokens: 1000 * turns, outputTokens: output, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, costUSD: cost } };
  emit({ type: 'result', subtype: 'success', is_error: false, api_error_status: null, num_turns: turns, total_cost_usd: cost, modelUsage: usage, model_usage_since_last_result: usage, permission_denials: [], terminal_reason: 'completed', ...end });
  process.exit(end.is_error === true ? 1 : 0);
};

async function ask() {
  const system = `You are an agent. Your working directory: ${process.cwd()}"`;
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(`${base}/v1/messages`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, system, messages }) });
    if (response.ok) return await response.text();
    const { error } = await response.json();
    const reset = response.headers.get('anthropic-ratelimit-unified-reset');
    if (reset !== null) emit({ type: 'rate_limit_event', rate_limit_info: { status: 'rejected', resetsAt: Number(reset), rateLimitType: 'five_hour' } });
    const mayRetry = reset === null && (response.status === 429 || response.status >= 500) && attempt <= Number(retries);
    if (!mayRetry) finish({ is_error: true, api_error_status: response.status, api_error: error.type, result: reset === null ? `API Error: Request rejected (${response.status}) · ${error.message}` : "You've hit your limit · resets 8:36am (UTC)", terminal_reason: 'api_error' });
    const delay = Number(response.headers.get('retry-after') ?? 0.6 * 2 ** (attempt - 1)) * 1000 * (1 + Math.random() * 0.2);
    emit({ type: 'system', subtype: 'api_retry', attempt, max_retries: Number(retries), retry_delay_ms: Math.round(delay), error_status: response.status, error: response.status === 429 ? 'rate_limit' : 'overloaded' });
    await sleep(delay);
  }
}

/** The blocks of a streamed answer. */
function blocksOf(stream) {
  const blocks = [];
  for (const line of stream.split('\n').filter((one) => one.startsWith('data: '))) {
    const event = JSON.parse(line.slice(6));
    if (event.type === 'content_block_start') blocks.push({ ...event.content_block, text: '', json: '' });
    if (event.type === 'content_block_delta') {
      blocks.at(-1).text += event.delta.text ?? '';
      blocks.at(-1).json += event.delta.partial_json ?? '';
    }
    if (event.type === 'message_delta') output += event.usage.output_tokens;
  }
  return blocks.map(({ type, id, name, text, json }) => (type === 'text' ? { type, text } : { type, id, name, input: JSON.parse(json) }));
}

let prompt = '';
for await (const chunk of process.stdin) prompt += chunk;
emit({ type: 'system', subtype: 'init', cwd: process.cwd(), model, permissionMode: 'acceptEdits', tools: ['Write'] });
messages.push({ role: 'user', content: [{ type: 'text', text: prompt }] });
for (;;) {
  const content = blocksOf(await ask());
  turns += 1;
  cost = output * USD_PER_TOKEN;
  messages.push({ role: 'assistant', content });
  for (const block of content) emit({ type: 'assistant', message: { role: 'assistant', model, content: [block] } });
  if (cost >= budget) finish({ subtype: 'error_max_budget_usd', is_error: true, errors: [`Reached maximum budget ($${budget})`], terminal_reason: 'budget_exhausted' });
  const calls = content.filter(({ type }) => type === 'tool_use');
  if (calls.length === 0) finish({ result: content.map(({ text }) => text).join('\n') });
  for (const { input } of calls) {
    mkdirSync(path.dirname(input.file_path), { recursive: true });
    writeFileSync(input.file_path, `${existsSync(input.file_path) && input.append === true ? readFileSync(input.file_path, 'utf8') : ''}${input.content}`);
  }
  messages.push({ role: 'user', content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'done' })) });
}
