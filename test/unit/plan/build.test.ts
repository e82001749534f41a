// Manifest and settings → plan: defaults, templates, selection, and every reason not to have a plan.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagOverrides, variableOverrides } from '../../../src/config/overrides.ts';
import type { Flags } from '../../../src/config/overrides.ts';
import { resolveSettings } from '../../../src/config/resolve.ts';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import { parseConfig } from '../../../src/manifest/parse-config.ts';
import { parseManifest } from '../../../src/manifest/parse.ts';
import type { ParseResult } from '../../../src/manifest/parse.ts';
import { manifestOfPrompts } from '../../../src/manifest/prompts.ts';
import type { AdapterCapabilities } from '../../../src/plan/agents.ts';
import { knownAdapters } from '../../../src/agents/adapters.ts';
import { buildPlan, promptFilesOf } from '../../../src/plan/build.ts';
import type { BuildResult, PlanRequest } from '../../../src/plan/build.ts';
import type { Plan, PlannedTask } from '../../../src/plan/plan.ts';
import { waves } from '../../../src/plan/graph.ts';
import { runId } from '../../../src/plan/run-id.ts';
import { tries } from '../../support/tries.ts';

const ALL: AdapterCapabilities = { model: true, maxTurns: true, permissionMode: ['plan'], allowedTools: true };
const NONE: AdapterCapabilities = { model: false, maxTurns: false, permissionMode: [], allowedTools: false };
const SHA = 'a'.repeat(40);

interface Given {
  readonly config?: string;
  readonly flags?: Flags;
  readonly files?: Readonly<Record<string, string>>;
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
}
function requestOf(parsed: ParseResult, given: Given): PlanRequest {
  const config = parseConfig(given.config ?? '', { file: '.orchestrator.yml' });
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics));
  if (!config.ok) throw new Error(formatDiagnostics(config.diagnostics));
  const resolved = resolveSettings({ file: config.config, flags: flagOverrides(given.flags ?? {}, []), variables: variableOverrides({}, []) }, parsed.manifest);
  if (!resolved.ok) throw new Error(formatDiagnostics(resolved.diagnostics));
  return {
    manifest: parsed.manifest, settings: resolved.settings, run: 'r-1', base: { ref: 'HEAD', sha: SHA, branch: 'main' },
    files: new Map(Object.entries(given.files ?? {})), select: { only: given.only ?? [], skip: given.skip ?? [] },
    repo: { root: '/w/my repo', name: 'my repo' }, capabilities: (adapter) => (adapter === 'claude' ? ALL : NONE),
  };
}
function build(text: string, given: Given = {}): BuildResult {
  return buildPlan(requestOf(parseManifest(text, { file: 'tasks.yml' }), given));
}
function planned(text: string, given: Given = {}): Plan {
  const result = build(text, given);
  if (!result.ok) throw new Error(formatDiagnostics(result.diagnostics) || result.warnings.join('\n'));
  return result.plan;
}
const task = (text: string, given: Given = {}): PlannedTask | undefined => planned(text, given).tasks[0];
function complaints(text: string, given: Given = {}): string {
  const result = build(text, given);
  return result.ok ? 'nothing wrong' : formatDiagnostics(result.diagnostics);
}

