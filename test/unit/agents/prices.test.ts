// What tokens cost, where a client does not say it.
import { expect, test } from 'vitest';
import { priced, priceOf } from '../../../src/agents/prices.ts';
import type { AgentReport } from '../../../src/run/events.ts';

const report = (over: Partial<AgentReport> = {}): AgentReport => ({ sessionId: null, model: 'gpt-5-codex', costUsd: null, tokens: { input: 1_000_000, output: 100_000, cacheRead: 2_000_000, cacheWrite: 0 }, turns: 1, result: null, ...over });

test('a report without a cost gets one, and says that it is an estimate', () => {
  expect(priced(report(), { asked: null, prices: undefined })).toMatchObject({ costUsd: 1.25 + 1 + 0.25, isCostEstimate: true });
  expect(priced(report({ model: null }), { asked: 'gpt-5-mini', prices: undefined })).toMatchObject({ costUsd: 0.25 + 0.2 + 0.05 });
});

test('what a client says, and what nobody knows, stays as it is', () => {
  for (const one of [report({ costUsd: 0 }), report({ tokens: null }), report({ model: 'nobody-knows' })]) expect(priced(one, { asked: null, prices: undefined })).toBe(one);
});

test('names: the longest beginning, without provider and variant; what is configured goes first', () => {
  expect(priceOf('anthropic/claude-sonnet-4-5[1m]')).toMatchObject({ input: 3, output: 15 });
  expect(priceOf('gemini-2.5-flash-lite')).toMatchObject({ input: 0.1 });
  const mine = { input: 9, output: 9, cacheRead: 9, cacheWrite: 9 };
  expect(priceOf('claude-sonnet-4-5', { 'claude-sonnet': mine })).toBe(mine);
  expect(priceOf('local/thing', { 'local/': mine })).toBe(mine);
});
