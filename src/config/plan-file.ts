// TEXT → PLAN: a plan that `orch plan -o` wrote, believed only as far as it was checked. Pure. What else stands in the
// file (`waves`, `estimate`, … of `orch plan --json`) is left out.
import path from 'node:path';
import * as z from 'zod';
import { cyclesOf, stagesOf } from '../lib/graph.ts';
import { foldId, isId } from '../lib/slug.ts';
import { isObject } from '../lib/json.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic, Place } from '../manifest/diagnostic.ts';
import { needIndexes, nodesOf } from '../plan/graph.ts';
import type { Plan } from '../plan/plan.ts';

const text = z.string().refine((value) => !value.includes('\0'), { error: 'contains a NUL character' });
const texts = z.array(text);
const variables = z.record(z.string(), text);
const id = z.string().refine(isId, { error: 'is not an id' });
const sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, { error: 'is not the full name of a commit' });
const count = z.int().min(0);

const work = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('agent'), agent: z.string(), prompt: text, model: text.nullable(), escalate: texts.min(1).optional(), effort: text.optional(), args: texts, maxTurns: count.nullable(),
    permissionMode: text.nullable(), allowedTools: texts,
  }),
  z.strictObject({ kind: z.literal('run'), command: text }),
]);
const task = z.strictObject({
  id, name: text, work, needs: z.array(id), env: variables, setup: texts, verify: texts, expect: z.enum(['changes', 'none', 'any']),
  paths: texts.nullable(), timeoutMs: count, idleTimeoutMs: count.nullable(), retries: count, retryOn: z.array(z.enum(['timeout', 'verify', 'agent'])),
  continueOnError: z.boolean(), concurrency: text.nullable(), branch: z.string(), score: text.optional(), candidateOf: id.optional(), choose: z.array(id).min(2).optional(), base: z.literal('target').optional(), of: z.string().optional(), late: z.literal(true).optional(),
});
const fanOut = z.strictObject({
  id, from: z.strictObject({ task: id, output: text.nullable() }), exclude: texts, batch: z.int().min(1), maxTasks: z.int().min(1), template: task,
});
const agent = z.strictObject({
  name: z.string(), adapter: z.string(), command: texts.min(1), prompt: z.enum(['stdin', 'arg', 'file']), output: z.enum(['text', 'claude-stream-json']), args: texts, env: variables,
});
const merge = z.strictObject({
  when: z.enum(['never', 'each', 'end']), strategy: z.enum(['merge', 'squash', 'rebase']), verify: texts, onConflict: z.enum(['park', 'fail', 'retry', 'resolve']), batch: z.union([z.literal('auto'), z.int().min(1)]),
  conflicts: z.array(z.strictObject({ paths: text, resolve: z.union([z.enum(['union', 'ours', 'theirs']), z.strictObject({ regenerate: text })]) })),
  pullRequest: z.enum(['run', 'task']).optional(), coAuthor: z.union([z.literal(true), text]).optional(),
});
const dollars = z.number().min(0);
const budget = z.strictObject({ usd: dollars.nullable(), usdPerTask: dollars.nullable(), expected: z.record(z.string(), dollars) });
const price = z.strictObject({ input: dollars, output: dollars, cacheRead: dollars, cacheWrite: dollars });
/** Without the keys that a later orch may add at the top. */
const schema = z.object({
  format: z.literal(1), run: id, name: text, manifest: text.nullable(), base: z.strictObject({ ref: text, sha }), target: text.nullable(),
  maxParallel: z.int().min(1), maxFail: z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('count'), count: z.int().min(1) }), z.strictObject({ kind: z.literal('percent'), percent: z.int().min(1).max(100) })]).nullable(),
  maxWaitMs: count, graceMs: count, agents: z.record(z.string(), agent),
  worktrees: z.strictObject({ root: text, copy: texts, link: texts, setup: texts.optional(), keep: z.enum(['failed', 'always', 'never']) }),
  passEnv: texts, isolation: z.strictObject({ kind: z.enum(['process', 'sandbox', 'auto']), network: z.enum(['on', 'none']), credential: text.nullable(), read: texts }).optional(), notify: z.strictObject({ command: text.nullable(), desktop: z.boolean().nullable() }).optional(), merge: merge.optional(), budget: budget.optional(), prices: z.record(z.string(), price).optional(), tasks: z.array(task).min(1), fanOuts: z.array(fanOut).optional(),
});

