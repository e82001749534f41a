// The choice among several attempts: by what verify let through, then score, then size; and what a run makes of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { choiceOf } from '../../../src/run/best-of.ts';
import { decide } from '../../../src/run/decide.ts';
import { unmergedTasks } from '../../../src/run/merges.ts';
import { exitCodeOf } from '../../../src/run/outcome.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { PhaseResult } from '../../../src/run/events.ts';
import { lastNumber } from '../../../src/phases/score.ts';
import { agentTask, plan, task } from '../../support/plan.ts';
import { DELIVERY, Story } from '../../support/story.ts';

interface Attempt {
  readonly isVerified: boolean;
  readonly score: number | null;
  readonly lines: number;
}

const planned = (count: number, over: Partial<Plan> = {}): Plan => {
  const ids = Array.from({ length: count }, (_, i) => `fix.${i + 1}`);
  const candidates = ids.map((id) => agentTask(id, { candidateOf: 'fix', verify: ['check'], score: 'measure' }));
  const choice = task('fix', { work: { kind: 'run', command: '# the best' }, choose: ids, needs: ids });
  return plan([...candidates, choice, task('after', { needs: ['fix'] })], { maxParallel: count, ...over });
};

/** Runs the plan; `attempt` says what becomes of each candidate. */
function run(frozen: Plan, attempts: readonly Attempt[], stopAfter = Number.POSITIVE_INFINITY, story = new Story(frozen)): Story {
  if (story.events.length === 0) story.begin();
  for (let steps = 0; steps < 500; steps += 1) {
    const decision = decide(frozen, story.state, story.now);
    if (decision === undefined || 'wakeAt' in decision) {
      if (decision === undefined) return story;
      story.now = decision.wakeAt;
      continue;
    }
    if ('record' in decision) { story.tell(decision.record); if (decision.record.type === 'run-finished') return story; continue; }
    const { phase, task: id } = decision.launch;
    story.tell({ type: 'phase-started', ...decision.launch });
    if (story.events.length > stopAfter) return story;
    story.finish(id, resultOf(frozen, story, { phase, id, attempts }), decision.launch.attempt);
  }
  throw new Error('does not end');
}

function resultOf(frozen: Plan, story: Story, { phase, id, attempts }: { phase: string; id: string; attempts: readonly Attempt[] }): PhaseResult {
  const attempt = attempts[Number(id.split('.')[1]) - 1];
  if (id === 'fix') {
    const choice = choiceOf(frozen, story.state, frozen.tasks.find((one) => one.id === 'fix') ?? task('fix'));
    const winner = choice.kind === 'winner' ? story.state.tasks[choice.index] : undefined;
    return { ok: true, detail: winner?.delivery == null ? {} : { delivery: { ...winner.delivery, ref: 'refs/heads/orch/test/fix' } } };
  }
  if (attempt === undefined) return { ok: true, detail: {} };
  if (phase === 'prepare') return { ok: true, detail: { start: 'b'.repeat(40) } };
  if (phase === 'work') return { ok: true, detail: { delivery: { ...DELIVERY, head: id.slice(-1).repeat(40), insertions: attempt.lines, deletions: 0 } } };
  if (!attempt.isVerified) return { ok: false, reason: 'verify-failed', retry: 'verify', message: 'no', detail: {} };
  return { ok: true, detail: attempt.score === null ? {} : { score: attempt.score } };
}

const attemptsArbitrary = fc.array(fc.record({ isVerified: fc.boolean(), score: fc.option(fc.integer({ min: -3, max: 3 })), lines: fc.integer({ min: 0, max: 3 }) }), { minLength: 2, maxLength: 5 });

describe('the choice', () => {
  test('is the best of those that passed: nobody that passed is better', () => {
    fc.assert(fc.property(attemptsArbitrary, (attempts) => {
      const frozen = planned(attempts.length);
      const { state } = run(frozen, attempts);
      const fix = state.tasks[attempts.length];
      const passed = attempts.flatMap((one, i) => (one.isVerified ? [{ ...one, i }] : []));
      if (passed.length === 0) {
        expect(fix?.now).toMatchObject({ outcome: 'failed', reason: 'verify-failed' });
        expect(state.tasks.at(-1)?.now).toMatchObject({ outcome: 'skipped' });
        expect(exitCodeOf(frozen, state)).toBe(1);
        return;
      }
      const worth = ({ score, lines, i }: { score: number | null; lines: number; i: number }): number => (score ?? -1000) * 1000 - lines * 10 - i;
      const best = passed.reduce((a, b) => (worth(b) > worth(a) ? b : a));
      expect(fix?.delivery?.head).toBe(String(best.i + 1).repeat(40));
      expect(state.tasks.at(-1)?.now).toMatchObject({ outcome: 'completed' });
      expect(exitCodeOf(frozen, state)).toBe(0);
    }));
  });

  test('is the same after a crash at any event', () => {
    const attempts = [{ isVerified: false, score: null, lines: 1 }, { isVerified: true, score: 2, lines: 9 }, { isVerified: true, score: 2, lines: 3 }];
    const frozen = planned(3);
    for (let stop = 1; stop < 40; stop += 1) {
      const story = run(frozen, attempts, stop);
      story.tell({ type: 'run-resumed', failed: true });
      const { state } = run(frozen, attempts, Number.POSITIVE_INFINITY, story);
      expect(state.tasks[3]?.delivery?.head, `${stop}`).toBe('3'.repeat(40));
      expect(exitCodeOf(frozen, state)).toBe(0);
    }
  });

  test('once made is not made again by a resume, whoever failed', () => {
    const attempts = [{ isVerified: false, score: null, lines: 1 }, { isVerified: true, score: null, lines: 1 }];
    const frozen = planned(2);
    const story = run(frozen, attempts);
    const before = story.events.length;
    story.tell({ type: 'run-resumed', failed: true });
    run(frozen, attempts, Number.POSITIVE_INFINITY, story);
    expect(story.events.slice(before).map(({ type }) => type)).toEqual(['run-resumed', 'run-finished']);
  });
});

test('attempts are neither merged nor counted as failures: the task that chose is', () => {
  const attempts = [{ isVerified: false, score: null, lines: 1 }, { isVerified: true, score: null, lines: 1 }, { isVerified: true, score: null, lines: 2 }];
  const frozen = planned(3, { target: 'main', maxFail: { kind: 'count', count: 1 } });
  const { state } = run(frozen, attempts);
  expect(unmergedTasks(frozen, state)).toEqual(['fix']);
  expect(state.tasks.at(-1)?.now).toMatchObject({ outcome: 'completed' });
});

test.each([['42', 42], ['coverage: 87.5% of 12 files\n', 12], ['1e3\n', 1000], ['-3.5', -3.5], ['v2\nnone', null], ['', null], ['NaN', null], ['1.2.3 7', 7]])('the score in %j', (text, value) => {
  expect(lastNumber(text)).toBe(value);
});
