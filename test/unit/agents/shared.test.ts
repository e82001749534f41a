// What all adapters share: reading a stream of JSON lines, counting what is new, times in messages, versions.
import { describe, expect, it } from 'vitest';
import { adapterFor, knownAdapters } from '../../../src/agents/adapters.ts';
import { readEvents } from '../../../src/agents/facts.ts';
import { resetTimeIn } from '../../../src/agents/reset-time.ts';
import { tokensSince } from '../../../src/agents/usage.ts';
import { isOlder, versionIn } from '../../../src/agents/version.ts';
import type { JsonObject } from '../../../src/lib/json.ts';

// A zone that is not UTC, so that a mistake between the two is seen.
process.env['TZ'] = 'Asia/Kolkata';

describe('a stream of events', () => {
  const facts = { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result: null, limit: null, retrying: null, denials: [] };
  it('is read line by line, whatever is in it', () => {
    const seen: JsonObject[] = [];
    const reader = readEvents({ ...facts, event: (event) => `event ${seen.push(event)}` });
    const lines = ['{"type":"a"}', ' {"type":1}\r', '{"broken', '', 'plain text ', '[1]', '{"type":"b"}{'];
    expect(lines.map((line) => reader.line(line, 'stdout'))).toEqual(['event 1', 'event 2', null, null, 'plain text', '[1]', null]);
    expect(['{"type":"a"}', ' '].map((line) => reader.line(line, 'stderr'))).toEqual(['{"type":"a"}', null]);
    expect(seen).toEqual([{ type: 'a' }, { type: 1 }]);
  });
  it('may have something to say on standard error', () => {
    const reader = readEvents({ ...facts, event: () => null, stderr: (line) => `! ${line}` });
    expect(reader.line('Attempt 1 failed', 'stderr')).toBe('! Attempt 1 failed');
  });
});

describe('tokens', () => {
  const of = (input: number, output = 0) => ({ input, output, cacheRead: 0, cacheWrite: 0 });
  it('of an attempt are what is new in its session', () => {
    expect(tokensSince(of(2400, 80), of(1200, 40))).toEqual(of(1200, 40));
    expect(tokensSince(of(2400, 80), null)).toEqual(of(2400, 80));
    expect(tokensSince(of(1200, 80), of(1300, 40))).toEqual(of(1200, 80));
  });
});

describe('the time in a message', () => {
  const now = Date.UTC(2026, 10, 20, 9, 0, 0);
  const local = (month: number, day: number, hour: number, minute: number): number => new Date(2026, month, day, hour, minute).getTime();
  const nextLocal = (hour: number, minute: number): number => [20, 21].map((day) => local(10, day, hour, minute)).find((time) => time > now) ?? 0;
  it.each([
    ['Claude AI usage limit reached|1795165550', 1_795_165_550_000],
    ["You've hit your limit · resets 9:05am (UTC)", now + 300_000],
    ["You've hit your limit · resets 8:36am (UTC)", Date.UTC(2026, 10, 21, 8, 36)],
    ["You've hit your limit · resets Nov 23, 8:36am (UTC)", Date.UTC(2026, 10, 23, 8, 36)],
    ["You've hit your limit · resets Jan 2, 12:00am (UTC)", Date.UTC(2027, 0, 2)],
    ['or try again at 8:36 PM.', nextLocal(20, 36)],
    ['or try again at 12:01 AM.', nextLocal(0, 1)],
    ['or try again at Nov 23rd, 2026 8:36 AM.', local(10, 23, 8, 36)],
    ['Rate limit reached. Please try again in 2s.', now + 2000],
    ['try again in 1.5 seconds', now + 1500],
    ['try again in 3 days 4 hours 5 minutes.', now + ((3 * 24 + 4) * 60 + 5) * 60_000],
    ['Your quota will reset after 1h2m3s.', now + 3_723_000],
    ['retry in 640ms', now + 640],
    ["You've hit your weekly limit · resets Mon 12:00am", null],
    ['it happened at least 3 times in 5 runs', null],
    ['see line 12:30 in the file', null],
    ['', null],
  ])('%s', (text, at) => {
    expect(resetTimeIn(text, now)).toBe(at);
  });
});

describe('versions', () => {
  it.each([['2.1.328 (Claude Code)', '2.1.328'], ['codex-cli 0.169.0', '0.169.0'], ['GitHub Copilot CLI 1.0.102.\nCommit: 1a2b', '1.0.102'], ['v0.61.0-nightly.2', '0.61.0'], ['usage: agent', null], ['1.2', null]])('are found in %j', (text, version) => {
    expect(versionIn(text)).toBe(version);
  });
  it('are compared part by part', () => {
    expect([isOlder('0.9.9', '0.10.0'), isOlder('1.0.0', '1.0.0'), isOlder('2.0.0', '1.9.9'), isOlder('1.2.3', '1.2.10')]).toEqual([true, false, false, true]);
  });
  it('that were measured are not too old', () => {
    for (const { versions } of knownAdapters.map(adapterFor)) expect(versions === null || !isOlder(versions.measured, versions.least)).toBe(true);
  });
  it('belong to adapters whose read-only mode is one of their modes', () => {
    for (const { capabilities: { permissionMode, readOnlyMode } } of knownAdapters.map(adapterFor)) expect(readOnlyMode === null || permissionMode.includes(readOnlyMode)).toBe(true);
  });
});