export type ParsePlanResult = { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Whether a text is meant to be a plan and not a manifest: a JSON map with `format` and `base`. */
export function looksLikePlan(source: string): boolean {
  if (!/^\s*\{/.test(source) || !source.includes('"format"')) return false;
  try {
    const value: unknown = JSON.parse(source);
    return isObject(value) && 'format' in value && 'base' in value;
  } catch {
    return false;
  }
}

/** Reads a plan; everything that is wrong with it is told, by its place in the JSON. */
export function parsePlan(source: string, file: string): ParsePlanResult {
  const at = (...parts: readonly PropertyKey[]): Place => ({ file, line: 0, col: 0, path: parts.map(String).join('.') });
  const value = JSON.parse(source) as { format?: unknown };
  if (typeof value.format === 'number' && value.format > 1) {
    return { ok: false, diagnostics: [problem(at('format'), `is ${value.format}, and this orch reads plans of format 1`, 'run it with the orch that made it')] };
  }
  const checked = schema.safeParse(value);
  if (!checked.success) {
    return { ok: false, diagnostics: checked.error.issues.slice(0, 20).map((issue) => problem(at(...issue.path), issue.message, 'plans are made by `orch plan -o`; change the manifest instead')) };
  }
  // `exactOptionalPropertyTypes`: zod allows an explicit undefined where JSON has none.
  const plan = checked.data as Plan;
  const diagnostics = relationProblems(plan, at);
  return diagnostics.length === 0 ? { ok: true, plan } : { ok: false, diagnostics };
}

function relationProblems(plan: Plan, at: (...parts: readonly PropertyKey[]) => Place): Diagnostic[] {
  const found: Diagnostic[] = [];
  const nodes = nodesOf(plan);
  const ids = new Set<string>();
  for (const { id: own, needs, work: todo, branch } of nodes) {
    if (ids.has(foldId(own))) found.push(problem(at('tasks', own), 'is there twice'));
    ids.add(foldId(own));
    if (todo.kind === 'agent' && !Object.hasOwn(plan.agents, todo.agent)) found.push(problem(at('tasks', own, 'work', 'agent'), `the plan has no agent ${quoted(todo.agent)}`));
    if (branch !== `orch/${plan.run}/${own}`) found.push(problem(at('tasks', own, 'branch'), `must be orch/${plan.run}/${own}`));
    if (needs.includes(own)) found.push(problem(at('tasks', own, 'needs'), 'the task needs itself'));
  }
  for (const { id: own, needs } of nodes) {
    for (const need of needs) if (!ids.has(foldId(need))) found.push(problem(at('tasks', own, 'needs'), `there is no task ${quoted(need)}`));
  }
  for (const { id: own, from, template } of plan.fanOuts ?? []) {
    if (!plan.tasks.some((one) => one.id === from.task) || !template.needs.includes(from.task)) found.push(problem(at('fanOuts', own, 'from'), 'must be a task that the fan-out needs'));
    if (template.id !== own) found.push(problem(at('fanOuts', own, 'template', 'id'), `must be ${own}`));
  }
  if (found.length === 0) {
    const graph = needIndexes(plan);
    const cycle = cyclesOf(graph, stagesOf(graph).stuck)[0];
    if (cycle !== undefined) found.push(problem(at('tasks', nodes[cycle[0] ?? 0]?.id ?? '', 'needs'), 'the task waits for itself'));
  }
  const isMerged = plan.merge !== undefined && plan.merge.when !== 'never';
  if (plan.target === null && (isMerged || nodes.some(({ base }) => base === 'target'))) found.push(problem(at('target'), 'must name the branch to merge into'));
  if (!path.isAbsolute(plan.worktrees.root)) found.push(problem(at('worktrees', 'root'), 'must be an absolute path'));
  return found;
}