describe('a plan', () => {
  it('has every default', () => {
    expect(planned('tasks: [Fix it]')).toEqual({
      format: 1, run: 'r-1', name: 'tasks', manifest: 'tasks.yml', base: { ref: 'HEAD', sha: SHA }, target: 'main', maxParallel: 4, maxFail: null, maxWaitMs: 1_800_000, graceMs: 10_000, isolation: { kind: 'process', network: 'on', credential: null, read: [] },
      agents: { claude: { name: 'claude', adapter: 'claude', command: ['claude'], prompt: 'stdin', output: 'text', args: [], env: {} } },
      worktrees: { root: '/w/my repo.orch', copy: [], link: [], keep: 'failed' },
      passEnv: [],
      tasks: [{
        id: 'fix-it', name: 'fix-it', work: { kind: 'agent', agent: 'claude', prompt: 'Fix it', model: null, args: [], maxTurns: null, permissionMode: null, allowedTools: [] },
        needs: [], env: {}, setup: [], verify: [], expect: 'changes', paths: null, timeoutMs: 1_800_000, idleTimeoutMs: null, retries: 0, retryOn: ['timeout', 'verify', 'agent'],
        continueOnError: false, concurrency: null, branch: 'orch/r-1/fix-it',
      }],
    });
  });
  it('has every field', () => {
    const text = 'tasks:\n  b: x\n  a: { name: A, prompt: P, agent: claude, model: m, args: [-a], max-turns: 3, permission-mode: plan, allowed-tools: Read, needs: [b, b], env: { E: 1 }, setup: s, verify: [v, w], expect: none, paths: [./src/**], timeout: 1m, idle-timeout: 5s, retries: 2, retry-on: verify, continue-on-error: true, concurrency: g }';
    expect(planned(text).tasks[1]).toEqual({
      id: 'a', name: 'A', work: { kind: 'agent', agent: 'claude', prompt: 'P', model: 'm', args: ['-a'], maxTurns: 3, permissionMode: 'plan', allowedTools: ['Read'] },
      needs: ['b'], env: { E: '1' }, setup: ['s'], verify: ['v', 'w'], expect: 'none', paths: ['src/**'], timeoutMs: 60_000, idleTimeoutMs: 5000, retries: 2, retryOn: ['verify'],
      continueOnError: true, concurrency: 'g', branch: 'orch/r-1/a',
    });
  });
  it('expects changes of prompts and anything of commands', () => {
    expect(planned('tasks: [{ run: x }, x]').tasks.map((one) => one.expect)).toEqual(['any', 'changes']);
  });
  it('is plain JSON, and the same for the same request', () => {
    fc.assert(fc.property(fc.array(fc.string({ minLength: 1 }).filter((text) => text.trim() !== '' && !text.includes('${{') && !text.includes('\0')), { minLength: 1 }), (prompts) => {
      const [first, second] = [planned(JSON.stringify({ tasks: prompts })), planned(JSON.stringify({ tasks: prompts }))];
      expect(JSON.stringify(first)).toBe(JSON.stringify(second));
      expect(JSON.parse(JSON.stringify(first))).toEqual(first);
    }), { numRuns: tries(50) });
  });
  it('knows only the agents that are used', () => {
    expect(Object.keys(planned('agents: { a: { command: x }, b: { command: y } }\ntasks: { t: { prompt: x, agent: a }, u: { run: z } }').agents)).toEqual(['a']);
  });
  it('comes from prompts of a command line as well', () => {
    const result = buildPlan(requestOf(manifestOfPrompts(['Fix it', 'Fix it']), {}));
    expect(result.ok && [result.plan.name, result.plan.manifest, result.plan.tasks.map(({ id }) => id)]).toEqual(['fix-it', null, ['fix-it', 'fix-it-2']]);
  });
});

describe('defaults', () => {
  const config = 'defaults: { timeout: 1m, retries: 1, env: { A: c, B: c, C: c, D: c }, verify: vc }\nworktrees: { setup: sc }';
  it('go config < manifest < task, env by key', () => {
    const text = 'env: { B: m, C: m, D: m }\ndefaults: { retries: 2, env: { C: d, D: d } }\ntasks: { t: { run: x, env: { D: t } } }';
    const found = task(text, { config });
    expect([found?.timeoutMs, found?.retries, found?.env, found?.setup, found?.verify]).toEqual([60_000, 2, { A: 'c', B: 'm', C: 'd', D: 't' }, ['sc'], ['vc']]);
  });
  it('give way to an empty list', () => {
    expect(task('tasks: { t: { run: x, setup: [], verify: [] } }', { config })).toMatchObject({ setup: [], verify: [] });
  });
  it('give way to a task, but not to a flag', () => {
    const text = 'agent: claude\ndefaults: { timeout: 2m }\ntasks: { t: { prompt: x, timeout: 3m, model: task } }';
    expect(task(text)).toMatchObject({ timeoutMs: 180_000, work: { model: 'task' } });
    expect(task(text, { flags: { timeout: '4m', model: 'flag' } })).toMatchObject({ timeoutMs: 240_000, work: { model: 'flag' } });
  });
  it('give the work, unless the task has one of another kind', () => {
    const { tasks } = planned('defaults: { prompt: "do ${{ task.id }}" }\ntasks: { a: {}, b: { run: make } }');
    expect(tasks.map(({ work }) => (work.kind === 'run' ? work.command : work.prompt))).toEqual(['do a', 'make']);
  });
  it('of agents are not for commands', () => {
    expect(task('model: m\nagent: nobody\ndefaults: { max-turns: 3 }\ntasks: [{ run: x }]')?.work).toEqual({ kind: 'run', command: 'x' });
  });
});

