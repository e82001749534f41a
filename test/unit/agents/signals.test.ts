// What a stream tells of its provider while the attempt goes on.
import { expect, test } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import { SPEC } from './samples.ts';

const retry = (error: string, status: number | null) => ({ type: 'system', subtype: 'api_retry', attempt: 1, retry_delay_ms: 600, error_status: status, error });
const said = (text: string) => ({ type: 'assistant', message: { role: 'assistant', content: [{ type: 'text', text }] } });
const limit = (status: string) => ({ type: 'rate_limit_event', rate_limit_info: { status, resetsAt: 1_795_165_550, rateLimitType: 'five_hour', overageStatus: 'rejected' } });

/** What each of these events tells, as work.ts asks for it. */
function signals(events: readonly object[]): (string | null)[] {
  const reader = adapterFor('claude').read(SPEC);
  return events.map((event) => {
    reader.line(JSON.stringify(event), 'stdout');
    const signal = reader.signal?.() ?? null;
    return signal === null ? null : signal.kind === 'answered' ? signal.kind : `${signal.kind} ${signal.message}`;
  });
}

test('the first answer, each refusal, and the answer after it', () => {
  expect(signals([{ type: 'system', subtype: 'init', model: 'm' }, said('a'), said('b'), retry('rate_limit', 429), retry('overloaded', 529), said('c'), said('d')]))
    .toEqual([null, 'answered', null, 'refused rate_limit (429)', 'refused overloaded (529)', 'answered', null]);
});

test('a server or a network that fails asks for no fewer requests', () => {
  expect(signals([retry('server_error', 500), retry('unknown', null), retry('authentication_failed', 401)])).toEqual([null, null, null]);
});

test('a quota only where it is rejected, and once', () => {
  expect(signals([limit('allowed_warning'), limit('rejected'), { type: 'whatever' }])).toEqual([null, 'used-up usage limit (five_hour)', null]);
});

test('words change nothing, and an error in the words of the model is no answer', () => {
  expect(signals([said('Claude AI usage limit reached|1795165550'), said('429 rate_limit')])).toEqual(['answered', null]);
  expect(signals([{ ...said('Invalid API key'), error: 'authentication_failed' }])).toEqual([null]);
});

test('of other clients, from what they have', () => {
  const reader = adapterFor('codex').read({ ...SPEC, name: 'codex', adapter: 'codex', command: ['codex'] });
  const tell = (event: object): unknown => {
    reader.line(JSON.stringify(event), 'stdout');
    return reader.signal?.()?.kind ?? null;
  };
  expect(tell({ type: 'thread.started', thread_id: 't' })).toBeNull();
  expect(tell({ type: 'error', message: 'Reconnecting... 1/5 (exceeded retry limit, last status: 429 Too Many Requests)' })).toBe('refused');
  expect(tell({ type: 'item.completed', item: { type: 'agent_message', text: 'done' } })).toBe('answered');
});
