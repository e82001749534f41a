// What the end of an attempt means: every recording of the real program, and every row of the table of outcomes.
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../src/agents/adapter.ts';
import { adapterFor } from '../../../src/agents/adapters.ts';
import type { Exit } from '../../../src/run/events.ts';
import { judge, recordingsOf, replay, SPEC } from './samples.ts';

const tokens = (n: number): object => ({ input: 1000 * n, output: 50 * n, cacheRead: 3000 * n, cacheWrite: 200 * n });
const none = tokens(0);
const ok = (costUsd: number, turns: number, calls: number, denials: readonly string[] = []): object => ({
  ok: true, denials, report: { costUsd: expect.closeTo(costUsd, 6), turns, tokens: tokens(calls), model: expect.stringMatching(/^claude-/), sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/), result: expect.stringMatching(/./) },
});

describe('recordings of claude', () => {
  const expected: Readonly<Record<string, object>> = {
    'api-retry-then-ok': ok(0.0054, 1, 1),
    'background-two-results': ok(0.0162, 3, 3),
    'json-format': { ...ok(0.0108, 2, 2), report: { costUsd: expect.closeTo(0.0108, 6), tokens: tokens(2) } },
    'max-turns': { ok: false, reason: 'max-turns', retry: 'agent', message: 'Reached maximum number of turns (2)', report: { turns: 3, costUsd: expect.closeTo(0.0108, 6), tokens: tokens(2) } },
    'permission-denied': ok(0.0108, 2, 2, ['Write hello.txt']),
    'rate-limit-final': { ok: false, reason: 'rate-limited', retry: 'provider', notBefore: null, message: expect.stringContaining('Request rejected (429)'), report: { costUsd: 0, tokens: none } },
    'resume-1-first': ok(0.0054, 1, 1),
    'resume-2-second-cumulative-cost': ok(0.0054, 1, 1),
    'sigterm-during-tool': { ok: false, reason: 'agent-error', retry: 'agent', message: 'exit code 143 (terminated from outside)', report: { costUsd: null, tokens: null, result: null } },
    'success-multi': ok(0.027, 5, 5),
    'usage-limit-subscription': { ok: false, reason: 'usage-limit', retry: 'provider', notBefore: 1_795_165_550_000, message: "You've hit your limit · resets 9:05am (UTC)" },
  };

  it('are all in this table', () => {
    expect(recordingsOf('claude')).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.entries(expected))('%s', (name, verdict) => {
    expect(replay('claude', name).verdict).toMatchObject(verdict);
  });

  it('show what happens in lines for people', () => {
    expect(replay('claude', 'success-multi').progress).toEqual([
      'Write a.txt', 'Read a.txt', 'Edit a.txt', 'Bash git add -A && git -c user.name=a -c user.email=a@b commit -qm "agent work" && git log --oneline -1', 'All done: the fake model finished.',
    ]);
    expect(replay('claude', 'permission-denied').progress).toContain("refused: Claude requested permissions to write to /repo.orch/run/task/hello.txt, but you haven't granted it yet.");
    expect(replay('claude', 'api-retry-then-ok').progress[0]).toBe('rate_limit (429): the client tries again in 2s');
    expect(replay('claude', 'usage-limit-subscription').progress[0]).toBe('usage limit (five_hour)');
  });
});

const result = (more: object): string => JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: 'done', num_turns: 1, session_id: 's', ...more });
const failed = (status: number | null, text: string, more: object = {}): string => result({ is_error: true, api_error_status: status, result: text, terminal_reason: 'api_error', ...more });
const synthetic = (error: string): string => JSON.stringify({ type: 'assistant', error, message: { model: '<synthetic>', content: [{ type: 'text', text: 'API Error' }] } });
const CODE = (code: number): Exit => ({ kind: 'code', code });

