// Models by effort, ladders, several attempts and money: from a manifest to its plan, and what is wrong with one.
import { describe, expect, test } from 'vitest';
import { expectedCosts } from '../../../src/plan/estimate.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { complaints, ids, planned } from './rig.ts';

const modelsIn = (plan: Plan): string[] => plan.tasks.map(({ id, work }) => (work.kind === 'run' ? id : `${id} ${work.agent} ${work.model ?? '-'}${work.escalate === undefined ? '' : ` ${work.escalate.join('>')}`}`));

describe('a model by effort', () => {
  test('is chosen task by task, with the default for the others', () => {
    const text = 'model: { simple: haiku, default: sonnet }\ntasks:\n  a: { prompt: x, effort: simple }\n  b: x\n  c: { prompt: x, effort: heroic }\n  d: { prompt: x, model: opus }\n  e: { run: make }\n';
    expect(modelsIn(planned(text))).toEqual(['a claude haiku', 'b claude sonnet', 'c claude sonnet', 'd claude opus', 'e']);
  });

  test('can be said of an agent in the configuration', () => {
    const config = 'agents: { claude: { model: { simple: haiku, default: sonnet } } }';
    expect(modelsIn(planned('tasks: { a: { prompt: x, effort: simple } }', { config }))).toEqual(['a claude haiku']);
  });

  test.each([
    ['tasks: { a: { prompt: x, effort: simple } }', 'tasks.yml:1:34 tasks.a.effort: the agent "claude" cannot honour `effort`; remove it, or put it under the tasks that can use it'],
    ['model: { simple: haiku, default: x }\ntasks: { a: { prompt: x, effort: simpel } }', 'tasks.yml:2:34 tasks.a.effort: `model` has no "simpel"; did you mean `simple`?'],
    ['model: { simple: haiku }\ntasks: { a: x }', 'tasks.yml:1:8 model: has no `default`, and the task has no `effort`; add `default: …`, or give the task an effort'],
    ['model: { simple: haiku }\ntasks: { a: { prompt: x, effort: heroic } }', 'tasks.yml:2:34 tasks.a.effort: `model` has neither "heroic" nor a `default`; known: simple'],
    ['model: { simple: 4 }\ntasks: { a: x }', 'tasks.yml:1:18 model.simple: must be text, not a number; put it in quotes: "4"'],
    ['tasks: { a: { run: x, effort: simple } }', 'tasks.yml:1:23 tasks.a.effort: `effort` means nothing to a `run` task, which has no agent; remove it'],
  ])('%s', (text, message) => {
    expect(complaints(text)).toBe(message);
  });
});

describe('a ladder', () => {
  test('begins with its first model, or with that of the task', () => {
    const text = 'defaults: { verify: make, escalate: [haiku, sonnet, opus] }\ntasks:\n  a: x\n  b: { prompt: x, model: sonnet }\n  c: { run: make }\n';
    expect(modelsIn(planned(text))).toEqual(['a claude haiku haiku>sonnet>opus', 'b claude sonnet sonnet>opus', 'c']);
  });

  test.each([
    ['tasks: { a: { prompt: x, escalate: [a, b] } }', 'tasks.yml:1:36 tasks.a.escalate: climbs when a `verify` fails, and the task has none; add `verify: command`, or remove it'],
    ['tasks: { a: { prompt: x, verify: v, model: c, escalate: [a, b] } }', 'tasks.yml:1:57 tasks.a.escalate: does not have the model "c" that the task begins with; add it to the list, or leave out `model`'],
    ['tasks: { a: { prompt: x, verify: v, escalate: [a] } }', 'tasks.yml:1:47 tasks.a.escalate: needs two models or more'],
  ])('%s', (text, message) => {
    expect(complaints(text)).toBe(message);
  });
});

