// Copilot CLI: its command line, and what each recording of the real program means.
import { describe, expect, it } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import type { Exit } from '../../../src/run/events.ts';
import { play, recordingsOf, replay, request, SPEC } from './samples.ts';

const spec = { name: 'copilot', adapter: 'copilot', command: ['copilot'] };
const tokens = (calls: number): object => ({ input: 1000 * calls, output: 40 * calls, cacheRead: 200 * calls, cacheWrite: 0 });
const id = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
const ok = (calls: number, result: string, denials: readonly string[] = []): object => ({ ok: true, denials, report: { sessionId: id, model: 'fake-1', costUsd: null, tokens: tokens(calls), result } });
const no = (reason: string, retry: string, message: string, more: object = {}): object => ({ ok: false, reason, retry, message: expect.stringContaining(message) as string, notBefore: null, report: { sessionId: id }, ...more });

describe('recordings of copilot', () => {
  const expected: Readonly<Record<string, object>> = {
    'auth-401': no('auth', 'never', 'Authentication failed'),
    'bad-flag': { ok: false, reason: 'agent-error', retry: 'agent', message: expect.stringContaining('--no-such-flag') as string, report: { sessionId: null } },
    'bad-request-400': no('agent-error', 'agent', 'given nonsense'),
    context: no('context', 'never', 'too long'),
    cut: no('overloaded', 'provider', 'Failed to get response'),
    'forbidden-403': no('auth', 'never', 'HTTP 403'),
    'model-404': no('model-not-found', 'never', 'not found on provider'),
    'no-login': { ok: false, reason: 'auth', retry: 'never', message: 'exit code 1: Error: No authentication information found.', report: { sessionId: null } },
    'overloaded-503': no('overloaded', 'provider', '503'),
    'permission-denied': ok(2, 'All done.', ['bash echo outside > ../outside.txt']),
    quota: no('billing', 'never', 'exceeded your current quota'),
    'rate-limit-no-retry-after': no('rate-limited', 'provider', '429'),
    'rate-limit-retry-after-0': no('rate-limited', 'provider', '429'),
    'resume-1-first': ok(2, 'prompt 1'),
    'resume-2-second': ok(3, 'prompt 2'),
    'resume-unknown': { ok: false, reason: 'agent-error', retry: 'agent', message: expect.stringContaining('No session, task, or name matched') as string },
    'server-500': no('overloaded', 'provider', '500'),
    // Told to stop, it says that it ended well.
    'sigint-mid-answer': { ok: false, reason: 'no-terminal-event', retry: 'agent' },
    'sigterm-during-tool': no('agent-error', 'agent', 'was interrupted'),
    'sigterm-mid-answer': { ok: false, reason: 'no-terminal-event', retry: 'agent' },
    success: { ...ok(2, 'All done: fake model finished.'), report: { tokens: null, turns: 2, model: 'fake-1' } },
    'usage-limit': no('usage-limit', 'provider', 'usage limit has been reached', { notBefore: 4_102_444_800_000 }),
    write: ok(2, 'All done.'),
  };

  it('are all in this table', () => {
    expect(recordingsOf('copilot')).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.entries(expected))('%s', (name, verdict) => {
    expect(replay('copilot', name).verdict).toMatchObject(verdict);
  });

  it('count what is new in a session that goes on', () => {
    const { verdict: first } = replay('copilot', 'resume-1-first');
    const { verdict: second } = replay('copilot', 'resume-2-second', { session: { id: 'x', tokens: first.report.sessionTokens ?? null } });
    expect(second.report).toMatchObject({ sessionId: first.report.sessionId, tokens: tokens(1), sessionTokens: tokens(3) });
  });

  it('have the session that they were told to use, when they are killed before they say it', () => {
    expect(replay('copilot', 'sigterm-mid-answer', { session: { id: 'mine', tokens: null } }).verdict.report.sessionId).toBe('mine');
    expect(replay('copilot', 'resume-unknown', { session: { id: 'mine', tokens: null } }).verdict.report.sessionId).toBeNull();
  });

  it('show what happens in lines for people', () => {
    expect(replay('copilot', 'success').progress).toEqual(['Running.', 'bash echo hello > hello.txt', 'All done: fake model finished.']);
    expect(replay('copilot', 'permission-denied').progress).toEqual(['bash echo outside > ../outside.txt', 'refused: bash echo outside > ../outside.txt', 'All done.']);
    expect(replay('copilot', 'rate-limit-retry-after-0').progress[0]).toBe('rate_limit_exceeded (429): a request failed');
  });
});

describe('the stream of copilot', () => {
  const line = (type: string, data: unknown, more: object = {}): string => JSON.stringify({ type, data, ...more });
  const said = (content: string): string => line('assistant.message', { content, model: 'm' });
  const result = (exitCode: number): string => line('result', undefined, { sessionId: 's', exitCode });
  const failure = (statusCode: number, errorCode: string): string => line('model.call_failure', { statusCode, errorCode });
  const error = (errorType: string, message: string, statusCode?: number): string => line('session.error', { errorType, message, statusCode });
  const CODE = (code: number): Exit => ({ kind: 'code', code });
  const TIMEOUT: Exit = { kind: 'timeout', afterMs: 2000, idle: false, forced: false };

  it.each<[string, readonly string[], Exit, object]>([
    ['an answer that only talks about a limit', [said('Usage limit reached'), result(0)], CODE(0), { ok: true, report: { result: 'Usage limit reached' } }],
    ['a retry that went well', [failure(429, 'rate_limit_exceeded'), said('done'), result(0)], CODE(0), { ok: true }],
    ['an error that nothing came after, and exit 0', [said('x'), error('query', 'boom'), result(0)], CODE(0), { ok: false, reason: 'agent-error', message: 'boom' }],
    ['an error that was overcome', [error('query', 'boom'), said('done'), result(0)], CODE(0), { ok: true }],
    ['a limit that was overcome', [line('model.call_failure', { statusCode: 429, errorMessage: '{"resets_at":4102444800}' }), said('done'), error('query', 'boom'), result(1)], CODE(1), { ok: false, reason: 'agent-error' }],
    ['exit 0 without an end', [said('done')], CODE(0), { ok: false, reason: 'no-terminal-event' }],
    ['an end that is cut', [said('done'), result(0).slice(0, 20)], CODE(0), { ok: false, reason: 'no-terminal-event' }],
    ['a good end and exit 1', [said('done'), result(0)], CODE(1), { ok: false, reason: 'agent-error' }],
    ['a bad end and exit 0', [said('done'), result(3)], CODE(0), { ok: false, reason: 'agent-error', message: 'the client ended with 3' }],
    ['an end without a code', [said('done'), line('result', {})], CODE(0), { ok: false, reason: 'agent-error', message: 'the client ended with no code' }],
    ['no more requests this month', [error('quota', 'You have exceeded your premium request allowance.'), result(1)], CODE(1), { ok: false, reason: 'usage-limit', retry: 'provider', notBefore: null }],
    ['a timeout while it repeats', [failure(429, 'rate_limit_exceeded')], TIMEOUT, { ok: false, reason: 'timeout', message: 'not done after 2 s, while the client was repeating a request that failed (rate_limit_exceeded 429)' }],
    ['a timeout that it took for an end', [said('x'), line('abort', {}), result(0)], TIMEOUT, { ok: false, reason: 'timeout', message: 'not done after 2 s' }],
    ['our kill', [said('x'), line('abort', {}), result(0)], { kind: 'killed', by: 'interrupted', forced: false }, { ok: false, reason: 'interrupted' }],
    ['things unheard of', [line('session.dreamt', {}), line('assistant.message', 'x'), line('tool.execution_complete', null), line('session.error', {}), said('y'), result(0)], CODE(0), { ok: true }],
  ])('%s', (_, lines, exit, expected) => {
    expect(play({ client: 'copilot', lines, exit }).verdict).toMatchObject(expected);
  });

  it('may be without a report of what it used, or with one that is none', () => {
    for (const reportFile of ['', '{', '[]', '{"modelMetrics":3}', '{"modelMetrics":{}}']) {
      expect(play({ client: 'copilot', lines: [result(0)], exit: CODE(0), reportFile }).verdict).toMatchObject({ ok: true, report: { tokens: null } });
    }
  });
});

describe('copilot', () => {
  const adapter = adapterFor('copilot');
  const leading = ['--output-format', 'json', '--no-auto-update', '--no-ask-user', '--usage-output-file', '/run/usage.json'];
  it('gets a headless command line that can edit, and the prompt on standard input', () => {
    expect(adapter.launch(request(spec))).toEqual({
      command: 'copilot', stdin: 'do it', env: { COPILOT_AUTO_UPDATE: 'false' }, args: [...leading, '--allow-tool=write', '--session-id=new-id'],
    });
  });
  it('gets everything that the task and the configuration say, and a session to go on with', () => {
    const { args } = adapter.launch(request({ ...spec, args: ['--log-level', 'none'] }, { model: 'm', permissionMode: 'read-only', allowedTools: ['write', 'shell(git:*)'], args: ['-x'] }, { resume: 'old-id' }));
    expect(args).toEqual([...leading, '--model', 'm', '--allow-tool=write', '--allow-tool=shell(git:*)', '--resume=old-id', '--log-level', 'none', '-x']);
    expect(adapter.launch(request(spec, { permissionMode: 'allow-all' })).args).toContain('--allow-all');
  });
  it('can be continued by hand', () => {
    expect(adapter.resumeCommand({ ...SPEC, command: ['copilot'] }, 'abc')).toEqual(['copilot', '--resume=abc']);
  });
});