describe('the table of outcomes', () => {
  const rows: readonly (readonly [string, readonly string[], Exit, Partial<Extract<Verdict, { ok: false }>> | 'ok', string?])[] = [
    ['401, key', [synthetic('authentication_failed'), failed(401, 'Invalid API key · Fix external API key')], CODE(1), { reason: 'auth', retry: 'never' }],
    ['401, token', [failed(401, 'Not logged in · Please run /login')], CODE(1), { reason: 'auth', retry: 'never' }],
    ['403', [failed(403, 'Failed to authenticate. API Error: 403 nope')], CODE(1), { reason: 'auth', retry: 'never' }],
    ['no credential', [failed(null, 'Not logged in · Please run /login')], CODE(1), { reason: 'auth', retry: 'never' }],
    ['account on hold', [synthetic('account_on_hold'), failed(null, 'Your account is on hold')], CODE(1), { reason: 'auth', retry: 'never' }],
    ['400', [synthetic('unknown'), failed(400, 'API Error: 400 bad')], CODE(1), { reason: 'agent-error', retry: 'agent' }],
    ['billing', [synthetic('billing_error'), failed(400, 'Credit balance is too low')], CODE(1), { reason: 'billing', retry: 'never' }],
    ['404', [synthetic('model_not_found'), failed(404, 'no such model')], CODE(1), { reason: 'model-not-found', retry: 'never' }],
    ['413', [synthetic('invalid_request'), failed(413, 'too big')], CODE(1), { reason: 'context', retry: 'never' }],
    ['prompt too long', [failed(400, 'Prompt is too long', { terminal_reason: 'prompt_too_long' })], CODE(1), { reason: 'context', retry: 'never' }],
    ['429', [synthetic('rate_limit'), failed(429, 'API Error: Request rejected (429) · slow down')], CODE(1), { reason: 'rate-limited', retry: 'provider', notBefore: null }],
    ['429, not ours', [failed(429, 'API Error: Server is temporarily limiting requests (not your usage limit)')], CODE(1), { reason: 'rate-limited', retry: 'provider' }],
    ['usage limit by words', [failed(429, "You've hit your weekly limit · resets Mon 12:00am")], CODE(1), { reason: 'usage-limit', retry: 'provider', notBefore: null }],
    ['usage limit, old client', [failed(null, 'Claude AI usage limit reached|1795165550')], CODE(1), { reason: 'usage-limit', notBefore: 1_795_165_550_000 }],
    ['529', [synthetic('server_error'), failed(529, 'API Error: Repeated 529 Overloaded errors')], CODE(1), { reason: 'overloaded', retry: 'provider' }],
    ['500', [failed(500, 'API Error: 500')], CODE(1), { reason: 'overloaded', retry: 'provider' }],
    ['dropped connection', [synthetic('server_error'), failed(null, 'API Error: Connection error.')], CODE(1), { reason: 'overloaded', retry: 'provider' }],
    ['request timeout', [synthetic('unknown'), failed(null, 'Request timed out')], CODE(1), { reason: 'overloaded', retry: 'provider' }],
    ['refusal', [failed(null, 'cannot help with that', { stop_reason: 'refusal' })], CODE(1), { reason: 'agent-error', retry: 'agent' }],
    ['max_tokens', [synthetic('max_output_tokens'), failed(null, 'output too long')], CODE(1), { reason: 'agent-error', retry: 'agent' }],
    ['budget', [result({ subtype: 'error_max_budget_usd', is_error: true, result: undefined, errors: ['Reached maximum budget ($0.01)'] })], CODE(1), { reason: 'budget', retry: 'never', message: 'Reached maximum budget ($0.01)' }],
    ['an error subtype without the flag', [result({ subtype: 'error_during_execution', result: undefined, errors: ['boom'] })], CODE(0), { reason: 'agent-error', message: 'boom' }],
    ['interrupted, exit 0', [result({ subtype: 'error_during_execution', is_error: true, terminal_reason: 'aborted_tools', result: undefined })], CODE(0), { reason: 'agent-error', message: 'error_during_execution' }],
    ['claims success but exits 1', [result({})], CODE(1), { reason: 'agent-error', retry: 'agent', message: 'exit code 1: last words' }, 'some\nlast words\n'],
    ['exit 0 without a result', ['{"type":"system","subtype":"init"}'], CODE(0), { reason: 'no-terminal-event', retry: 'agent' }],
    ['exit 0 with nothing at all', [], CODE(0), { reason: 'no-terminal-event' }],
    ['start-up failure', [], CODE(1), { reason: 'agent-error', retry: 'agent', message: 'exit code 1: error: unknown option --bogus' }, 'error: unknown option --bogus\n'],
    ['start-up failure, explained at length', [], CODE(2), { reason: 'agent-error', message: "exit code 2: error: unexpected argument '--bogus' found" }, "error: unexpected argument '--bogus' found\n\nUsage: agent\n\nFor more information, try '--help'.\n"],
    ['start-up failure for want of a login', [], CODE(1), { reason: 'auth', retry: 'never' }, 'Please run /login first\n'],
    ['unknown session', [result({ subtype: 'error_during_execution', is_error: true, result: undefined, errors: ['No conversation found with session ID: x'] })], CODE(1), { reason: 'agent-error', message: 'No conversation found with session ID: x' }],
    ['killed for want of memory', [], { kind: 'signal', signal: 'SIGKILL' }, { reason: 'agent-error', retry: 'infrastructure' }],
    ['crashed', [], { kind: 'signal', signal: 'SIGSEGV' }, { reason: 'agent-error', retry: 'agent', message: 'ended by SIGSEGV' }],
    ['timeout, whatever was said', [result({})], { kind: 'timeout', afterMs: 90_000, idle: false, forced: false }, { reason: 'timeout', retry: 'timeout', message: 'not done after 90 s' }],
    ['timeout while repeating', ['{"type":"system","subtype":"api_retry","error":"rate_limit","error_status":429}'], { kind: 'timeout', afterMs: 500, idle: false, forced: true }, { reason: 'timeout', message: 'not done after 0.5 s, while the client was repeating a request that failed (rate_limit 429)' }],
    ['idle', [], { kind: 'timeout', afterMs: 1000, idle: true, forced: false }, { reason: 'idle', retry: 'timeout', message: 'no output for 1 s' }],
    ['stopped by us', [result({})], { kind: 'killed', by: 'interrupted', forced: false }, { reason: 'interrupted', retry: 'infrastructure' }],
    ['never started', [], { kind: 'spawn-error', message: 'program not found on PATH: claude (ENOENT)' }, { reason: 'spawn', retry: 'infrastructure', message: 'program not found on PATH: claude (ENOENT)' }],
    ['a limit that the answer only talks about', [JSON.stringify({ type: 'assistant', message: { content: [{ type: 'text', text: 'Claude AI usage limit reached|1795165550' }] } }), result({ result: 'Claude AI usage limit reached|1795165550' })], CODE(0), 'ok'],
    ['a limit that passed', ['{"type":"rate_limit_event","rate_limit_info":{"status":"allowed_warning","resetsAt":1}}', result({})], CODE(0), 'ok'],
    ['a second result that succeeds', [failed(500, 'x'), result({})], CODE(0), 'ok'],
    ['a second result that fails', [result({}), failed(500, 'x')], CODE(1), { reason: 'overloaded' }],
  ];

  for (const [name, lines, exit, expected, stderr = ''] of rows) {
    it(name, () => {
      const { verdict } = judge(lines, exit, stderr);
      expect(verdict).toMatchObject(expected === 'ok' ? { ok: true } : { ok: false, ...expected });
    });
  }
});