describe('best-of', () => {
  test('makes a task of each attempt, and one of the id that chooses; who needs it needs that', () => {
    const plan = planned('tasks:\n  fix: { prompt: "mend ${{ task.id }}", name: Mend, best-of: 3, verify: make, score: ./measure, retries: 1 }\n  after: { needs: fix, run: make }\n');
    expect(ids(plan)).toEqual(['fix.1', 'fix.2', 'fix.3', 'fix', 'after']);
    expect(plan.tasks[1]).toMatchObject({ name: 'Mend (2 of 3)', branch: 'orch/r-1/fix.2', candidateOf: 'fix', score: './measure', verify: ['make'], retries: 1, work: { prompt: 'mend fix.2' } });
    expect(plan.tasks[3]).toMatchObject({ name: 'Mend', branch: 'orch/r-1/fix', needs: ['fix.1', 'fix.2', 'fix.3'], choose: ['fix.1', 'fix.2', 'fix.3'], verify: [], setup: [] });
    expect(plan.tasks[4]?.needs).toEqual(['fix']);
  });

  test('of variants gives each its own agent and model', () => {
    const plan = planned('model: sonnet\ntasks:\n  fix: { prompt: x, best-of: [{ model: haiku }, { agent: mine, model: big }, {}] }\n', { config: 'agents: { mine: { command: x } }' });
    expect(modelsIn(plan)).toEqual(['fix.1 claude haiku', 'fix.2 mine big', 'fix.3 claude sonnet', 'fix']);
  });

  test('works for each member of a matrix, and leaves taken ids alone', () => {
    const plan = planned('tasks:\n  d: { prompt: "x ${{ matrix.p }}", best-of: 2, strategy: { matrix: { p: [a, b] } } }\n  d.a.1: y\n');
    expect(ids(plan).filter((id) => /^d\.[ab](\.\w+)?$/.test(id)).length).toBe(6);
    expect(new Set(ids(plan)).size).toBe(7);
    expect(plan.tasks.find(({ id }) => id === 'd.b')).toMatchObject({ of: 'd', choose: ['d.b.1', 'd.b.2'] });
  });

  test('is not for commands that all tasks share defaults with', () => {
    expect(ids(planned('defaults: { best-of: 2 }\ntasks: { a: x, b: { run: make } }'))).toEqual(['a.1', 'a.2', 'a', 'b']);
  });

  test.each([
    ['tasks: { a: { prompt: x, best-of: 1 } }', 'tasks.yml:1:35 tasks.a.best-of: must be at least 2'],
    ['tasks: { a: { prompt: x, best-of: [{ modle: a }, {}] } }', 'tasks.yml:1:38 tasks.a.best-of[0].modle: unknown key "modle"'],
    ['tasks: { a: { prompt: x, score: s } }', 'tasks.yml:1:33 tasks.a.score: compares the attempts of `best-of`, and the task has none; add `best-of: 3`, or remove it'],
    ['tasks: { s: { run: x }, a: { needs: s, prompt: "x ${{ item }}", foreach: { from: needs.s.outputs.o }, best-of: 2 } }', 'tasks.yml:1:112 tasks.a.best-of: cannot be used with `foreach: { from: … }`; make the list when the plan is made, or leave out `best-of`'],
    ['tasks: { a: { prompt: x, best-of: [{ agent: nobody }, {}] } }', 'tasks.yml:1:45 tasks.a.best-of[0].agent: there is no agent "nobody"'],
  ])('%s', (text, message) => {
    expect(complaints(text).split('\n')[0]).toContain(message);
  });
});

describe('money', () => {
  test('is in the plan with what attempts took before', () => {
    expect(planned('budget: { usd: 20, usd-per-task: 1 }\ntasks: { a: x }').budget).toEqual({ usd: 20, usdPerTask: 1, expected: {} });
    expect(planned('tasks: { a: x }', { config: 'budget: { usd: 5 }\nprices: { my-model: { input: 1, output: 2 } }' })).toMatchObject({ budget: { usd: 5, usdPerTask: null }, prices: { 'my-model': { input: 1, output: 2, cacheRead: 1, cacheWrite: 1 } } });
    const sample = (model: string | null, costUsd: number) => ({ agent: 'claude', model, tookMs: 1, costUsd });
    expect(expectedCosts(planned('tasks: { a: x }').tasks, [sample(null, 0.2), sample(null, 0.3), sample('opus', 9)])).toEqual({ 'claude ': 0.3 });
  });

  test.each([
    ['budget: {}\ntasks: [x]', 'budget: limits nothing; write for example `{ usd: 20 }`'],
    ['budget: { usd: "20" }\ntasks: [x]', 'budget.usd: must be a number, without quotes or `$`: 20'],
    ['budget: { usd: 0 }\ntasks: [x]', 'budget.usd: must be more than nothing'],
    ['budget: { usd: $20 }\ntasks: [x]', 'budget.usd: must be a number, without quotes or `$`: 20'],
  ])('%s', (text, message) => {
    expect(complaints(text)).toContain(message);
  });
});
