// Disks that fail, fill up or are read-only, and descriptors that run out: orch stops in order with the exit code of the
// spec, leaves nothing running, and the run can be resumed to the same end.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { branchesOf, expectReachable, expectTidy, processesOf, workIn } from '../support/invariants.ts';
import { CLI, orch, type Ended } from '../support/orch.ts';
import { makeProject, script, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';

const PRELOAD = path.join(import.meta.dirname, '..', 'support', 'faulty-fs.mjs');
const RUN = 'disk';
// A shell starts in a tenth of the time of a program in JavaScript.
const config = { agents: { mine: { command: ['/bin/sh'], prompt: 'stdin', output: 'text' } } };
const MANIFEST = `
max-parallel: 2
tasks:
  a: { setup: "mkdir -p build", verify: "test -f a.txt", prompt: ${script('echo a > a.txt', 'git add -A', 'git commit -q -m Mine', 'echo b > b.txt')} }
  b: { run: "echo b > c.txt" }
  c: { needs: [a, b], run: "cat a.txt c.txt > d.txt" }
`;

let project: Project;
beforeEach(() => { project = makeProject({ config }); });
afterEach(() => { project.dispose(); });

async function failing(call: string, n: number | string, code: string, pattern: string): Promise<Ended> {
  const env = { NODE_OPTIONS: `--import=${PRELOAD}`, FAULTY_FS: `${call}:${n}:${code}:${pattern}` };
  return await project.run(['run', project.manifest(MANIFEST), '--run-id', RUN], { env });
}

let wanted: Record<string, string>;
beforeAll(async () => {
  const whole = makeProject({ config });
  expect((await whole.run(['run', whole.manifest(MANIFEST), '--run-id', RUN])).code).toBe(0);
  wanted = branchesOf(whole, RUN);
  expect(Object.keys(wanted)).toHaveLength(3);
  whole.dispose();
});

/** Nothing runs, the cause is one line, and the resume arrives. */
async function expectOrderly(ended: Ended, checkout: Record<string, string>): Promise<void> {
  expect(ended.stderr).not.toContain('bug in orch');
  expect(processesOf(project)).toEqual([]);
  const work = workIn(project, RUN);
  const resumed = await project.run(['resume', RUN, '--failed']);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(branchesOf(project, RUN)).toEqual(wanted);
  expectReachable(project, work);
  expectTidy(project, RUN);
  expect(checkoutState(project)).toEqual(checkout);
}

describe('the journal', () => {
  test.each([
    ['write', 2, 'ENOSPC'], ['write', 3, 'ENOSPC'], ['write', 5, 'EDQUOT'], ['write', 8, 'ENOSPC'], ['write', 12, 'EROFS'],
    ['sync', 3, 'EIO'], ['sync', 6, 'EIO'],
  ])('%s number %i fails with %s: exit 74, resumable', async (call, n, code) => {
    const checkout = checkoutState(project);
    const ended = await failing(call, n, code, 'journal\\.\\d+\\.ndjson$');
    expect(ended.code, ended.stderr).toBe(74);
    expect(ended.stderr).toContain(code);
    expect(ended.stderr).toContain(`orch resume ${RUN}`);
    await expectOrderly(ended, checkout);
  });

  test.each([['mkdir', 'EROFS', '/orch(/|$)'], ['write', 'ENOSPC', 'plan\\.json$'], ['rename', 'EACCES', `runs/${RUN}$`], ['link', 'EPERM', 'lock\\.1$'], ['open', 'EROFS', 'journal\\.1\\.ndjson$']])(
    'cannot even begin: %s fails with %s, exit 74 before anything is created', async (call, code, pattern) => {
      const checkout = checkoutState(project);
      const ended = await failing(call, 1, code, pattern);
      expect(ended.code, ended.stderr).toBe(74);
      expect(ended.stderr).not.toContain('bug in orch');
      expect(ended.stderr).toContain(code);
      expect(project.git('for-each-ref', 'refs/heads/orch')).toBe('');
      expect(project.git('worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(1);
      expect(checkoutState(project)).toEqual(checkout);
      const again = await project.run(['run', project.manifest(MANIFEST), '--run-id', `${RUN}-2`]);
      expect(again.code, again.stderr).toBe(0);
    });
});

describe('everything else that is written', () => {
  test.each([
    ['writeFile', 1, 'ENOSPC', 'prompt\\.md'], ['writeFile', '1x2', 'EMFILE', 'prompt\\.md'], ['writeFile', 1, 'ENOSPC', 'ended\\.json'], ['writeFile', 1, 'EIO', 'result\\.json'], ['rename', 1, 'ENOSPC', 'result\\.json$'],
    ['writeFile', '2x1', 'ENOSPC', 'record\\.json'], ['mkdir', '1x2', 'ENOSPC', `\\.orch/${RUN}/`], ['rename', '1x1', 'EBUSY', 'worktrees/orch-'], ['mkdir', 1, 'EDQUOT', 'attempt-1$'],
  ] as const)('%s number %s fails with %s on %s: no bug, nothing lost, resumable', async (call, n, code, pattern) => {
    const checkout = checkoutState(project);
    const ended = await failing(call, n, code, pattern);
    expect([0, 1, 74], ended.stderr).toContain(ended.code);
    await expectOrderly(ended, checkout);
  });
});

const canMount = ((): boolean => {
  try {
    execFileSync('unshare', ['--user', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', os.tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Runs a shell script with a small disk at $DISK, which holds a copy of the repository; what it leaves in $OUT stays. */
function onSmallDisk(lines: readonly string[], size: string): { status: number | null; out: (name: string) => string; said: string } {
  const out = path.join(project.home, 'out');
  const disk = path.join(project.home, 'disk');
  for (const folder of [out, disk]) mkdirSync(folder);
  const manifest = path.join(project.home, 'manifest.yml');
  writeFileSync(manifest, `tasks:\n  fills: { run: "echo x > x.txt; head -c 1G /dev/zero > $DISK/filler; sleep 0.2; true" }\n  next: { needs: fills, run: "echo y > y.txt" }\n`);
  const script = [`mount -t tmpfs -o size=${size} none "$DISK"`, 'cp -a "$REPO" "$DISK/repo"', 'cd "$DISK/repo"', ...lines].join('\n');
  const env = { ...process.env, DISK: disk, OUT: out, REPO: project.path, MANIFEST: manifest, NODE: process.execPath, CLI };
  const done = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script], { encoding: 'utf8', env });
  return { status: done.status, out: (name) => readFileSync(path.join(out, name), 'utf8').trim(), said: `${done.stdout}${done.stderr}` };
}

describe.runIf(canMount)('a real small disk', () => {
  test('that an agent fills: exit 74; with room again, the resume arrives', () => {
    project.commit('Pass', { '.orchestrator.yml': JSON.stringify({ env: { pass: ['DISK'] } }) });
    const { out, said } = onSmallDisk([
      '"$NODE" "$CLI" run "$MANIFEST" --run-id full 2> "$OUT/run.err"; echo $? > "$OUT/run"',
      'ls "$DISK" > "$OUT/files"; rm -f "$DISK/filler"; sed -i s/1G/1K/ .git/orch/runs/full/manifest.yml',
      '"$NODE" "$CLI" status full --json > "$OUT/status"',
      // The plan is frozen: it fills the disk again, unless the disk is larger now.
      'mount -o remount,size=3g "$DISK"',
      '"$NODE" "$CLI" resume full 2> "$OUT/resume.err"; echo $? > "$OUT/resume"',
      'git for-each-ref --format="%(refname)" refs/heads/orch > "$OUT/refs"; git fsck --connectivity-only 2>&1 > "$OUT/fsck"',
    ], '260m');
    expect(out('run'), said + out('run.err')).toBe('74');
    expect(out('run.err')).not.toContain('bug in orch');
    expect(out('run.err')).toMatch(/ENOSPC|No space left|Out of diskspace/);
    expect(out('resume'), out('resume.err')).toBe('0');
    expect(out('refs').split('\n')).toEqual(['refs/heads/orch/full/fills', 'refs/heads/orch/full/next']);
  });

  test('with too little room: refused before anything is created (exit 74)', () => {
    const { out } = onSmallDisk(['"$NODE" "$CLI" run "$MANIFEST" 2> "$OUT/run.err"; echo $? > "$OUT/run"; git for-each-ref refs/heads/orch > "$OUT/refs"'], '60m');
    expect(out('run')).toBe('74');
    expect(out('run.err')).toMatch(/MiB are free, 200 MiB are needed/);
    expect(out('refs')).toBe('');
  });

  test('that is read-only: refused before any agent starts (exit 74)', () => {
    const { out } = onSmallDisk(['mount -o remount,ro "$DISK"', '"$NODE" "$CLI" run "$MANIFEST" 2> "$OUT/run.err"; echo $? > "$OUT/run"'], '300m');
    expect(out('run'), out('run.err')).toBe('74');
    expect(out('run.err')).toContain('EROFS');
    expect(out('run.err')).not.toContain('bug in orch');
  });
});

test('too few descriptors: tasks wait and are tried again, none is blamed, no bug', async () => {
  const manifest = project.manifest(`max-parallel: 12\ntasks:\n${Array.from({ length: 12 }, (_, i) => `  t${i}: { run: "sleep 0.3; echo ${i} > ${i}.txt" }`).join('\n')}\n`);
  const limited = path.join(project.home, 'limited.sh');
  writeFileSync(limited, `#!/bin/sh\nulimit -n 60\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  chmodSync(limited, 0o755);
  const done = spawnSync(limited, ['run', manifest, '--run-id', RUN], { cwd: project.path, encoding: 'utf8' });
  expect(done.stderr).not.toContain('bug in orch');
  const ended = { code: done.status, signal: null, stdout: done.stdout, stderr: done.stderr };
  expect([0, 1, 74], ended.stderr).toContain(ended.code);
  // On a busy machine they may run out while orch loads, before there is a run.
  const rest = existsSync(path.join(project.commonDir, 'orch', 'runs', RUN)) ? ['resume', RUN, '--failed'] : ['run', manifest, '--run-id', RUN];
  const resumed = ended.code === 0 ? ended : await orch(rest, { cwd: project.path });
  expect(resumed.code, resumed.stderr).toBe(0);
  expectTidy(project, RUN);
});
