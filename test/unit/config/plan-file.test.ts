// A plan in a file: what was written is read back, and what was meddled with is refused, by its place.
import { describe, expect, it } from 'vitest';
import { looksLikePlan, parsePlan } from '../../../src/config/plan-file.ts';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { planned } from '../plan/rig.ts';

const TEXT = 'max-fail: 10%\ntasks: { a: { prompt: p, agent: mine, paths: [src], idle-timeout: 5m }, b: { needs: a, run: "x ${{ needs.a.result }}" }, t: { needs: a, foreach: { from: needs.a.result }, prompt: "${{ item }}" }, m: { needs: t, strategy: { matrix: { x: [1, 2] } }, run: y } }';
const PLAN = planned(TEXT);
const read = (plan: unknown): string => {
  const result = parsePlan(JSON.stringify(plan), 'plan.json');
  return result.ok ? 'nothing wrong' : formatDiagnostics(result.diagnostics);
};
const changed = (change: (plan: { -readonly [Key in keyof Plan]: unknown } & { tasks: Record<string, unknown>[] }) => void): unknown => {
  const copy = structuredClone(PLAN) as never;
  change(copy);
  return copy;
};

describe('a plan file', () => {
  it('is read back as it was written, without what --json adds', () => {
    expect(parsePlan(JSON.stringify({ ...PLAN, waves: [['a']], estimate: null, overlaps: [], warnings: [] }), 'p')).toEqual({ ok: true, plan: PLAN });
    expect(parsePlan(JSON.stringify(planned('tasks: [x]')), 'p')).toEqual({ ok: true, plan: planned('tasks: [x]') });
  });
  it('is told from a manifest', () => {
    expect(looksLikePlan(JSON.stringify(PLAN))).toBe(true);
    expect(['', '{', '{"tasks": ["a"]}', '{"tasks": ["the \\"format\\" of x"]}', 'format: 1', '[{"format":1,"base":1}]'].map(looksLikePlan)).toEqual([false, false, false, false, false, false]);
  });
  it.each<[string, unknown, string]>([
    ['a later format', { ...PLAN, format: 2 }, 'plan.json format: is 2, and this orch reads plans of format 1; run it with the orch that made it'],
    ['no tasks', { ...PLAN, tasks: [] }, 'plan.json tasks: '],
    ['a wrong number', { ...PLAN, maxParallel: 0 }, 'plan.json maxParallel: '],
    ['a word for a number', { ...PLAN, graceMs: '1s' }, 'plan.json graceMs: '],
    ['a short commit', { ...PLAN, base: { ref: 'main', sha: 'abc' } }, 'plan.json base.sha: is not the full name of a commit'],
    ['a relative root', { ...PLAN, worktrees: { ...PLAN.worktrees, root: '../x' } }, 'plan.json worktrees.root: must be an absolute path'],
    ['an unknown key in a task', changed((plan) => { Object.assign(plan.tasks[0] ?? {}, { vreify: [] }); }), 'plan.json tasks.0: '],
    ['a task without work', changed((plan) => { delete plan.tasks[0]?.['work']; }), 'plan.json tasks.0.work: '],
    ['an id that is none', changed((plan) => { Object.assign(plan.tasks[0] ?? {}, { id: '../x' }); }), 'plan.json tasks.0.id: is not an id'],
    ['the same id twice', changed((plan) => { plan.tasks.push(plan.tasks[0] ?? {}); }), 'plan.json tasks.a: is there twice'],
    ['a branch of somebody else', changed((plan) => { Object.assign(plan.tasks[0] ?? {}, { branch: 'main' }); }), 'plan.json tasks.a.branch: must be orch/r-1/a'],
    ['a need that is not there', changed((plan) => { Object.assign(plan.tasks[0] ?? {}, { needs: ['zzz'] }); }), 'plan.json tasks.a.needs: there is no task "zzz"'],
    ['a circle', changed((plan) => { Object.assign(plan.tasks[0] ?? {}, { needs: ['b'] }); }), 'needs: the task waits for itself'],
    ['an agent that is not there', { ...PLAN, agents: {} }, 'plan.json tasks.a.work.agent: the plan has no agent "mine"'],
    ['a fan-out from nowhere', { ...PLAN, fanOuts: PLAN.fanOuts?.map((fanOut) => Object.assign({}, fanOut, { from: { task: 'b', output: null } })) }, 'plan.json fanOuts.t.from: must be a task that the fan-out needs'],
  ])('with %s is refused', (_, plan, message) => {
    expect(read(plan)).toContain(message);
  });
});
