// kill -9 of orch at every durable step around the private repository of a task in a sandbox: the next orch arrives where an
// uninterrupted run would have, and nothing that was done in that repository is lost.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClock } from '../../src/effects/clock.ts';
import { probeSandbox } from '../../src/effects/sandbox.ts';
import { SANDBOX_CRASH_POINTS } from '../../src/lib/crash-point.ts';
import { branchesOf, expectReachable, expectTidy, workIn } from '../support/invariants.ts';
import { makeProject, type Project } from '../support/project.ts';
import { checkoutState, walk } from '../support/repo.ts';

const { containment } = await probeSandbox(createClock());

const git = (...words: string[]): string => `git -c user.name=A -c user.email=a@b ${words.join(' ')}`;
/** Commits, work that is not committed, a branch beside its own, a stash; setup and verify are in a sandbox, too. */
const MANIFEST = `
max-parallel: 2
tasks:
  mine: { setup: "mkdir -p build", run: ${JSON.stringify([
    'set -e', 'echo a > a.txt', 'git add a.txt', git('commit -qm One'), git('branch aside'), 'echo s > a.txt', git('stash -q'),
    'git checkout -q aside', 'echo x > x.txt', 'git add x.txt', git('commit -qm Aside'), 'git checkout -q -', 'echo b > b.txt',
  ].join('\n'))}, verify: "test -f a.txt && test -f b.txt && git status --short" }
  gone: { run: ${JSON.stringify(['echo g > g.txt', 'git checkout -q -b elsewhere', 'git add g.txt', git('commit -qm Elsewhere')].join('\n'))} }
  next: { needs: mine, run: "git ls-files > list.txt" }
`;

const project = (): Project => makeProject({ config: { isolation: 'sandbox' } });

async function arrived(at: Project, run: string) {
  const status = await at.status(run);
  const rescued = at.git('for-each-ref', '--format=%(refname) %(subject)', 'refs/orch/rescue').split('\n').map((line) => line.replace(`/${run}/`, '/').replace(/@\d+/, ''));
  return {
    exitCode: status.exitCode, branches: branchesOf(at, run),
    // A stash is named after the commit that it stands on, which has a time.
    rescued: [...new Set(rescued.map((line) => line.replace(/(WIP on .*): [0-9a-f]+/, '$1').replace(run, '')))].sort(),
    tasks: status.tasks.map(({ id, outcome, reason, verified, commits }) => `${id} ${outcome} ${reason} ${verified} ${commits}`),
  };
}

describe.skipIf(containment === null).concurrent('in a sandbox, killed at', () => {
  let wanted: Awaited<ReturnType<typeof arrived>>;
  const tmpdir = process.env['TMPDIR'];
  beforeAll(async () => {
    // A sandbox has a /tmp of its own.
    process.env['TMPDIR'] = '/var/tmp';
    const whole = project();
    await whole.run(['run', whole.manifest(MANIFEST), '--run-id', 'walk']);
    wanted = await arrived(whole, 'walk');
    expect(wanted).toMatchObject({
      tasks: ['mine completed null true 2', 'gone failed left-branch false 1', 'next completed null false 1'],
      rescued: ['refs/orch/rescue/gone Elsewhere', 'refs/orch/rescue/mine Aside', expect.stringMatching(/^refs\/orch\/rescue\/mine WIP on/)],
    });
    expectTidy(whole, 'walk');
    whole.dispose();
  });
  afterAll(() => {
    if (tmpdir === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = tmpdir;
  });

  const cases = [...SANDBOX_CRASH_POINTS.map((point) => [point, 1] as const), ['private-made', 2], ['references-taken', 2], ['agent-ended', 1], ['work-saved', 1]] as const;
  test.each(cases)('%s, time %i', async (point, n) => {
    const crashed = project();
    const run = `walk-${point}-${n}`;
    try {
      const checkout = checkoutState(crashed);
      const killed = await crashed.run(['run', crashed.manifest(MANIFEST), '--run-id', run], { env: { ORCH_CRASH_AT: `${point}:${n}` } });
      expect(killed.signal, killed.stderr).toBe('SIGKILL');
      const work = workIn(crashed, run);
      const ended = await crashed.run(['resume', run]);
      expect(ended.stderr).not.toContain('bug in orch');
      // What the other task's agent had done when it was killed is saved, too.
      expect(await arrived(crashed, run), ended.stderr).toEqual({ ...wanted, rescued: expect.arrayContaining(wanted.rescued) as string[] });
      expectReachable(crashed, work);
      expectTidy(crashed, run);
      expect(walk(path.join(crashed.path, '.git/orch/workspaces')).filter((file) => /\/private[./]/.test(file))).toEqual([]);
      expect(checkoutState(crashed)).toEqual(checkout);
    } finally {
      crashed.dispose();
    }
  });
});
