// JUnit XML: always well-formed, as the common schema has it, with each task once and in the right class.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { junitReport } from '../../../src/reporters/report-junit.ts';
import { createJunitReporter } from '../../../src/reporters/junit.ts';
import type { TaskDocument } from '../../../src/reporters/status.ts';
import type { RunEvent } from '../../../src/run/events.ts';
import { initialState } from '../../../src/run/state.ts';
import { plan, task } from '../../support/plan.ts';
import { failedTask, statusOf, taskDocument } from '../../support/report.ts';
import { parseXml } from '../../support/xml.ts';
import type { XmlElement } from '../../support/xml.ts';
import { tries } from '../../support/tries.ts';

/** What the schema that CI servers validate with allows: attributes (`!` = required) and children. */
const SCHEMA: Readonly<Record<string, { readonly attributes: readonly string[]; readonly children: readonly string[] }>> = {
  testsuites: { attributes: ['name', 'time', 'tests', 'failures', 'errors'], children: ['testsuite'] },
  testsuite: { attributes: ['name!', 'tests!', 'failures!', 'errors!', 'time', 'skipped', 'timestamp'], children: ['testcase'] },
  testcase: { attributes: ['name!', 'classname', 'time'], children: ['failure', 'error', 'skipped'] },
  failure: { attributes: ['message', 'type'], children: [] },
  error: { attributes: ['message', 'type'], children: [] },
  skipped: { attributes: ['message', 'type'], children: [] },
};

function validate(element: XmlElement): void {
  const rule = SCHEMA[element.name];
  if (rule === undefined) throw new Error(`unknown element ${element.name}`);
  const names = new Set(rule.attributes.map((name) => name.replace('!', '')));
  expect(Object.keys(element.attributes).filter((name) => !names.has(name)), element.name).toEqual([]);
  for (const name of rule.attributes) if (name.endsWith('!')) expect(element.attributes, element.name).toHaveProperty(name.slice(0, -1));
  if (element.attributes['time'] !== undefined) expect(element.attributes['time']).toMatch(/^\d+\.\d{3}$/);
  if (element.attributes['timestamp'] !== undefined) expect(element.attributes['timestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  for (const child of element.children) {
    expect(rule.children, element.name).toContain(child.name);
    validate(child);
  }
}

function report(tasks: readonly TaskDocument[]): XmlElement {
  const root = parseXml(junitReport(statusOf(tasks)));
  validate(root);
  return root;
}

function verdicts(root: XmlElement): Record<string, string> {
  return Object.fromEntries(root.children.flatMap((suite) => suite.children.map((one) => [one.attributes['name'] ?? '', one.children[0]?.name ?? 'passed'])));
}

test('a suite for each fan-out and one for what stands alone', () => {
  const root = report([taskDocument('docs.en'), failedTask('docs.de'), taskDocument('build'), failedTask('strict.a', { reason: 'setup-failed' })]);
  expect(root.attributes).toMatchObject({ name: 'test', tests: '4', failures: '1', errors: '1', time: '4200.000' });
  expect(root.children.map(({ attributes: { name, tests, failures, errors, skipped } }) => [name, tests, failures, errors, skipped])).toEqual([
    ['docs', '2', '1', '0', '0'], ['test', '1', '0', '0', '0'], ['strict', '1', '0', '1', '0'],
  ]);
  expect(root.children[0]?.children[0]?.attributes).toEqual({ name: 'docs.en', classname: 'docs', time: '61.200' });
});

test('what the agent did is a failure, what happened around it an error, what was not done is skipped', () => {
  const never = { startedAt: null, durationMs: null };
  expect(verdicts(report([
    taskDocument('ok'), failedTask('verify'), failedTask('agent', { reason: 'agent-error' }), failedTask('late', { outcome: 'timed-out', reason: 'timeout' }),
    failedTask('setup', { reason: 'setup-failed' }), failedTask('auth', { reason: 'auth' }), taskDocument('conflict', { merge: 'conflict' }),
    taskDocument('skip', { outcome: 'skipped', reason: 'dependency', ...never }), taskDocument('stopped', { outcome: 'cancelled', reason: 'interrupted' }),
    taskDocument('unstarted', { outcome: 'cancelled', reason: 'interrupted', ...never }), taskDocument('open', { state: 'queued', outcome: null, ...never }),
  ]))).toEqual({
    ok: 'passed', verify: 'failure', agent: 'failure', late: 'failure', setup: 'error', auth: 'error', conflict: 'failure', skip: 'skipped',
    stopped: 'error', unstarted: 'skipped', open: 'skipped',
  });
});

test('a failure says why and where to look', () => {
  const [suite] = report([failedTask('a', { message: 'npm test: exit 1 <&> "x"', worktree: '/w/a', attempts: 2 })]).children;
  const failure = suite?.children[0]?.children[0];
  expect(failure?.attributes).toEqual({ message: 'failed: npm test: exit 1 <&> "x"', type: 'verify-failed' });
  expect(failure?.text.split('\n').slice(1)).toEqual(['attempts: 2', 'work on: refs/heads/orch/test/a', 'worktree: /w/a', 'log: /runs/test/tasks/a/attempt-1/output.log', 'see: orch logs a']);
});

test('is well-formed whatever tasks say', () => {
  const nasty = fc.string({ unit: fc.oneof(fc.constantFrom('<', '>', '&', '"', "'", ']]>', '\u0000', '\u001B[31m', '\uFFFE', '\uFFFF', '\uD800', '\uDC00', '\r\n', '\t', '\u0085', '😀', '&amp;', '\u202E'), fc.string({ unit: 'binary', maxLength: 2 })), maxLength: 12 });
  fc.assert(fc.property(fc.array(fc.record({ message: nasty, name: nasty, worktree: nasty, ref: nasty }), { maxLength: 3 }), (parts) => {
    report(parts.map((over, index) => failedTask(`t${index}`, over)));
  }), { numRuns: tries(100) });
});

test('the reporter writes once, when the run has ended, and nothing for a run that never began', async () => {
  const one = plan([task('a'), task('b')]);
  const written: string[] = [];
  const write = async (xml: string): Promise<void> => void written.push(xml);
  await createJunitReporter(one, write).close();
  expect(written).toEqual([]);
  const reporter = createJunitReporter(one, write);
  reporter.onEvent({ type: 'run-started', format: 1, name: 'test', base: 'a', target: null, tasks: 2, plan: '', v: 1, seq: 1, at: 5, run: 'test' } satisfies RunEvent, initialState(one));
  expect(written).toEqual([]);
  await reporter.close();
  expect(written.map((xml) => verdicts(parseXml(xml)))).toEqual([{ a: 'skipped', b: 'skipped' }]);
  const failing = createJunitReporter(one, async () => await Promise.reject(new Error('disk full')));
  failing.onEvent({ type: 'run-resumed', failed: false, v: 1, seq: 1, at: 5, run: 'test' }, initialState(one));
  await expect(failing.close()).rejects.toThrow('disk full');
});
