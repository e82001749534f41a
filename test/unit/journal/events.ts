// Events and plans for the tests of the journal; also for processes that run outside of the test runner.
import type { Plan } from '../../../src/plan/plan.ts';
import type { RunEvent } from '../../../src/run/events.ts';

/** `count` events from seq `first`; every seventh is a big one with text beyond ASCII. */
export function sampleEvents(count: number, first = 1, run = 'sample'): RunEvent[] {
  return Array.from({ length: count }, (_, index): RunEvent => {
    const seq = first + index;
    const stamp = { v: 1, seq, at: 1_790_000_000_000 + seq * 10, run } as const;
    if (seq === 1) return { ...stamp, type: 'run-started', format: 1, name: 'sample', base: 'a'.repeat(40), target: 'main', tasks: 3, plan: 'b'.repeat(64) };
    if (seq % 7 === 0) return { ...stamp, type: 'task-settled', task: `task-${seq}`, outcome: 'failed', reason: 'verify-failed', message: 'ünïcødé ✓ \u{1f600} \ud800 "quoted"\nnext line' };
    return { ...stamp, type: 'phase-started', phase: 'work', task: `task-${seq}`, attempt: 1 };
  });
}

/** A small plan; the store looks at `format`, `run` and `tasks` only. */
export function samplePlan(run: string): Plan {
  return {
    format: 1, run, name: 'sample', manifest: 'tasks.yml', base: { ref: 'main', sha: 'a'.repeat(40) }, target: 'main', maxParallel: 2, maxFail: null,
    maxWaitMs: 0, graceMs: 1000, agents: {}, worktrees: { root: '/nowhere', copy: [], link: [], keep: 'failed' }, passEnv: [], tasks: [],
  };
}
