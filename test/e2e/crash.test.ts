// kill -9 of orch at every durable step there is: the next orch arrives where an uninterrupted run would have, and nothing
// is lost, left running or done twice on the way.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CRASH_POINTS, MERGE_CRASH_POINTS, PULL_REQUEST_CRASH_POINTS, SANDBOX_CRASH_POINTS, type CrashPoint } from '../../src/lib/crash-point.ts';
import { branchesOf, expectReachable, expectTidy, workIn } from '../support/invariants.ts';
import { orch } from '../support/orch.ts';
import { makeProject, script, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';

/** A shell that takes its prompt for a script: it starts in a tenth of the time of a program in JavaScript. */
const config = { agents: { mine: { command: ['/bin/sh'], prompt: 'stdin', output: 'text' } } };

/** Every phase, a retry of each kind, dependents, a task that fails and stays, one that is skipped, a daemon. */
const MANIFEST = `
max-parallel: 3
tasks:
  first: { setup: "mkdir -p build && echo made > build/out.txt", verify: "test -f build/out.txt && test -f mine.txt", prompt: ${script('echo one > mine.txt', 'git add -A', 'git commit -q -m Mine', 'mkdir -p more', 'echo two > more/theirs.txt')} }
  again: { retries: 9, verify: "echo junk > junk.txt; grep -q fixed state.txt", run: "if [ -f state.txt ]; then echo fixed > state.txt; else echo broken > state.txt; fi; (sleep 300 >/dev/null 2>&1 &)" }
  both: { needs: [first, again], run: "git ls-files > list.txt" }
  stays: { retries: 1, prompt: ${script('echo half > half.txt', 'exit 3')} }
  never: { needs: stays, run: "true" }
`;

interface Arrived {
  readonly exitCode: number | null;
  readonly branches: Record<string, string>;
  readonly tasks: readonly string[];
}
async function arrived(project: Project, run: string): Promise<Arrived> {
  const status = await project.status(run);
  return {
    exitCode: status.exitCode,
    branches: branchesOf(project, run),
    tasks: status.tasks.map(({ id, outcome, reason, message, verified, commits, worktree }) => `${id} ${outcome} ${reason} (${message}) ${verified} ${commits} ${worktree !== null}`),
  };
}
/** Works of one task that ended well: more than one means that somebody paid twice. */
function endedWell(project: Project, run: string): Record<string, number> {
  const dir = path.join(project.commonDir, 'orch', 'runs', run);
  const counts: Record<string, number> = {};
  const lines = readdirSync(dir).filter((name) => name.startsWith('journal.')).flatMap((name) => readFileSync(path.join(dir, name), 'utf8').split('\n'));
  for (const line of lines.filter((text) => text.includes('"type":"phase-finished"') && text.includes('"phase":"work"'))) {
    const event = JSON.parse(line.slice(9)) as { task: string; result: { ok: boolean } };
    if (event.result.ok) counts[event.task] = (counts[event.task] ?? 0) + 1;
  }
  return counts;
}

let wanted: Arrived;
beforeAll(async () => {
  const project = makeProject({ config });
  const ended = await project.run(['run', project.manifest(MANIFEST), '--run-id', 'walk']);
  expect(ended.code, ended.stderr).toBe(1);
  wanted = await arrived(project, 'walk');
  expect(wanted.tasks).toEqual([
    'first completed null (null) true 2 false', 'again completed null (null) true 2 false', 'both completed null (null) false 1 false',
    'stays failed agent-error (exit code 3) false 1 true', 'never skipped dependency (needs stays, which ended as failed) false 0 false',
  ]);
  expect(endedWell(project, 'walk')).toEqual({ first: 1, again: 2, both: 1 });
  expectTidy(project, 'walk');
  project.dispose();
});

/** The n-th times at which a step is tried beside the first. */
const LATER: Partial<Record<CrashPoint, readonly number[]>> = {
  recorded: [4, 8], 'journal-written': [5], 'journal-synced': [7], 'work-saved': [3], 'agent-ended': [2], 'end-saved': [3], 'result-saved': [4],
  'worktree-published': [4], 'verify-begun': [3], 'files-discarded': [2],
};
const cases = CRASH_POINTS.flatMap((point) => [1, ...(LATER[point] ?? [])].map((n) => [point, n] as const));

describe.concurrent('killed at', () => {
  test.each(cases)('%s, time %i', async (point, n) => {
    const project = makeProject({ config });
    // Agents of different repositories must not be taken for each other's.
    const run = `walk-${point}-${n}`;
    try {
      const checkout = checkoutState(project);
      const manifest = project.manifest(MANIFEST);
      const crashed = await project.run(['run', manifest, '--run-id', run], { env: { ORCH_CRASH_AT: `${point}:${n}` } });
      // The step exists, and is reached by this run.
      expect({ signal: crashed.signal, code: crashed.code }, crashed.stderr).toEqual({ signal: 'SIGKILL', code: null });
      const work = workIn(project, run);
      const exists = point !== 'run-staged';
      const ended = exists ? await project.run(['resume', run]) : await project.run(['run', manifest, '--run-id', run]);
      expect(ended.code, ended.stderr).toBe(1);
      expect(ended.stderr).not.toContain('bug in orch');
      expect(await arrived(project, run)).toEqual(wanted);
      expectReachable(project, work);
      expectTidy(project, run);
      expect(checkoutState(project)).toEqual(checkout);
      // Only an agent whose end nobody had written down is run again.
      const paid = endedWell(project, run);
      expect(paid.first).toBe(1);
      expect(paid.both).toBe(1);
      expect(paid.again).toBeGreaterThanOrEqual(2);
    } finally {
      project.dispose();
    }
  });
});

describe.concurrent('an agent', () => {
  const counting = (project: Project): string => `
tasks:
  once: { verify: "test -f a.txt", run: ${script(`echo run >> '${project.home}/runs'`, 'echo a > a.txt')} }
`;
  const runs = (project: Project): number => readFileSync(path.join(project.home, 'runs'), 'utf8').trim().split('\n').length;

  test.each(['end-saved', 'tree-written', 'work-saved', 'work-collected', 'result-saved'] as const)('whose end is written down is not run again (%s)', async (point) => {
    const project = makeProject();
    const run = `paid-${point}`;
    const crashed = await project.run(['run', project.manifest(counting(project)), '--run-id', run], { env: { ORCH_CRASH_AT: point } });
    expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
    expect((await project.run(['resume', run])).code).toBe(0);
    expect(runs(project)).toBe(1);
    project.dispose();
  });

  test.each(['attempt-begun:2', 'agent-ended'])('that has to be run again leaves what it had to a rescue reference (%s)', async (point) => {
    const project = makeProject();
    const run = `twice-${point.replace(':', '-')}`;
    // The first of them does not come to its end, or nobody learns of it.
    const manifest = project.manifest(`tasks: { twice: { retries: 1, run: ${script(`if mkdir '${project.home}/first' 2>/dev/null`, 'then cat /proc/sys/kernel/random/uuid > draft.txt; mkdir sub; cat /proc/sys/kernel/random/uuid > sub/more.txt; exit 1', 'fi', 'echo a > a.txt')} } }`);
    const crashed = await project.run(['run', manifest, '--run-id', run], { env: { ORCH_CRASH_AT: point } });
    expect(crashed.signal, crashed.stderr).toBe('SIGKILL');
    const work = workIn(project, run);
    expect((await project.run(['resume', run])).code).toBe(0);
    expectReachable(project, work);
    const saved = project.git('rev-list', '--objects', '--all').split('\n').map((line) => line.split(' ')[1]);
    expect(saved).toEqual(expect.arrayContaining(['draft.txt', 'sub/more.txt']));
    project.dispose();
  });
});

test('a run that has arrived is resumed to the same end, and nothing is done', async () => {
  const project = makeProject({ config });
  await project.run(['run', project.manifest(MANIFEST), '--run-id', 'walk']);
  const before = await arrived(project, 'walk');
  const again = await project.run(['resume', 'walk']);
  expect(again.code, again.stderr).toBe(1);
  expect(await arrived(project, 'walk')).toEqual(before);
  expect(endedWell(project, 'walk')).toEqual({ first: 1, again: 2, both: 1 });
  project.dispose();
});

test('each step of the list stands at one place in the source, and no other is named', () => {
  const src = path.join(import.meta.dirname, '..', '..', 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith('crash-point.ts'));
  const named = files.flatMap((name) => [...readFileSync(path.join(src, name), 'utf8').matchAll(/\bcrashPoint\('([a-z-]+)'\)/g)].map(([, point]) => point ?? ''));
  expect(named.sort()).toEqual([...CRASH_POINTS, ...MERGE_CRASH_POINTS, ...PULL_REQUEST_CRASH_POINTS, ...SANDBOX_CRASH_POINTS].sort());
});

test('a step that does not exist is refused (exit 2)', async () => {
  const ended = await orch(['runs'], { cwd: '/', env: { ORCH_CRASH_AT: 'nowhere' } });
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('worktree-published');
});

afterAll(() => {
  expect(process.env['ORCH_CRASH_AT']).toBeUndefined();
});
