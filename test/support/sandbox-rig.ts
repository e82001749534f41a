// A repository with a task in it, for tests of the sandbox: the task's working tree as orch makes it, a sibling's, a home
// with a key in it, and orch's records.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { ProcessSpec, Workspace } from '../../src/effects/effects.ts';
import { sandboxFor, type SandboxRequest } from '../../src/effects/sandbox.ts';
import { createProcessRig, type ProcessRig } from './process-rig.ts';
import { makeRepo } from './repo.ts';
import { makeRig, type Rig } from './workspace-rig.ts';

export interface SandboxRig {
  readonly processes: ProcessRig;
  readonly rig: Rig;
  readonly common: string;
  readonly workspace: Workspace;
  /** Paths by the names under which the scripts of the tests know them. */
  readonly places: Readonly<Record<string, string>>;
  readonly git: Rig['git'];
  /** The script in the task's working tree, in the sandbox unless `outside`. */
  readonly script: (text: string, more?: { readonly outside?: boolean; readonly request?: Partial<SandboxRequest>; readonly env?: Record<string, string> }) => Promise<ProcessSpec>;
  /** Whether a shell condition holds out here. */
  readonly holds: (condition: string) => boolean;
  /** Puts the repository, the working trees and the home back as they were made. */
  readonly restore: () => void;
  readonly dispose: () => void;
}

export async function createSandboxRig(): Promise<SandboxRig> {
  // Not below /tmp or /dev, which a sandbox replaces by its own.
  const was = process.env['TMPDIR'];
  process.env['TMPDIR'] = '/var/tmp';
  const processes = createProcessRig();
  const repo = makeRepo();
  if (was === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = was;
  // Not under the home of the tests: that one is in /tmp as well.
  const home = mkdtempSync(processes.at('home-'));
  const scratch = processes.at('scratch');
  for (const folder of [scratch, path.join(home, '.ssh'), path.join(home, '.agent')]) mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(home, '.ssh/id_test'), 'private key\n');
  writeFileSync(path.join(home, '.agent/credential'), 'the one\n');
  const common = path.join(repo.path, '.git');
  for (const text of ['one', 'two']) repo.commit(text, { 'file': `${text}\n` });
  repo.git('repack', '-adq');
  repo.commit('three, loose', { loose: 'loose\n' });
  repo.git('branch', 'orch/other/task');
  const rig = await makeRig(repo);
  const sibling = await rig.create('sibling');
  writeFileSync(path.join(sibling.path, 'unsaved'), 'work of another task\n');
  writeFileSync(path.join(common, 'orch/record'), 'prompt of another task\n');
  const workspace = await rig.create('task');
  const adminOf = (folder: string): string => readFileSync(path.join(folder, '.git'), 'utf8').trim().replace('gitdir: ', '');
  const places = {
    COMMON: common, SIBLING: sibling.path, SIBLING_ADMIN: adminOf(sibling.path), ADMIN: adminOf(workspace.path),
    REAL_HOME: home, OUTSIDE: path.dirname(workspace.path), WORKTREE: workspace.path, OLD: repo.git('rev-parse', 'main~1'), START: workspace.start, TEST_PID: String(process.pid),
  };
  const made = [[repo.home, processes.at('made-repo')], [home, processes.at('made-home')]] as const;
  const sh = (command: string, ...args: readonly string[]): void => void execFileSync(command, args);
  for (const [folder, kept] of made) sh('cp', '-a', folder, kept);
  const variables = { PATH: process.env['PATH'] ?? '', ...places };
  return {
    processes, rig, common, workspace, places, git: (...args) => rig.git(...args),
    async script(text, { outside = false, request = {}, env = {} } = {}) {
      const spec = {
        ...processes.shell(text), cwd: workspace.path,
        env: {
          ...variables, HOME: home, ORCH_RUN_ID: processes.run, ...env,
          GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.invalid', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.invalid',
        },
      };
      if (outside) return spec;
      const git = await rig.workspaces.seclude(workspace);
      return { ...spec, sandbox: sandboxFor({ worktree: workspace.path, git, scratch, network: 'on', credential: null, read: [], write: [], sealed: [], ...request }) };
    },
    holds(condition) {
      try {
        execFileSync('/bin/sh', ['-c', condition], { cwd: '/', env: variables, stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    },
    restore() {
      for (const [folder, kept] of made) {
        sh('rm', '-rf', folder);
        sh('cp', '-a', kept, folder);
      }
    },
    dispose() {
      processes.dispose();
      rmSync(repo.home, { recursive: true, force: true });
    },
  };
}
