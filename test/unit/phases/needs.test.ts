// What a task is told of those before it, once they have ended.
import { expect, test } from 'vitest';
import { startedTask } from '../../../src/phases/needs.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { grownPlan } from '../../../src/run/grown.ts';
import { initialState, type RunState, type TaskState } from '../../../src/run/state.ts';
import { planned, workOf } from '../plan/rig.ts';

/** A state in which tasks have left something. */
function stateOf(plan: Plan, left: Readonly<Record<string, { outputs?: Record<string, string>; result?: string }>>): RunState {
  const state = initialState(plan);
  const tasks = plan.tasks.map(({ id }, index): TaskState => {
    const { outputs = {}, result = null } = left[id] ?? {};
    return { ...(state.tasks[index] as TaskState), outputs, report: { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result } };
  });
  return { ...state, tasks };
}
function told(text: string, left: Parameters<typeof stateOf>[1]): string {
  const plan = planned(text);
  const last = plan.tasks.at(-1);
  if (last === undefined) throw new Error('no task');
  const started = startedTask(plan, last, stateOf(plan, left));
  expect(started.late).toBeUndefined();
  return workOf(started);
}

test('of one task: its text, its branch, its outputs; what it did not write is empty', () => {
  const text = 'tasks: { a: { prompt: x }, b: { needs: a, prompt: "${{ needs.a.result }}|${{ needs.a.branch }}|${{ needs.a.outputs.n }}|${{ needs.a.outputs.none }}|${{ run.id }}|$${{ x }}" } }';
  expect(told(text, { a: { outputs: { n: '${{ 1 }}' }, result: 'Said $${{ this }}' } })).toBe('Said $${{ this }}|orch/r-1/a|${{ 1 }}||r-1|${{ x }}');
});

test('in a command it stays data', () => {
  expect(told('tasks: { a: { prompt: x }, b: { needs: a, run: "echo ${{ needs.a.result }} \\"${{ needs.a.outputs.n }}\\"" } }', { a: { outputs: { n: '$(rm)' }, result: "it's; rm -rf /" } })).toBe("echo 'it'\\''s; rm -rf /' \"\\$(rm)\"");
});

test('of a matrix: results under headings, branches in lines, outputs as a list; of one member as of a task', () => {
  const text = (use: string): string => `tasks: { m: { strategy: { matrix: { a: [1, 2] } }, prompt: x }, b: { needs: m, prompt: "${use}" } }`;
  const left = { 'm.1': { outputs: { n: 'one' }, result: 'First\n' }, 'm.2': { result: 'Second' } };
  expect(told(text('${{ needs.m.result }}'), left)).toBe('## m.1\n\nFirst\n\n## m.2\n\nSecond');
  expect(told(text('${{ needs.m.branch }}'), left)).toBe('orch/r-1/m.1\norch/r-1/m.2');
  expect(told(text('${{ needs.m.outputs.n }} ${{ needs.m.outputs.none }}'), left)).toBe('["one",""] ["",""]');
});

test('of tasks that were made meanwhile, also of none', () => {
  const plan = planned('tasks: { s: { prompt: x }, t: { needs: s, foreach: { from: needs.s.result }, prompt: "${{ item }} ${{ needs.s.result }}" }, end: { needs: t, prompt: "[${{ needs.t.result }}]${{ needs.t.outputs.n }}${{ needs.t.branch }}" } }');
  const end = plan.tasks[1];
  const template = plan.fanOuts?.[0]?.template;
  if (end === undefined || template === undefined) throw new Error('no task');
  const made = [{ ...template, id: 't.a', branch: 'orch/r-1/t.a' }];
  for (const [tasks, expected] of [[made, '[## t.a\n\nDone]["1"]orch/r-1/t.a'], [[], '[][]']] as const) {
    const added = [{ fanOut: 't', tasks }];
    const grown = grownPlan(plan, { added });
    const state = { ...stateOf(grown, { 't.a': { outputs: { n: '1' }, result: 'Done' } }), added };
    const now = grown.tasks.find(({ id }) => id === 'end');
    expect(workOf(now === undefined ? undefined : startedTask(grown, now, state))).toBe(expected);
  }
});

test('every text that is used when a task runs, and no other', () => {
  const plan = planned('tasks: { a: { prompt: x }, b: { needs: a, prompt: p, args: ["${{ needs.a.result }}"], env: { E: "${{ needs.a.result }}" }, setup: "s ${{ needs.a.result }}", verify: ["v ${{ needs.a.result }}"] } }');
  const last = plan.tasks[1];
  expect(last === undefined ? null : startedTask(plan, last, stateOf(plan, { a: { result: 'r s' } }))).toMatchObject({ work: { args: ['r s'] }, env: { E: 'r s' }, setup: ["s 'r s'"], verify: ["v 'r s'"] });
});
