// A step of GitHub Actions: its limits hold with any number of failures, and nothing that agents print is a command.
import { expect, test } from 'vitest';
import { createGithubReporter } from '../../../src/reporters/github.ts';
import { annotationLine, inertLine } from '../../../src/reporters/github-commands.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { Fact, RunEvent, TaskOutcome } from '../../../src/run/events.ts';
import { reduce } from '../../../src/run/reduce.ts';
import { initialState } from '../../../src/run/state.ts';
import { agentTask, plan } from '../../support/plan.ts';

interface Step {
  readonly lines: string[];
  readonly summaries: string[];
}

/** Plays a run in which each task starts, says something and settles. */
async function play(run: Plan, ends: (index: number) => { readonly outcome: TaskOutcome; readonly message?: string }, says: readonly string[] = []): Promise<Step> {
  let text = '';
  const summaries: string[] = [];
  const reporter = createGithubReporter(run, { isTTY: false, columns: 80, rows: 24, color: false, write: (piece) => { text += piece; } }, {
    workspace: '/repo', appendSummary: async (markdown) => void summaries.push(markdown),
  });
  let state = initialState(run);
  let seq = 0;
  const tell = (fact: Fact): void => {
    seq += 1;
    const event: RunEvent = { ...fact, v: 1, seq, at: seq * 1000, run: run.run };
    state = reduce(run, state, event);
    reporter.onEvent(event, state);
  };
  tell({ type: 'run-started', format: 1, name: run.name, base: run.base.sha, target: null, tasks: run.tasks.length, plan: '' });
  for (const [index, { id }] of run.tasks.entries()) {
    const { outcome, message } = ends(index);
    tell({ type: 'phase-started', phase: 'prepare', task: id, attempt: 1 });
    for (const line of says) reporter.onOutput?.({ task: id, attempt: 1, text: line });
    tell({ type: 'phase-finished', phase: 'prepare', task: id, attempt: 1, result: { ok: false, reason: 'agent-error', retry: 'never', message: message ?? 'it broke', detail: { log: `/runs/${id}.log` } } });
    tell({ type: 'task-settled', task: id, outcome, reason: outcome === 'completed' ? null : 'agent-error', message: outcome === 'completed' ? null : (message ?? 'it broke') });
  }
  tell({ type: 'run-finished', exitCode: 1 });
  await reporter.close();
  return { lines: text.split('\n'), summaries };
}

const tasks = (count: number): Plan => plan(Array.from({ length: count }, (_, i) => agentTask(`t${i}`)), { manifest: '/repo/ci/tasks.yml' });
const withStart = (lines: readonly string[], start: string): string[] => lines.filter((line) => line.startsWith(start));

test('five hundred failures are ten annotations, one line for the rest, and a summary that GitHub takes', async () => {
  const { lines, summaries } = await play(tasks(500), () => ({ outcome: 'failed', message: 'x'.repeat(5000) }), ['working on it']);
  expect(withStart(lines, '::error')).toHaveLength(10);
  expect(withStart(lines, '::warning')).toEqual([]);
  expect(lines).toContain('and 490 more failed');
  expect(Math.max(...withStart(lines, '::error').map((line) => line.length))).toBeLessThan(1500);
  expect(withStart(lines, '::group::')).toHaveLength(500);
  expect(withStart(lines, '::endgroup::')).toHaveLength(500);
  expect(summaries).toHaveLength(1);
  expect(Buffer.byteLength(summaries[0] ?? '')).toBeLessThanOrEqual(900_000);
  expect(summaries[0]).toContain('## Failed (500)');
});

test('an annotation names the manifest, the task and the reason', async () => {
  const { lines } = await play(tasks(1), () => ({ outcome: 'failed', message: '100% wrong,\nat: a::b' }));
  expect(withStart(lines, '::')).toEqual(['::error file=ci/tasks.yml,line=1,title=t0 failed::agent-error: 100%25 wrong, at: a::b (log: /runs/t0.log)']);
});

test('what does not fail the run is a warning, what completed is nothing', async () => {
  const soft = plan([agentTask('t0', { continueOnError: true }), agentTask('t1'), agentTask('t2')]);
  const { lines } = await play(soft, (index) => ({ outcome: (['failed', 'cancelled', 'completed'] as const)[index] ?? 'failed' }), ['hello']);
  expect(withStart(lines, '::').map((line) => line.slice(0, line.indexOf('=') < 0 ? undefined : line.indexOf(' ')))).toEqual([
    '::group::t0 failed: what it said last', '::endgroup::', '::warning', '::warning',
  ]);
});

test('a group holds the last lines of its own task', async () => {
  const { lines } = await play(tasks(2), () => ({ outcome: 'failed' }), Array.from({ length: 50 }, (_, i) => `said ${i}`));
  const from = lines.indexOf('::group::t1 failed: what it said last');
  expect(lines.slice(from + 1, lines.indexOf('::endgroup::', from))).toEqual([...Array.from({ length: 20 }, (_, i) => `  said ${30 + i}`), '  log: /runs/t1.log']);
});

test('nothing that an agent prints is a command', async () => {
  const evil = ['::error::x', '  ::set-output name=a::b', 'x ##[error]boo', '#\u200B#[add-mask]a', '\u001B[31m::stop-commands::t', '\u0085::warning::y', '::\r\n::group::z', '##\u001B[0m[group]q'];
  const { lines } = await play(tasks(evil.length), (index) => ({ outcome: 'failed', message: evil[index] ?? '' }), evil);
  const commands = lines.filter((line) => /^\s*::/.test(line) || line.includes('##['));
  // What is left are the reporter's own: a group, its end and an annotation for each.
  expect(commands.filter((line) => !/^(::group::t\d failed: what it said last|::endgroup::|::error file=ci\/tasks\.yml,line=1,title=t\d failed::)/.test(line))).toEqual([]);
  expect(commands.filter((line) => line.startsWith('::error'))).toHaveLength(evil.length);
});

test('properties and data are escaped as the runner reads them', () => {
  expect(annotationLine({ level: 'error', title: 'a:b,c%d', message: 'm:n,o%p', file: 'x,y:z.yml' })).toBe('::error file=x%2Cy%3Az.yml,line=1,title=a%3Ab%2Cc%25d::m:n,o%25p');
  expect(inertLine('\t::x')).toBe('\t: :x');
});

test('without a checkout no file is named, without a summary none is written', async () => {
  const outside = { ...tasks(1), manifest: '/elsewhere/tasks.yml' };
  expect(withStart((await play(outside, () => ({ outcome: 'failed' }))).lines, '::error')[0]).toMatch(/^::error title=t0/);
  const reporter = createGithubReporter(outside, { isTTY: false, columns: 80, rows: 24, color: false, write: () => {} }, { workspace: null, appendSummary: null });
  reporter.onEvent({ type: 'run-resumed', failed: false, v: 1, seq: 1, at: 1, run: 'test' }, initialState(outside));
  await expect(reporter.close()).resolves.toBeUndefined();
});
