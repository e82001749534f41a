// Every template, as `orch init` writes it, on a repository of the kind that it is for: it plans without a warning about
// itself, and runs to its end with an agent that does what the prompts ask for.
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CLI, orch, type Ended } from '../support/orch.ts';
import { makeRepo, type Files, type TestRepo } from '../support/repo.ts';
import type { StatusDocument } from '../../src/reporters/status.ts';

const AGENT = path.join(import.meta.dirname, '..', 'support', 'template-agent.mjs');
const TEMPLATES = path.join(import.meta.dirname, '..', '..', 'templates');
const NAMES = readdirSync(TEMPLATES).filter((name) => name !== 'demo');
const JS = { 'src/cart.js': 'export const total = (cart) => 0;\n', 'src/greet.js': 'export var greet = 1;\n', 'src/dates.js': 'export const dates = 1;\n', 'package.json': '{ "name": "example", "version": "1.0.0", "type": "module", "scripts": { "lint": "true", "test": "true", "build": "true" } }\n' };

let repo: TestRepo;
afterEach(() => { repo.dispose(); });
const run = async (...args: string[]): Promise<Ended> => await orch(args, { cwd: repo.path });
const status = async (): Promise<StatusDocument> => JSON.parse((await run('status', '--json')).stdout) as StatusDocument;

/** A repository with a template in it, and our agent in the place of the real one. */
async function given(template: string, files: Files = JS): Promise<void> {
  repo = makeRepo();
  repo.commit('More', files);
  const ended = await run('init', '--template', template);
  expect(ended.code, ended.stderr).toBe(0);
  appendFileSync(path.join(repo.path, '.orchestrator.yml'), `\nagents:\n  claude-like:\n    command: ${JSON.stringify([process.execPath, AGENT])}\n`);
}

interface Expected {
  /** Tasks by id, in the order of the status. */
  readonly ids: readonly string[];
  /** What one of them delivered: `id:path` → pattern. */
  readonly delivers: Readonly<Record<string, RegExp>>;
  readonly files?: Files;
  readonly prepare?: () => void;
}
const EXPECTED: Readonly<Record<string, Expected>> = {
  basic: { ids: ['readme', 'changelog', 'check'], delivers: { 'readme:README.md': /Right/, 'check:CHANGELOG.md': /Changes/ } },
  'parallel-fixes': { ids: ['fix-the-wrong-total-of-an-empty-cart-in', 'fix-the-greeting-of-users-without-a-name', 'dates-in-other-time-zones'], delivers: { 'dates-in-other-time-zones:src/dates.js': /fixed by dates/ } },
  'divide-and-conquer': { ids: ['services', 'shared-types', 'service.src-billing', 'service.src-users'], delivers: { 'shared-types:src/types.ts': /Money[\s\S]*of users too: 50/ }, files: { 'src/billing/index.ts': '', 'src/users/index.ts': '' } },
  'test-first': { ids: ['tests', 'code'], delivers: { 'code:src/slug.js': /toLowerCase/, 'code:test/slug.test.js': /slugs/ } },
  exploration: { ids: ['explore.architecture', 'explore.error-handling', 'explore.test-coverage', 'summary'], delivers: { 'summary:reports/summary.md': /explore\.architecture\.md\nexplore\.error-handling\.md\nexplore\.test-coverage\.md/ } },
  'batch-update': { ids: ['update.src-a', 'update.src-a-2', 'update.src', 'update.src-lib-deep'], delivers: { 'update.src-a:src/a/1.js': /^let a1/, 'update.src-a-2:src/a/6.js': /^let a6/ }, files: Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`src/a/${n}.js`, `var a${n} = 1;\n`])) },
  docs: { ids: ['page.getting-started-en', 'page.getting-started-de', 'page.configuration-en', 'page.configuration-de', 'page.troubleshooting-en', 'contents'], delivers: { 'contents:docs/de/configuration.md': /German/, 'contents:docs/index.md': /en\/troubleshooting\.md/ } },
  'code-review': {
    ids: ['review.correctness', 'review.security', 'review.tests', 'report'], delivers: { 'report:REVIEW.md': /^## review\.correctness\n\nreview\.correctness: \+export const wrong = 1;; it's "quoted" \$\(and\) `more`\n\n## review\.security[\s\S]*## review\.tests/ },
    prepare: () => { repo.git('checkout', '-q', '-b', 'feature'); repo.commit('Wrong', { 'src/wrong.js': 'export const wrong = 1;\n' }); },
  },
  'build-check': { ids: ['check.lint', 'check.test', 'check.build', 'package'], delivers: {} },
  'test-generation': { ids: ['tests.src-cart-js', 'tests.src-dates-js', 'tests.src-greet-js'], delivers: { 'tests.src-cart-js:test/cart.test.js': /works/ } },
  'github-actions': { ids: ['readme', 'changelog'], delivers: { 'changelog:CHANGELOG.md': /Changes/ } },
};

