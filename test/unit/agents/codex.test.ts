// Codex: its command line, and what each recording of the real program means.
import { describe, expect, it } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import type { Exit } from '../../../src/run/events.ts';
import { play, recordingsOf, replay, request, SPEC } from './samples.ts';

const spec = { name: 'codex', adapter: 'codex', command: ['codex'] };
const tokens = (calls: number): object => ({ input: 1000 * calls, output: 40 * calls, cacheRead: 200 * calls, cacheWrite: 0 });
const id = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
const ok = (calls: number, result: string): object => ({ ok: true, denials: [], report: { sessionId: id, costUsd: null, tokens: tokens(calls), result } });
const no = (reason: string, retry: string, message: string, more: object = {}): object => ({ ok: false, reason, retry, message: expect.stringContaining(message) as string, notBefore: null, report: { sessionId: id, tokens: null }, ...more });

describe('recordings of codex', () => {
  const expected: Readonly<Record<string, object>> = {
    'apply-patch': ok(2, 'All done: fake model finished.'),
    'auth-401': no('auth', 'never', 'unexpected status 401'),
    'bad-flag': { ok: false, reason: 'agent-error', retry: 'agent', message: "exit code 2: error: unexpected argument '--no-such-flag' found", report: { sessionId: null } },
    'bad-request-400': no('agent-error', 'agent', 'The model was given nonsense.'),
    'capacity-503': no('overloaded', 'provider', 'at capacity'),
    context: no('context', 'never', 'context window'),
    cut: no('overloaded', 'provider', 'stream disconnected'),
    'cut-with-retries': no('overloaded', 'provider', 'stream disconnected'),
    'forbidden-403': no('auth', 'never', 'unexpected status 403'),
    'model-404': no('model-not-found', 'never', 'does not exist'),
    'no-key': no('auth', 'never', 'FAKE_KEY'),
    quota: no('billing', 'never', 'Quota exceeded'),
    'rate-limit-429': no('rate-limited', 'provider', '429'),
    'rate-limit-no-retry-after': no('rate-limited', 'provider', '429'),
    // Its sandbox often refuses in silence: that nothing was done is what git shows.
    'read-only-refusal': ok(2, 'All done.'),
    'read-only-refusal-told': { ok: true, denials: ["Bash echo 'hello from the fake model' > hello.txt"] },
    'resume-1-first': ok(2, 'prompt 1'),
    'resume-2-second-cumulative-tokens': ok(3, 'prompt 2'),
    'resume-unknown': { ok: false, reason: 'agent-error', retry: 'agent', message: expect.stringContaining('no rollout found') as string, report: { sessionId: null } },
    'server-500': no('overloaded', 'provider', 'high demand'),
    'sigterm-mid-answer': no('agent-error', 'agent', 'ended by SIGTERM'),
    success: ok(2, 'All done: fake model finished.'),
    'usage-limit': no('usage-limit', 'provider', 'hit your usage limit', { notBefore: expect.any(Number) as number }),
  };

  it('are all in this table', () => {
    expect(recordingsOf('codex')).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.entries(expected))('%s', (name, verdict) => {
    expect(replay('codex', name).verdict).toMatchObject(verdict);
  });

  it('count what is new in a session that goes on', () => {
    const { verdict: first } = replay('codex', 'resume-1-first');
    const { verdict: second } = replay('codex', 'resume-2-second-cumulative-tokens', { session: { id: null, tokens: first.report.sessionTokens ?? null } });
    expect(second.report).toMatchObject({ sessionId: first.report.sessionId, tokens: tokens(1), sessionTokens: tokens(3) });
  });

  it('tell when a usage limit ends, as the clock of this machine shows it', () => {
    const now = new Date(2026, 10, 20, 8, 0).getTime();
    expect(replay('codex', 'usage-limit', { now }).verdict).toMatchObject({ notBefore: new Date(2026, 10, 20, 8, 36).getTime() });
  });

  it('show what happens in lines for people', () => {
    expect(replay('codex', 'success').progress.slice(1)).toEqual(['I will write the file.', 'Bash echo hello > hello.txt && pwd && git status --short', 'All done: fake model finished.']);
    expect(replay('codex', 'apply-patch').progress).toContain('Edit /repo.orch/run/task/patched.txt');
    expect(replay('codex', 'rate-limit-429').progress.slice(1)).toEqual([
      'the client tries again: Reconnecting... 1/1 (exceeded retry limit, last status: 429 Too Many Requests, request id: req_eb6eaad7afd638d13b40)',
      'exceeded retry limit, last status: 429 Too Many Requests, request id: req_0a7521469f143104af66',
    ]);
  });
});

describe('the stream of codex', () => {
  const line = (type: string, more: object = {}): string => JSON.stringify({ type, ...more });
  const started = line('thread.started', { thread_id: 't' });
  const said = (text: string): string => line('item.completed', { item: { type: 'agent_message', text } });
  const completed = line('turn.completed', { usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 3 } });
  const failed = (message: string): string => line('turn.failed', { error: { message } });
  const again = (message: string): string => line('error', { message: `Reconnecting... 1/5 (${message})` });
  const CODE = (code: number): Exit => ({ kind: 'code', code });
  const verdictOf = (lines: readonly string[], exit: Exit) => play({ client: 'codex', lines: [started, ...lines], exit }).verdict;

  it.each<[string, readonly string[], Exit, object]>([
    ['an answer that only talks about a limit', [said('You’ve hit your usage limit.'), completed], CODE(0), { ok: true }],
    ['a retry that went well', [again('last status: 429 Too Many Requests'), said('done'), completed], CODE(0), { ok: true, report: { tokens: { input: 6, cacheRead: 4, output: 3 } } }],
    ['exit 0 without an end', [said('done')], CODE(0), { ok: false, reason: 'no-terminal-event', retry: 'agent' }],
    ['an end that is cut', [said('done'), completed.slice(0, 30)], CODE(0), { ok: false, reason: 'no-terminal-event' }],
    ['exit 1 after success', [completed], CODE(1), { ok: false, reason: 'agent-error' }],
    ['a failed turn and exit 0', [failed('boom')], CODE(0), { ok: false, reason: 'agent-error', message: 'boom' }],
    ['a failure that says nothing', [line('turn.failed')], CODE(1), { ok: false, reason: 'agent-error', message: 'failed without saying why' }],
    ['a second turn that fails', [completed, failed('unexpected status 500 Internal Server Error')], CODE(1), { ok: false, reason: 'overloaded' }],
    ['a second turn that goes well', [failed('boom'), completed], CODE(0), { ok: true }],
    ['a limit of tokens a minute', [failed('Rate limit reached for gpt-5. Please try again in 2s.')], CODE(1), { ok: false, reason: 'rate-limited', retry: 'provider', notBefore: 2000 }],
    ['a login that is over', [failed('Your access token could not be refreshed because your refresh token was revoked. Please log out and sign in again.')], CODE(1), { ok: false, reason: 'auth', retry: 'never' }],
    ['a model of another plan', [failed("The 'gpt-9' model is not supported when using Codex with a ChatGPT account.")], CODE(1), { ok: false, reason: 'model-not-found' }],
    ['a workspace without credits', [failed('Your workspace is out of credits. Add credits to continue.')], CODE(1), { ok: false, reason: 'billing', retry: 'never' }],
    ['a timeout while it repeats', [again('exceeded retry limit, last status: 429 Too Many Requests')], { kind: 'timeout', afterMs: 2000, idle: false, forced: false }, { ok: false, reason: 'timeout', message: 'not done after 2 s, while the client was repeating a request that failed (rate_limit 429)' }],
    ['a timeout after it repeated', [again('last status: 429'), said('go on')], { kind: 'timeout', afterMs: 2000, idle: false, forced: false }, { ok: false, reason: 'timeout', message: 'not done after 2 s' }],
    ['our kill', [completed], { kind: 'killed', by: 'interrupted', forced: true }, { ok: false, reason: 'interrupted' }],
    ['a refused tool', [line('item.completed', { item: { type: 'command_execution', command: "/bin/bash -lc 'rm -rf /'", status: 'declined' } }), completed], CODE(0), { ok: true, denials: ['Bash rm -rf /'] }],
    ['what its sandbox refused', [line('item.completed', { item: { type: 'command_execution', command: 'touch x', status: 'failed', exit_code: 1, aggregated_output: 'touch: x: Read-only file system' } }), completed], CODE(0), { ok: true, denials: ['Bash touch x'] }],
    ['a command that failed by itself', [line('item.completed', { item: { type: 'command_execution', command: 'npm test', status: 'failed', exit_code: 1, aggregated_output: 'permission denied' } }), completed], CODE(0), { ok: true, denials: [] }],
    ['things unheard of', [line('turn.dreamt'), line('item.completed', { item: 'x' }), line('item.completed'), line('error'), line('turn.completed', { usage: 'much' })], CODE(0), { ok: true, report: { result: null } }],
  ])('%s', (_, lines, exit, expected) => {
    expect(verdictOf(lines, exit)).toMatchObject(expected);
  });
});

describe('codex', () => {
  const adapter = adapterFor('codex');
  it('gets a headless command line that can edit, and the prompt on standard input', () => {
    expect(adapter.launch(request(spec))).toEqual({
      command: 'codex', stdin: 'do it', env: {},
      args: ['exec', '--json', '--skip-git-repo-check', '-c', 'check_for_update_on_startup=false', '-c', 'sandbox_mode="workspace-write"', '-'],
    });
  });
  it('gets everything that the task and the configuration say, and a session to go on with', () => {
    const { args, env } = adapter.launch(request({ ...spec, command: ['npx', 'codex'], args: ['--disable', 'plugins'], env: { A: '1' } }, { model: 'gpt-5', permissionMode: 'read-only', args: ['-c', 'a=b'] }, { resume: 'old-id' }));
    expect(args.slice(-11).join(' ')).toBe('-c sandbox_mode="read-only" -m gpt-5 --disable plugins -c a=b resume old-id -');
    expect(env).toEqual({ A: '1' });
  });
  it('can be continued by hand', () => {
    expect(adapter.resumeCommand({ ...SPEC, command: ['/opt/codex'] }, 'abc')).toEqual(['/opt/codex', 'resume', 'abc']);
  });
});