describe('templates', () => {
  it('are read in every field that says so', () => {
    const text = 'env: { V: v }\ntasks: { t: { prompt: "p ${{ env.V }} ${{ base }}", name: "n ${{ task.id }}", args: ["${{ run.id }}"], setup: "s ${{ env.V }}", verify: ["${{ env.V }}"], env: { W: "${{ env.V }}${{ task.id }}" }, paths: "${{ env.V }}/**", concurrency: "g-${{ env.W }}" } }';
    expect(task(text)).toMatchObject({ name: 'n t', work: { prompt: `p v ${SHA}`, args: ['${{ run.id }}'] }, setup: ['s v'], verify: ['v'], env: { V: 'v', W: 'vt' }, paths: ['v/**'], concurrency: 'g-vt' });
    expect(task('tasks: [{ run: "x ${{ task.id }}", id: t }]')?.work).toEqual({ kind: 'run', command: 'x t' });
  });
  it.each([
    ['tasks:\n  a: Fix ${{ env.HOEM }}', 'tasks.yml:2:6 tasks.a.prompt: unknown name "env.HOEM"; add it to an `env:` of the manifest'],
    ['tasks: { a: { run: x, verify: [a, "${{ matrix.x }}"] } }', 'tasks.yml:1:35 tasks.a.verify[1]: `matrix.x` is known only in a task with `strategy.matrix`'],
    ['tasks: { a: { run: x, env: { A: "${{ env.A }}" } } }', 'tasks.yml:1:33 tasks.a.env.A: unknown name "env.A"; add it to an `env:` of the manifest'],
    ['defaults: { verify: "${{ nope }}" }\ntasks: [a, b, c]', 'tasks.yml:1:21 defaults.verify[0]: unknown name "nope"; known: task.id, run.id, base'],
    ['env: { E: "" }\ntasks: { a: "${{ env.E }}" }', 'tasks.yml:2:13 tasks.a.prompt: is empty once its names are filled in'],
    ['env: { E: ../.. }\ntasks: { a: { run: x, paths: "${{ env.E }}/x" } }', 'tasks.yml:2:30 tasks.a.paths[0]: "../../x" leads out of the repository; paths are relative to its root'],
    ['model: "${{ env.M }}"\ntasks: [x]', 'tasks.yml:1:8 model: `${{ }}` is not read in `model`; write the value itself'],
  ])('%s', (text, message) => {
    expect(complaints(text)).toBe(message);
  });
});