describe('the stream', () => {
  it('tolerates what it does not know, broken lines and a partial last one', () => {
    const { progress, verdict } = judge(['npm warn something', '{"type":"new_thing","x":1}', '{"type":"assistant","message":{"content":"not a list"}}', '{"broken', '[1,2]', 'null', result({}), '{"type":"resu']);
    expect(verdict).toMatchObject({ ok: true, report: { result: 'done', turns: 1 } });
    expect(progress).toEqual(['npm warn something', '[1,2]', 'null']);
  });

  it('keeps 64 KiB of the answer, cut at a character', () => {
    const { verdict } = judge([result({ result: 'ä'.repeat(40_000) })]);
    expect(Buffer.byteLength(verdict.report.result ?? '')).toBe(65_536);
    expect(verdict.report.result?.endsWith('ä')).toBe(true);
  });

  it('takes the costs of an older client from its total', () => {
    const { verdict } = judge([result({ total_cost_usd: 0.5, modelUsage: { a: { inputTokens: 1, outputTokens: 2 }, b: { inputTokens: 3, costUSD: 9 } } })]);
    expect(verdict.report).toMatchObject({ costUsd: 0.5, tokens: { input: 4, output: 2, cacheRead: 0, cacheWrite: 0 } });
  });

  it('names refused tools once', () => {
    const { verdict } = judge([
      '{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"t1","message":"no"}',
      result({ permission_denials: [{ tool_name: 'Bash', tool_use_id: 't1', tool_input: { command: 'rm -rf x\ny' } }] }),
    ]);
    expect(verdict).toMatchObject({ ok: true, denials: ['Bash rm -rf x'] });
  });
});

const verdictOf = (exit: Exit, stdoutTail = '', stderrTail = ''): Verdict => adapterFor('command').read({ ...SPEC, adapter: 'command' }).verdict({ exit, stdoutTail, stderrTail, now: 0 });

describe('a program that only has an exit code', () => {
  it('succeeds with 0', () => {
    expect(verdictOf(CODE(0), 'hello\n')).toMatchObject({ ok: true, report: { result: 'hello', costUsd: null } });
    expect(verdictOf(CODE(2), '', 'a\nbad thing\n')).toMatchObject({ ok: false, reason: 'agent-error', retry: 'agent', message: 'exit code 2: bad thing' });
    expect(verdictOf({ kind: 'timeout', afterMs: 1, idle: false, forced: true })).toMatchObject({ ok: false, reason: 'timeout' });
  });
  it('may speak the stream of claude', () => {
    const reader = adapterFor('command').read({ ...SPEC, adapter: 'command', output: 'claude-stream-json' });
    expect(reader.line('{"type":"assistant","message":{"content":[{"type":"text","text":"hi"}]}}', 'stdout')).toBe('hi');
    expect(reader.verdict({ exit: CODE(0), stdoutTail: '', stderrTail: '', now: 0 })).toMatchObject({ ok: false, reason: 'no-terminal-event' });
  });
});
