// opencode: its command line, and what each recording of the real program means.
import { describe, expect, it } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import { play, recordingsOf, replay, request } from './samples.ts';

const spec = { name: 'opencode', adapter: 'opencode', command: ['opencode'] };
const id = expect.stringMatching(/^ses_\w+$/) as string;
const spent = (steps: number): object => ({ costUsd: expect.closeTo(0.00345 * steps, 8) as number, tokens: { input: 1000 * steps, output: 30 * steps, cacheRead: 200 * steps, cacheWrite: 0 } });
const ok = (steps: number, result: string, denials: readonly string[] = []): object => ({ ok: true, denials, report: { sessionId: id, result, ...spent(steps) } });
const no = (reason: string, retry: string, message: string, more: object = {}): object => ({ ok: false, reason, retry, message: expect.stringContaining(message) as string, notBefore: null, report: { sessionId: id, costUsd: null, tokens: null }, ...more });

describe('recordings of opencode', () => {
  const expected: Readonly<Record<string, object>> = {
    'auth-401': no('auth', 'never', 'Incorrect API key'),
    'billing-given-up': no('billing', 'never', 'exceeded your current quota'),
    'context-400': no('context', 'never', 'maximum context length'),
    'cut-final': no('overloaded', 'provider', 'Cannot connect'),
    'cut-given-up': no('overloaded', 'provider', 'Cannot connect'),
    edit: ok(2, 'All done.'),
    'forbidden-403': no('auth', 'never', 'may not do this'),
    'limit-text': ok(1, 'I would say: usage limit reached, insufficient_quota'),
    'model-404': no('model-not-found', 'never', 'does not exist'),
    'overloaded-given-up': no('overloaded', 'provider', 'overloaded'),
    // Refused by nobody being there: it stops in the middle of its work and exits with 0.
    'permission-asked': no('permission-denied', 'never', 'was refused bash echo hello', { report: { sessionId: id, ...spent(1) } }),
    // Refused by its configuration: the tool is not there, and it goes on.
    'permission-denied': ok(2, 'All done.', ['bash']),
    'rate-limit': no('rate-limited', 'provider', 'Rate limit reached', { notBefore: 1_795_161_989_670 + 1000 }),
    'rate-limit-given-up': no('rate-limited', 'provider', 'Rate limit reached'),
    'rate-limit-retry-after-given-up': no('rate-limited', 'provider', 'Rate limit reached'),
    'resume-1-first': ok(1, 'prompt 1'),
    'resume-2-second': ok(1, 'prompt 2'),
    'resume-unknown': no('agent-error', 'agent', 'Session not found', { report: { sessionId: null } }),
    'sigterm-during-tool': no('agent-error', 'agent', 'ended by SIGTERM'),
    success: ok(2, 'All done: fake model finished.'),
    'usage-limit-given-up': no('usage-limit', 'provider', 'Usage limit reached', { notBefore: 10_800_000 }),
  };

  it('are all in this table', () => {
    expect(recordingsOf('opencode')).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.entries(expected))('%s', (name, verdict) => {
    expect(replay('opencode', name).verdict).toMatchObject(verdict);
  });

  it('show what happens in lines for people', () => {
    expect(replay('opencode', 'success').progress).toEqual(['Running.', 'bash echo hello > hello.txt', 'All done: fake model finished.']);
    expect(replay('opencode', 'permission-asked').progress).toEqual(['refused: bash echo hello from the fake model > hello.txt']);
  });
});

const trouble = (message: string, small = false): string => `timestamp=2026-11-20T13:18:04.085Z level=ERROR run=d3b03a5e message="stream error" providerID=p modelID=m session.id=ses_1 small=${small} agent=build mode=primary error.error="AI_APICallError: ${message}"`;
const step = (part: object, type = 'step_finish'): string => JSON.stringify({ type, sessionID: 'ses_1', part });
const CODE = (code: number) => ({ kind: 'code', code }) as const;

describe('a client that waits by itself', () => {
  it.each([
    ['is stopped when it is refused', [trouble('Too Many Requests')], true],
    ['may repeat what may pass', [trouble('Internal server error'), trouble('socket hang up')], false],
    ['not for ever', [trouble('Internal server error'), trouble('Internal server error'), trouble('Internal server error')], true],
    ['may have no name for its session', [trouble('Too Many Requests', true)], false],
  ])('%s', (_, lines, isGivenUp) => {
    const reader = adapterFor('opencode').read({ ...request().spec, ...spec });
    for (const line of lines) reader.line(line, 'stderr');
    expect(reader.isGivenUp?.()).toBe(isGivenUp);
  });

  it('has forgotten a failure once it goes on', () => {
    const reader = adapterFor('opencode').read({ ...request().spec, ...spec });
    for (let i = 0; i < 3; i += 1) {
      reader.line(trouble('Internal server error'), 'stderr');
      reader.line(step({ text: 'on' }, 'text'), 'stdout');
    }
    expect(reader.isGivenUp?.()).toBe(false);
  });

  it('and that was stopped for another reason was interrupted', () => {
    const exit = { kind: 'killed', by: 'interrupted', forced: false } as const;
    expect(play({ client: 'opencode', lines: [], exit, stderr: trouble('Too Many Requests') }).verdict).toMatchObject({ ok: false, reason: 'interrupted', report: { sessionId: 'ses_1' } });
  });
});

describe('the stream', () => {
  it.each([
    ['ends well only with a step that stopped', [step({ reason: 'stop' })], { ok: true }],
    ['in the middle of its work', [step({ reason: 'tool-calls' })], { ok: false, reason: 'no-terminal-event' }],
    ['with a step that never ended', [step({ reason: 'stop' }), step({}, 'step_start')], { ok: false, reason: 'no-terminal-event' }],
    ['at the length of an answer', [step({ reason: 'length' })], { ok: false, reason: 'agent-error', message: 'the answer ended early (length)' }],
    ['for no known reason', [step({ reason: 'unknown' })], { ok: false, reason: 'agent-error' }],
    ['after a refusal that it got over', [step({ tool: 'bash', state: { status: 'error', input: { command: 'x' }, error: 'The user rejected permission to use this specific tool call.' } }, 'tool_use'), step({ reason: 'tool-calls' }), step({}, 'step_start'), step({ reason: 'stop' })], { ok: true, denials: ['bash x'] }],
    ['with an error that nothing takes back', ['{"type":"error","error":{"name":"UnknownError","data":{"message":"boom"}}}', step({}, 'step_start'), step({ reason: 'stop' })], { ok: false, reason: 'agent-error', message: 'boom' }],
    ['with nothing', [], { ok: false, reason: 'no-terminal-event' }],
  ])('%s', (_, lines, verdict) => {
    expect(play({ client: 'opencode', lines: ['{"type":"new"}', '{"broken', 'text', ...lines], exit: CODE(0) }).verdict).toMatchObject(verdict);
  });
});

describe('its command line', () => {
  const adapter = adapterFor('opencode');
  it('reads the prompt from standard input, and is given a title so that it asks no model for one', () => {
    expect(adapter.launch(request(spec, { prompt: 'Do it\nwell' }))).toEqual({
      command: 'opencode', args: ['run', '--format', 'json', '--print-logs', '--log-level', 'ERROR', '--title', 'Do it'], stdin: 'do it', env: { OPENCODE_DISABLE_AUTOUPDATE: '1' },
    });
  });
  it('takes model, mode, session and further arguments', () => {
    const { args } = adapter.launch(request({ ...spec, args: ['--pure'] }, { model: 'fake/fake-1', permissionMode: 'auto', args: ['--x'] }, { resume: 'ses_1' }));
    expect(args.slice(6)).toEqual(['--auto', '--model', 'fake/fake-1', '--session', 'ses_1', '--pure', '--x']);
    expect(adapter.resumeCommand({ ...request().spec, ...spec }, 'ses_1')).toEqual(['opencode', '--session', 'ses_1']);
  });
});