describe('prompt files', () => {
  const text = 'tasks:\n  a: { prompt-file: p.md }\n  b: { prompt-file: "${{ task.id }}.md" }\n  c: { prompt-file: p.md }\n  d: x';
  it('are listed once, with who asks first', () => {
    const files = promptFilesOf(requestOf(parseManifest(text, { file: 'tasks.yml' }), {}));
    expect(files.map(({ name, place }) => [name, place.line, place.col, place.path])).toEqual([['p.md', 2, 21, 'tasks.a.prompt-file'], ['b.md', 3, 21, 'tasks.b.prompt-file']]);
  });
  it('are read as templates', () => {
    const { tasks } = planned(text, { files: { 'p.md': '\ufeffDo ${{ task.id }}\n', 'b.md': 'B' } });
    expect(tasks.map(({ work }) => (work.kind === 'agent' ? work.prompt : ''))).toEqual(['Do a\n', 'B', 'Do c\n', 'x']);
  });
  it('are complained about where they are asked for, or inside', () => {
    expect(complaints(text, { files: { 'b.md': 'a\nb ${{ nope }}' } })).toBe(
      [
        'tasks.yml:2:21 tasks.a.prompt-file: cannot read "p.md"; a prompt file is relative to the manifest',
        'tasks.yml:4:21 tasks.c.prompt-file: cannot read "p.md"; a prompt file is relative to the manifest',
        'b.md:2:3: unknown name "nope"; known: task.id, run.id, base',
      ].join('\n'),
    );
    expect(complaints(text, { files: { 'p.md': ' \n', 'b.md': 'a\0b' } })).toBe(
      [
        'tasks.yml:2:21 tasks.a.prompt-file: "p.md" is empty; write the prompt into it',
        'tasks.yml:3:21 tasks.b.prompt-file: "b.md" contains a NUL character; a prompt must be text',
        'tasks.yml:4:21 tasks.c.prompt-file: "p.md" is empty; write the prompt into it',
      ].join('\n'),
    );
  });
});

describe('agents', () => {
  const mine = 'agents: { mine: { command: x } }\n';
  const KNOWN = knownAdapters.filter((name) => name !== 'command').join(', ');
  it.each([
    ['tasks: [{ prompt: x, agent: cluade }]', {}, `tasks.yml:1:29 tasks[0].agent: there is no agent "cluade"; did you mean \`claude\`? known: ${KNOWN}`],
    ['tasks: [x]', { flags: { agent: 'zzz' } }, `--agent: there is no agent "zzz"; known: ${KNOWN}; define it under \`agents:\` with a \`command\``],
    ['tasks: [{ prompt: x, agent: constructor }]', {}, `tasks.yml:1:29 tasks[0].agent: there is no agent "constructor"; known: ${KNOWN}; define it under \`agents:\` with a \`command\``],
    [`${mine}agent: mine\ntasks: [{ prompt: x, max-turns: 3, allowed-tools: [Read] }]`, {}, 'tasks.yml:3:33 tasks[0].max-turns: the agent "mine" cannot honour `max-turns`; remove it, or put it under the tasks that can use it\ntasks.yml:3:51 tasks[0].allowed-tools: the agent "mine" cannot honour `allowed-tools`; remove it, or put it under the tasks that can use it'],
    [`${mine}model: haiku\ntasks: [x, { prompt: y, agent: mine }]`, {}, 'tasks.yml:2:8 model: the agent "mine" cannot honour `model`; remove it, or put it under the tasks or agents that can use it'],
    ['tasks: [{ prompt: x, permission-mode: plna }]', {}, 'tasks.yml:1:39 tasks[0].permission-mode: the agent "claude" has no `permission-mode` "plna"; it has plan; or put it under the tasks or agents that can use it'],
    [`${mine}agent: mine\ntasks: [{ prompt: x, permission-mode: plan }]`, {}, 'tasks.yml:3:39 tasks[0].permission-mode: the agent "mine" cannot honour `permission-mode`; remove it, or put it under the tasks or agents that can use it'],
  ] as const)('%s', (text, given, message) => {
    expect(complaints(text, given)).toBe(message);
  });
  it('have a model of their own', () => {
    expect(task('agents: { claude: { model: opus, permission-mode: plan } }\ntasks: [x]')?.work).toMatchObject({ model: 'opus', permissionMode: 'plan' });
    expect(task('model: haiku\ntasks: [x]', { config: 'agents: { claude: { model: opus } }' })?.work).toMatchObject({ model: 'haiku' });
  });
});

