import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../../src/agents/adapter.ts';
import type { Collected, Finding } from '../../../src/effects/effects.ts';
import { judge } from '../../../src/phases/judge.ts';
import type { Exit } from '../../../src/run/events.ts';
import { agentTask } from '../../support/plan.ts';

const report = { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result: null };
const well: Verdict = { ok: true, report, denials: [] };
const exit0: Exit = { kind: 'code', code: 0 };
function left(changed: readonly string[], findings: readonly Finding[] = []): Collected {
  return { changed, findings, delivery: { head: 'h', ref: 'refs/heads/orch/r/a', commits: 1, filesChanged: changed.length, insertions: 1, deletions: 0 } };
}
const reason = (task: Parameters<typeof agentTask>[1], collected: Collected, verdict: Verdict = well, exit: Exit = exit0): string => {
  const j = judge(agentTask('a', task), exit, verdict, collected);
  return j.ok ? 'ok' : `${j.reason}/${j.retry}`;
};

describe('an attempt is believed only when', () => {
  test.each<[string, string, string]>([
    ['changes were expected and made', reason({}, left(['a'])), 'ok'],
    ['… and not made', reason({}, left([])), 'no-changes/agent'],
    ['… and not made because tools were refused', reason({}, left([]), { ...well, denials: ['Write'] }), 'permission-denied/never'],
    ['refusals that did not matter', reason({}, left(['a']), { ...well, denials: ['Bash'] }), 'ok'],
    ['none were expected and none made', reason({ expect: 'none' }, left([])), 'ok'],
    ['… but made', reason({ expect: 'none' }, left(['a'])), 'unexpected-changes/agent'],
    ['anything goes', reason({ expect: 'any' }, left([])), 'ok'],
    ['it stayed in scope', reason({ paths: ['src/**', '*.md'] }, left(['src/a/b.ts', 'R.md', 'src/.hidden'])), 'ok'],
    ['… or not', reason({ paths: ['src/**'] }, left(['src/a.ts', 'test/b.ts'])), 'out-of-scope/never'],
    ['it left its branch', reason({}, left(['a'], [{ kind: 'left-branch', head: 'refs/heads/main' }])), 'left-branch/agent'],
    ['it left a merge in progress', reason({}, left(['a'], [{ kind: 'unmerged', paths: ['a'], operation: 'merge' }])), 'unmerged-paths/agent'],
    ['its worktree is gone', reason({}, left([], [{ kind: 'worktree-lost', message: 'm' }])), 'worktree-lost/agent'],
    ['a stash is only a note', reason({}, left(['a'], [{ kind: 'stashed' }])), 'ok'],
    ['we stopped it, whatever it did', reason({}, left(['a']), well, { kind: 'killed', by: 'interrupted', forced: false }), 'interrupted/never'],
    ['time was up, whatever it did', reason({}, left(['a']), well, { kind: 'timeout', afterMs: 1000, idle: false, forced: true }), 'timeout/timeout'],
    ['it was silent', reason({}, left(['a']), well, { kind: 'timeout', afterMs: 1000, idle: true, forced: false }), 'idle/timeout'],
  ])('%s', (_, got, wanted) => {
    expect(got).toBe(wanted);
  });

  test('a client that was stopped for waiting failed for what it waited for, unless it was the run that stopped', () => {
    const exit: Exit = { kind: 'killed', by: 'provider-limit', forced: false };
    const no = (why: 'rate-limited' | 'billing' | 'interrupted'): Verdict => ({ ok: false, reason: why, retry: why === 'rate-limited' ? 'provider' : 'never', message: 'm', report, notBefore: null });
    expect([no('rate-limited'), no('billing'), no('interrupted'), well].map((verdict) => reason({}, left([]), verdict, exit))).toEqual(['rate-limited/provider', 'billing/never', 'interrupted/never', 'interrupted/never']);
    expect(reason({}, left([]), no('rate-limited'), { ...exit, by: 'interrupted' })).toBe('interrupted/never');
  });

  test('the agent’s own failure comes before what its changes say, and a timeout tells where the work is', () => {
    const no: Verdict = { ok: false, reason: 'auth', retry: 'never', message: 'Invalid API key', report, notBefore: null };
    expect(reason({}, left([]), no)).toBe('auth/never');
    const j = judge(agentTask('a'), { kind: 'timeout', afterMs: 1000, idle: false, forced: false }, well, left(['a']));
    expect(j).toMatchObject({ ok: false, feedback: expect.stringContaining('refs/heads/orch/r/a') });
  });
});
