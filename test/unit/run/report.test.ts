// What a run knows of an agent's sessions and tokens after several attempts.
import { expect, test } from 'vitest';
import type { AgentReport, Fact, Tokens } from '../../../src/run/events.ts';
import { reduce } from '../../../src/run/reduce.ts';
import { initialState } from '../../../src/run/state.ts';
import { agentTask, plan } from '../../support/plan.ts';

const of = (input: number): Tokens => ({ input, output: 0, cacheRead: 0, cacheWrite: 0 });
const one = plan([agentTask('a', { retries: 9 })]);

/** The report of the task after attempts that said this. */
function after(...reports: readonly Partial<AgentReport>[]): AgentReport | null | undefined {
  let state = initialState(one);
  let seq = 0;
  const add = (fact: Fact): void => {
    seq += 1;
    state = reduce(one, state, { ...fact, v: 1, seq, at: seq, run: 'test' });
  };
  for (const [i, more] of reports.entries()) {
    const report: AgentReport = { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result: null, ...more };
    add({ type: 'phase-started', phase: 'work', task: 'a', attempt: i + 1 });
    add({ type: 'phase-finished', phase: 'work', task: 'a', attempt: i + 1, result: { ok: false, reason: 'agent-error', retry: 'agent', message: '', detail: { report } } });
  }
  return state.tasks[0]?.report;
}

test('tokens are the sum over all attempts, the count of a session is that of the last one', () => {
  expect(after({ sessionId: 's', tokens: of(10), sessionTokens: of(10) }, { sessionId: 's', tokens: of(5), sessionTokens: of(15) })).toMatchObject({ sessionId: 's', tokens: of(15), sessionTokens: of(15) });
  expect(after({ sessionId: 's', tokens: of(10), sessionTokens: of(10) }, { sessionId: 't', tokens: of(5), sessionTokens: of(5) })).toMatchObject({ sessionId: 't', tokens: of(15), sessionTokens: of(5) });
});

test('an attempt that counted nothing keeps the count of its own session and of no other', () => {
  expect(after({ sessionId: 's', sessionTokens: of(10) }, { sessionId: 's' })?.sessionTokens).toEqual(of(10));
  expect(after({ sessionId: 's', sessionTokens: of(10) }, {})?.sessionTokens).toEqual(of(10));
  expect(after({ sessionId: 's', sessionTokens: of(10) }, { sessionId: 't' })?.sessionTokens).toBeUndefined();
});