describe('worktrees', () => {
  it.each([
    ['.orch', 'inside'], ['.', 'inside'], ['a/../b', 'inside'], ['../{repo}/x', 'inside'], ['../{run}', 'unknown name `{run}`'],
  ])('cannot be at %s', (root, message) => {
    expect(complaints('tasks: [x]', { config: `worktrees: { root: "${root}" }` })).toMatch(/^\.orchestrator\.yml:1:20 worktrees\.root: /);
    expect(complaints('tasks: [x]', { config: `worktrees: { root: "${root}" }` })).toContain(message);
  });
  it.each([['/tmp/x', '/tmp/x'], ['../..w', '/w/..w'], ['../{repo}-{repo}', '/w/my repo-my repo'], ['..', '/w']])('can be at %s', (root, absolute) => {
    expect(planned('tasks: [x]', { config: `worktrees: { root: "${root}" }` }).worktrees.root).toBe(absolute);
  });
});

describe('--only and --skip', () => {
  const text = 'tasks:\n  a: x\n  b: { run: x, needs: a }\n  c: { run: x, needs: b }\n  d: x\n  docs.en: x';
  const selected = (given: Given): [string[], readonly string[]] => {
    const result = build(text, given);
    return [result.ok ? result.plan.tasks.map(({ id }) => id) : [], result.warnings];
  };
  it.each([
    [{}, ['a', 'b', 'c', 'd', 'docs.en'], []],
    [{ only: ['b'] }, ['a', 'b'], []],
    [{ only: ['d*'] }, ['d', 'docs.en'], []],
    [{ only: ['c', 'd'], skip: ['d'] }, ['a', 'b', 'c'], []],
    [{ skip: ['a'] }, ['d', 'docs.en'], ['also skipped, because they need what is skipped: b, c']],
    [{ only: ['c'], skip: ['b'] }, ['a'], ['also skipped, because they need what is skipped: c']],
    [{ only: ['a', 'dcos.en'] }, ['a'], ['--only "dcos.en" matches no task; did you mean `docs.en`?']],
    [{ skip: ['zzz'] }, ['a', 'b', 'c', 'd', 'docs.en'], ['--skip "zzz" matches no task']],
    [{ only: ['zzz'] }, [], ['--only "zzz" matches no task']],
    [{ skip: ['*'] }, [], []],
  ] as const)('%j', (given, ids, warnings) => {
    expect(selected(given)).toEqual([ids, warnings]);
  });
  it('tells nothing selected from something wrong', () => {
    expect(build(text, { skip: ['*'] })).toEqual({ ok: false, nothing: true, diagnostics: [], warnings: [] });
    expect(build('tasks: [x]', { flags: { agent: 'no' }, skip: ['*'] })).toMatchObject({ ok: false, nothing: false });
  });
  it('never keeps a task without its needs', () => {
    const graphs = fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: 1, maxLength: 10 });
    const globs = fc.array(fc.nat(10).map((index) => `t${index}`), { maxLength: 3 });
    fc.assert(fc.property(graphs, globs, globs, (needs, only, skip) => {
      const tasks = Object.fromEntries(needs.map((list, index) => [`t${index}`, { run: 'x', needs: list.filter((need) => need < index).map((need) => `t${need}`) }]));
      const result = build(JSON.stringify({ tasks }), { only, skip });
      if (!result.ok) return;
      const kept = new Set(result.plan.tasks.map(({ id }) => id));
      for (const { id, needs: theirs } of result.plan.tasks) {
        expect(theirs.every((need) => kept.has(need))).toBe(true);
        expect(skip).not.toContain(id);
      }
      if (skip.length === 0) for (const id of only) expect(kept.has(id)).toBe(needs.length > Number(id.slice(1)));
      expect(waves(result.plan).flat().map(({ id }) => id).toSorted()).toEqual([...kept].toSorted());
    }), { numRuns: tries(200) });
  });
});

describe('run ids', () => {
  const at = { year: 2026, month: 11, day: 2, hour: 7, minute: 3, second: 9 };
  it.each([['strict types', 'strict-types-20261102-070309'], ['修复', 'run-20261102-070309'], ['x'.repeat(99), `${'x'.repeat(40)}-20261102-070309`]])('%s', (name, id) => {
    expect(runId(name, at)).toBe(id);
  });
});
