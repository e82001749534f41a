// Gemini CLI: its command line, and what each recording of the real program means.
import { describe, expect, it } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import { play, recordingsOf, replay, request } from './samples.ts';

const spec = { name: 'gemini', adapter: 'gemini', command: ['gemini'] };
const id = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
const tokens = (calls: number, output = 40): object => ({ input: 1200 * calls, output: output * calls, cacheRead: 300 * calls, cacheWrite: 0 });
const ok = (calls: number, result: string, denials: readonly string[] = []): object => ({ ok: true, denials, report: { sessionId: id, model: 'gemini-2.5-pro', costUsd: null, tokens: tokens(calls), result } });
const no = (reason: string, retry: string, message: string, more: object = {}): object => ({ ok: false, reason, retry, message: expect.stringContaining(message) as string, notBefore: null, report: { sessionId: id }, ...more });

describe('recordings of gemini', () => {
  const expected: Readonly<Record<string, object>> = {
    'api-key-400': no('auth', 'never', 'API key not valid'),
    'auth-401': no('auth', 'never', 'invalid authentication credentials'),
    'context-400': no('context', 'never', 'exceeds the maximum number of tokens'),
    cut: no('overloaded', 'provider', 'terminated'),
    edit: ok(2, 'All done.'),
    'forbidden-403': no('auth', 'never', 'has been denied access'),
    'limit-text': { ...ok(1, ''), report: { result: expect.stringContaining('exhausted your daily quota') as string } },
    'model-404': no('model-not-found', 'never', 'is not found for API version'),
    'no-auth': no('auth', 'never', 'Please set an Auth method', { report: { sessionId: null } }),
    'overloaded-given-up': no('overloaded', 'provider', 'The model is overloaded'),
    'plan-refusal': ok(2, 'All done.', ['write_file hello.txt']),
    'quota-daily': no('usage-limit', 'provider', 'exhausted your daily quota'),
    'rate-limit-final': no('rate-limited', 'provider', 'Resource has been exhausted'),
    'rate-limit-given-up': no('rate-limited', 'provider', 'Resource has been exhausted'),
    'rate-limit-retry-after': no('rate-limited', 'provider', 'exceeded your current quota', { notBefore: 3_600_000 }),
    'resume-1-first': ok(1, 'prompt 1'),
    'resume-2-second': ok(1, 'prompt 2'),
    'resume-unknown': no('agent-error', 'agent', 'Error resuming session', { report: { sessionId: null } }),
    'server-500-final': no('overloaded', 'provider', 'An internal error'),
    'shell-not-there': ok(2, 'All done.', ['run_shell_command echo no > no.txt']),
    // It exits with 0, and has done nothing.
    'sigterm-during-tool': no('no-terminal-event', 'agent', 'ended without a result'),
    success: { ...ok(2, 'All done: fake gemini finished.'), report: { tokens: { input: 2400, output: 100, cacheRead: 600, cacheWrite: 0 } } },
  };

  it('are all in this table', () => {
    expect(recordingsOf('gemini')).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.entries(expected))('%s', (name, verdict) => {
    expect(replay('gemini', name).verdict).toMatchObject(verdict);
  });

  it('show what happens in lines for people, and none of what the client tells itself', () => {
    expect(replay('gemini', 'success').progress).toEqual(['Working.', 'write_file hello.txt', 'All done: fake gemini finished.']);
    expect(replay('gemini', 'plan-refusal').progress).toContain('refused: write_file hello.txt');
    const reader = adapterFor('gemini').read({ ...request().spec, ...spec });
    const said = ['Warning: Basic terminal detected (TERM=dumb).', 'YOLO mode is enabled.', '    at throwErrorIfNotOK (file:///x.js:1:2)', 'Attempt 1 failed with status 429. Retrying with backoff... _ApiError: {"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Slow down."}}'];
    // In a log it comes with the events.
    const log = adapterFor('gemini').read({ ...request().spec, ...spec });
    expect(said.map((line) => log.line(line, 'stdout'))).toEqual(said.map((line) => reader.line(line, 'stderr')));
    expect(said.map((line) => reader.line(line, 'stderr'))).toEqual([null, null, null, 'Slow down. (429): the client tries again']);
  });
});

describe('a client that waits by itself', () => {
  const attempt = (n: number, status: number): string => `Attempt ${n} failed with status ${status}. Retrying with backoff... _ApiError: {}`;
  it.each([
    ['is stopped when it is refused', [attempt(1, 429)], true],
    ['in other words', ['Attempt 1 failed: You exceeded your current quota, please check your plan and billing details.'], true],
    ['in others still', ['Attempt 1 failed with 429 error (no Retry-After header). Retrying with backoff... Error'], true],
    ['not for a network that fails once', ['Attempt 1 failed. Retrying with backoff... TypeError: fetch failed', 'Attempt 2 failed with 5xx error. Retrying with backoff... Error'], false],
    ['for one that always fails', ['Attempt 3 failed. Retrying with backoff... TypeError: fetch failed'], true],
    ['may repeat what may pass', [attempt(1, 503), attempt(2, 503)], false],
    ['not for ever', [attempt(1, 503), attempt(2, 503), attempt(3, 503)], true],
  ])('%s', (_, lines, isGivenUp) => {
    const reader = adapterFor('gemini').read({ ...request().spec, ...spec });
    for (const line of lines) reader.line(line, 'stderr');
    expect(reader.isGivenUp?.()).toBe(isGivenUp);
  });

  it('and that was stopped for another reason was interrupted', () => {
    const exit = { kind: 'killed', by: 'interrupted', forced: false } as const;
    expect(play({ client: 'gemini', lines: [], exit, stderr: attempt(1, 429) }).verdict).toMatchObject({ ok: false, reason: 'interrupted' });
    expect(play({ client: 'gemini', lines: [], exit: { kind: 'timeout', afterMs: 1000, idle: false, forced: false }, stderr: attempt(1, 503) }).verdict)
      .toMatchObject({ ok: false, reason: 'timeout', message: expect.stringContaining('503') });
  });
});

describe('the stream', () => {
  const CODE = (code: number) => ({ kind: 'code', code }) as const;
  const result = '{"type":"result","status":"success","stats":{"input":1}}';
  it('tolerates what it does not know, and believes no exit code but 0', () => {
    expect(play({ client: 'gemini', lines: ['{"type":"new"}', 'text', '{"broken', '{"type":"tool_result"}', '{"type":"message","role":"assistant"}', result], exit: CODE(0) }).verdict).toMatchObject({ ok: true });
    expect(play({ client: 'gemini', lines: [result], exit: CODE(1), stderr: 'An unexpected critical error occurred' }).verdict).toMatchObject({ ok: false, reason: 'agent-error', message: expect.stringContaining('critical error') });
    expect(play({ client: 'gemini', lines: ['{"type":"result","status":"error"}'], exit: CODE(0) }).verdict).toMatchObject({ ok: false, reason: 'agent-error' });
    expect(play({ client: 'gemini', lines: [], exit: CODE(53), stderr: 'Reached max session turns for this session.' }).verdict).toMatchObject({ ok: false, reason: 'max-turns' });
  });
  it('knows the status from the exit code when it is told nowhere else', () => {
    const said = '{"type":"result","status":"error","error":{"message":"[API Error: no]"}}';
    expect(play({ client: 'gemini', lines: [said], exit: CODE(173) }).verdict).toMatchObject({ reason: 'rate-limited' });
    expect(play({ client: 'gemini', lines: [said], exit: CODE(145) }).verdict).toMatchObject({ reason: 'auth' });
  });
});

describe('its command line', () => {
  const adapter = adapterFor('gemini');
  it('edits files, reads the prompt from standard input, and trusts the worktree', () => {
    expect(adapter.launch(request(spec))).toEqual({
      command: 'gemini', args: ['--output-format', 'stream-json', '--approval-mode', 'auto_edit'], stdin: 'do it',
      env: { GEMINI_CLI_TRUST_WORKSPACE: 'true', GEMINI_CLI_NO_RELAUNCH: 'true' },
    });
  });
  it('takes model, mode, session and further arguments', () => {
    const { args, env } = adapter.launch(request({ ...spec, command: ['node', 'gemini.js'], args: ['-d'], env: { A: '1' } }, { model: 'gemini-2.5-pro', permissionMode: 'yolo', args: ['--x'] }, { resume: 'abc' }));
    expect(args).toEqual(['gemini.js', '--output-format', 'stream-json', '--approval-mode', 'yolo', '--model', 'gemini-2.5-pro', '--resume', 'abc', '-d', '--x']);
    expect(env).toMatchObject({ A: '1' });
    expect(adapter.resumeCommand({ ...request().spec, ...spec }, 'abc')).toEqual(['gemini', '--resume', 'abc']);
  });
});
