// What of a run can be merged, and which tasks' work a task contains.
import { expect, test } from 'vitest';
import { mergeNeeds, outstandingMerges, unmergedTasks } from '../../../src/run/merges.ts';
import { exitCodeOf } from '../../../src/run/outcome.ts';
import { FRESH, initialState, type RunState, type TaskState } from '../../../src/run/state.ts';
import { plan, task } from '../../support/plan.ts';

const SHA = '1'.repeat(40);
const completed = (commits: number, merge: TaskState['merge'] = null): TaskState => ({
  ...FRESH, now: { at: 'settled', outcome: 'completed', reason: null, message: null }, merge,
  delivery: { head: SHA, ref: 'refs/heads/x', commits, filesChanged: commits, insertions: 0, deletions: 0 },
});
const chain = plan([task('a'), task('b', { needs: ['a'] }), task('c', { needs: ['b'] }), task('d', { needs: ['c', 'a'] })]);
const stateOf = (tasks: readonly TaskState[]): RunState => ({ ...initialState(chain), tasks, firstOpen: tasks.length });

test('needs reach through tasks that delivered nothing', () => {
  const state = stateOf([completed(1), completed(0), completed(2), completed(1)]);
  expect(['a', 'b', 'c', 'd'].map((id) => mergeNeeds(chain, state, id))).toEqual([[], ['a'], ['a'], ['a', 'c']]);
  expect(unmergedTasks(chain, state)).toEqual(['a', 'c', 'd']);
});

test('outstanding is what was asked for and is not merged; it makes the exit code 5', () => {
  const merged = { status: 'merged', commit: SHA, message: null } as const;
  const parked = { status: 'conflict', commit: null, message: 'x' } as const;
  const end = { when: 'end', strategy: 'merge', verify: [], onConflict: 'park', batch: 'auto', conflicts: [] } as const;
  const some = stateOf([completed(1, merged), completed(1), completed(1, parked), completed(0)]);
  expect([outstandingMerges(chain, some), exitCodeOf(chain, some)]).toEqual([['c'], 5]);
  expect([outstandingMerges({ ...chain, merge: end }, some), exitCodeOf({ ...chain, merge: end }, some)]).toEqual([['b', 'c'], 5]);
  const none = stateOf([completed(1, merged), completed(1), completed(1), completed(0)]);
  expect([outstandingMerges(chain, none), exitCodeOf(chain, none)]).toEqual([[], 0]);
  expect(exitCodeOf(chain, { ...some, tasks: [...some.tasks.slice(0, 3), { ...FRESH, now: { at: 'settled', outcome: 'failed', reason: 'timeout', message: null } }] })).toBe(1);
});
