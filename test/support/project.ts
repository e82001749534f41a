// A repository with orch's configuration for end-to-end tests: an agent that does what its prompt says, and assertions
// about what a run may leave behind.
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { loadStatus } from '../../src/commands/records.ts';
import { resolveRun } from '../../src/journal/run-list.ts';
import type { StatusDocument, TaskDocument } from '../../src/reporters/status.ts';
import { orch, startOrch, type Ended, type Running } from './orch.ts';
import { checkoutState, makeRepo, type RepoOptions, type TestRepo } from './repo.ts';

export const AGENT = path.join(import.meta.dirname, 'scripted-agent.mjs');

/** Steps as the prompt of a task, in a manifest. */
export const script = (...lines: string[]): string => JSON.stringify(lines.join('\n'));

export interface Project extends TestRepo {
  /** Writes tasks.yml beside the repository (so that it does not dirty it) and returns its path. */
  manifest(text: string): string;
  /** A file by which a test and its agents tell each other how far they are. */
  at(name: string): string;
  run(args: readonly string[], options?: { env?: Record<string, string>; stdin?: string }): Promise<Ended>;
  start(args: readonly string[], options?: { env?: Record<string, string> }): Running;
  /** What `orch status --json` prints, read by the same code without starting orch: for tests of other things. */
  status(run?: string): Promise<StatusDocument>;
  task(id: string): Promise<TaskDocument>;
  /** Everything that a run could leave: runs, branches, worktrees, other folders beside the repository. */
  traces(): string[];
}

export interface ProjectOptions extends Omit<RepoOptions, 'more'> {
  /** More of .orchestrator.yml, which is committed. */
  readonly config?: Record<string, unknown>;
}

export function makeProject(options: ProjectOptions = {}): Project {
  const { config, ...repoOptions } = options;
  const agents = { mine: { command: [process.execPath, AGENT], prompt: 'stdin', output: 'text' } };
  const settings = JSON.stringify({ agent: 'mine', grace: '1s', agents, ...config }, null, 2);
  const repo = makeRepo({ ...repoOptions, more: repoOptions.bare === true ? [] : [['Configure', { '.orchestrator.yml': settings }]] });
  const folder = path.join(repo.home, 'manifests');
  for (const name of ['manifests', 'signals']) mkdirSync(path.join(repo.home, name));
  let count = 0;
  const at = (cwd: { env?: Record<string, string>; stdin?: string } = {}) => ({ cwd: repo.path, ...cwd });
  const project: Project = {
    ...repo,
    manifest(text) {
      count += 1;
      const file = path.join(folder, `tasks${count}.yml`);
      writeFileSync(file, text);
      return file;
    },
    at: (name) => path.join(repo.home, 'signals', name),
    run: async (args, more) => await orch(args, at(more)),
    start: (args, more) => startOrch(args, at(more)),
    async status(run) {
      return await loadStatus(repo.commonDir, await resolveRun(repo.commonDir, run));
    },
    async task(id) {
      const found = (await project.status()).tasks.find((task) => task.id === id);
      if (found === undefined) throw new Error(`no task ${id}`);
      return found;
    },
    traces() {
      const list = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);
      return [
        ...repo.git('for-each-ref', '--format=%(refname)', 'refs/heads/orch', 'refs/orch').split('\n').filter((ref) => ref !== ''),
        ...list(path.join(repo.commonDir, 'orch', 'runs')), ...list(path.join(repo.commonDir, 'worktrees')),
        ...list(repo.home).filter((name) => name.endsWith('.orch')),
      ];
    },
  };
  return project;
}

/** Runs something and asserts that it left nothing at all, and the checkout as it was. */
export async function leavesNothing(project: Project, act: () => Promise<Ended>): Promise<Ended> {
  const before = project.traces();
  const checkout = checkoutState(project);
  const ended = await act();
  expect(project.traces()).toEqual(before);
  expect(checkoutState(project)).toEqual(checkout);
  return ended;
}

/** Kills the processes that hold runs of a project: what a failed test has left behind. */
export function endRuns({ path: folder }: Pick<Project, 'path'>): void {
  const runs = path.join(folder, '.git', 'orch', 'runs');
  for (const run of existsSync(runs) ? readdirSync(runs) : []) {
    for (const lock of readdirSync(path.join(runs, run)).filter((name) => /^lock\.\d+$/.test(name))) {
      const pid = Number(/"pid":(\d+)/.exec(read(path.join(runs, run, lock)))?.[1] ?? 0);
      if (pid > 0 && read(`/proc/${pid}/cmdline`).includes('cli.js')) process.kill(pid, 'SIGKILL');
    }
  }
}

/**
 * Living processes that belong to a project's agents, by command line, environment or working directory: in a pid
 * namespace the numbers that they know themselves by mean nothing out here. Linux only; elsewhere nothing is found.
 */
export function agentsOf(project: Pick<Project, 'home'>): string[] {
  const mark = path.basename(project.home);
  const pids = existsSync('/proc/self') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid) : [];
  return pids.flatMap((pid) => {
    const [command, environment] = [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)];
    const isAgent = environment.includes('ORCH_NONCE=') || command.includes('signals/');
    const isZombie = /^\d+ \(.*\) Z/s.test(read(`/proc/${pid}/stat`));
    return isAgent && !isZombie && [command, environment, cwdOf(pid)].some((text) => text.includes(mark)) ? [`${pid} ${command.replaceAll('\0', ' ')}`] : [];
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