test('all of them are here, and listed with what they are for', async () => {
  repo = makeRepo();
  expect(Object.keys(EXPECTED).toSorted()).toEqual(NAMES.toSorted());
  const { stdout } = await run('init', '--list');
  expect(stdout.trim().split('\n').map((line) => line.split(' ')[0])).toEqual(NAMES.toSorted());
  for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^[\w-]+ {2,}[A-Z].{30,}/);
});

describe('each of them runs', () => {
  test.each(NAMES)('%s', async (name) => {
    const { ids, delivers, files, prepare } = EXPECTED[name] ?? { ids: [], delivers: {} };
    await given(name, { ...JS, ...files });
    prepare?.();
    const plan = await run('plan', '--agent', 'claude-like');
    expect(plan.code, plan.stderr).toBe(0);
    expect(plan.stdout.split('\n').filter((line) => line.startsWith('!') && !line.includes('not part of the base'))).toEqual([]);
    const ended = await run('run', '--agent', 'claude-like', '-j', '3');
    expect(ended.code, ended.stderr).toBe(0);
    const { tasks } = await status();
    expect(tasks.map(({ id }) => id)).toEqual(ids);
    for (const [what, pattern] of Object.entries(delivers)) {
      const [id = '', ...file] = what.split(':');
      expect(repo.git('show', `${tasks.find((task) => task.id === id)?.branch}:${file.join(':')}`)).toMatch(pattern);
    }
    if (name === 'test-first') expect(tasks[1]?.attempts).toBe(2);
    if (name === 'code-review') expect(tasks.slice(0, 3).map(({ filesChanged }) => filesChanged)).toEqual([0, 0, 0]);
  });
});

test('the workflow of github-actions plans and runs what orch init writes', async () => {
  await given('github-actions');
  const workflow = parse(readFileSync(path.join(repo.path, '.github/workflows/orch.yml'), 'utf8')) as { jobs: { tasks: { steps: { name?: string; run?: string }[] } } };
  const steps = workflow.jobs.tasks.steps.filter(({ name }) => name === 'Plan' || name === 'Run').map(({ run: command }) => command ?? '');
  expect(steps).toHaveLength(2);
  const bin = path.join(repo.home, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'orch'), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, ORCH_AGENT: 'claude-like' };
  for (const step of steps) execFileSync('/bin/sh', ['-e', '-c', step], { cwd: repo.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  expect(readFileSync(path.join(repo.path, 'events.ndjson'), 'utf8')).toContain('"type":"run-finished"');
});

describe('orch init', () => {
  test('keeps a configuration that is there, and overwrites nothing', async () => {
    repo = makeRepo();
    repo.write({ '.orchestrator.yml': 'max-parallel: 2\n' });
    expect((await run('init', '--template', 'docs')).code).toBe(0);
    expect(readFileSync(path.join(repo.path, '.orchestrator.yml'), 'utf8')).toBe('max-parallel: 2\n');
    const manifest = readFileSync(path.join(repo.path, 'tasks.yml'), 'utf8');
    const again = await run('init', '--template', 'exploration');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('tasks.yml is already there; nothing was written')]);
    expect(readFileSync(path.join(repo.path, 'tasks.yml'), 'utf8')).toBe(manifest);
  });
  test('writes the line by which editors find the schema, and the schema', async () => {
    repo = makeRepo();
    await run('init');
    const [, schema = ''] = /^# yaml-language-server: \$schema=(.*)\n/.exec(readFileSync(path.join(repo.path, 'tasks.yml'), 'utf8')) ?? [];
    expect(existsSync(path.join(repo.path, schema))).toBe(true);
    const properties = (JSON.parse(readFileSync(path.join(repo.path, schema), 'utf8')) as { properties: { tasks: { anyOf: { additionalProperties?: { anyOf: { properties?: object }[] } }[] } } }).properties.tasks.anyOf[0]?.additionalProperties?.anyOf[1]?.properties ?? {};
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(['strategy', 'foreach', 'context']));
  });
});
