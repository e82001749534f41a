import { describe, expect, test } from 'vitest';
import type { RetryClass } from '../../../src/run/events.ts';
import { afterFailure, MAX_INFRASTRUCTURE_RETRIES } from '../../../src/run/retry.ts';
import { initialState, type TaskState } from '../../../src/run/state.ts';
import { agentTask, plan } from '../../support/plan.ts';

const task = agentTask('a', { retries: 1 });
const fresh = initialState(plan([task])).tasks[0] as TaskState;
const failure = (retry: RetryClass, state: Partial<TaskState> = {}, over = {}): ReturnType<typeof afterFailure> =>
  afterFailure({ ...task, ...over }, { ...fresh, ...state }, { ok: false, reason: 'agent-error', retry, message: 'm', detail: {}, at: 1000, attempt: 1, phase: 'work' });

describe('retries by class', () => {
  test.each<[RetryClass, string, boolean, boolean]>([
    // class, next phase, counts, resumes the session
    ['infrastructure', 'prepare', false, false],
    ['provider', 'work', false, true],
    ['timeout', 'prepare', true, false],
    ['verify', 'work', true, true],
    ['agent', 'prepare', true, false],
  ])('%s → %s', (retry, next, counts, resumeSession) => {
    expect(failure(retry)).toMatchObject({ now: { at: 'waiting', next, attempt: 2 }, counts, resumeSession });
  });

  test('a verification that could not be started is tried again by itself: the agent had ended well', () => {
    const again = afterFailure(task, fresh, { ok: false, reason: 'spawn', retry: 'infrastructure', message: 'm', detail: {}, at: 1000, attempt: 2, phase: 'verify' });
    expect(again).toEqual({ now: { at: 'waiting', next: 'verify', attempt: 2, notBefore: 2000 }, counts: false, resumeSession: false });
  });

  test('never ends the task', () => {
    expect(failure('never')).toMatchObject({ now: { at: 'ending', outcome: 'failed', reason: 'agent-error' } });
  });

  test.each<RetryClass>(['timeout', 'verify', 'agent'])('%s stops when its retries are used up, or it is not in retry-on', (retry) => {
    expect(failure(retry, { counted: 1 }).now.at).toBe('ending');
    expect(failure(retry, {}, { retryOn: [] }).now.at).toBe('ending');
    expect(failure(retry, {}, { retries: 0 }).now.at).toBe('ending');
  });

  test('provider and infrastructure need no retries, and infrastructure backs off and gives up', () => {
    expect(failure('provider', { counted: 1 }, { retries: 0 }).now.at).toBe('waiting');
    const waits = Array.from({ length: MAX_INFRASTRUCTURE_RETRIES }, (_, infra) => failure('infrastructure', { infra }, { retries: 0 }).now);
    expect(waits.map((now) => (now.at === 'waiting' ? now.notBefore : -1))).toEqual([2000, 5000, 17_000]);
    expect(failure('infrastructure', { infra: MAX_INFRASTRUCTURE_RETRIES }).now.at).toBe('ending');
  });
});
