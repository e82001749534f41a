// How long it takes until a contained program runs, beside one that is only spawned. Prints JSON: medians in milliseconds.
//   node <bundle> <repository> <rounds>
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createClock } from '../../src/effects/clock.ts';
import type { ProcessSpec, Sandbox } from '../../src/effects/effects.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { firmestContainment } from '../../src/effects/processes/tiers.ts';
import { probeSandbox, sandboxFor } from '../../src/effects/sandbox.ts';
import { createWorkspaces } from '../../src/effects/workspaces.ts';

const [folder = '', rounds = '5'] = process.argv.slice(2);
const clock = createClock();
const containment = await firmestContainment(clock);
const { containment: sandbox } = await probeSandbox(clock);
const processes = createProcesses({ clock, containment, ...(sandbox === null ? {} : { sandbox }) });
const repo = await openRepository(folder);
const workspaces = await createWorkspaces({ repo, root: path.join(path.dirname(folder), 'trees') });
const [head = ''] = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: folder, encoding: 'utf8' }).stdout.split('\n');
const made = await workspaces.create({ run: 'bench', task: 'one', attempt: 1, branch: 'orch/bench/one', starts: [head], copy: [], link: [] });
if (!made.ok) throw new Error(JSON.stringify(made));
const { workspace } = made;

// The program says when it runs; nothing is quicker to start that can.
const PROGRAM = ['-e', 'printf "%.3f", do { require Time::HiRes; Time::HiRes::time() } * 1000'];
const env = { PATH: process.env['PATH'] ?? '' };
const now = (): number => performance.timeOrigin + performance.now();
const spec: ProcessSpec = { command: '/usr/bin/perl', args: PROGRAM, cwd: workspace.path, env, stdin: null, timeoutMs: null, idleTimeoutMs: null, graceMs: 0, logFile: null };

async function contained(sandboxOf: () => Promise<{ readonly sandbox?: Sandbox }>): Promise<number> {
  const since = now();
  const end = await processes.run({ ...spec, ...(await sandboxOf()) });
  if (end.exit.kind !== 'code' || end.exit.code !== 0) throw new Error(JSON.stringify(end));
  return Number(end.stdoutTail) - since;
}
function plain(): number {
  const since = now();
  return Number(spawnSync('/usr/bin/perl', PROGRAM, { cwd: workspace.path, env, encoding: 'utf8' }).stdout) - since;
}
async function sandboxed(): Promise<{ readonly sandbox: Sandbox }> {
  const scratch = path.join(path.dirname(folder), 'scratch');
  mkdirSync(scratch, { recursive: true });
  const git = await workspaces.seclude(workspace);
  return { sandbox: sandboxFor({ worktree: workspace.path, git, scratch, network: 'on', credential: null, read: [], write: [], sealed: [] }) };
}

const times: Record<'plain' | 'held' | 'sandbox', number[]> = { plain: [], held: [], sandbox: [] };
for (let round = 0; round < Number(rounds); round += 1) {
  times.plain.push(plain());
  times.held.push(await contained(async () => await Promise.resolve({})));
  if (sandbox === null) continue;
  times.sandbox.push(await contained(sandboxed));
  // With the private repository that each attempt begins with.
  await workspaces.collect(workspace, 'bench');
}
const median = (values: readonly number[]): number | null => values.toSorted((a, b) => a - b)[values.length >> 1] ?? null;
process.stdout.write(JSON.stringify({ tier: containment.tier, plainMs: median(times.plain), heldMs: median(times.held), sandboxMs: median(times.sandbox) }));
rmSync(path.join(path.dirname(folder), 'trees'), { recursive: true, force: true });
