// A repository with a task in it, for tests of the sandbox: the task's working tree (linked, or a clone that borrows
// objects), a sibling's, a home with a key in it, and orch's records.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ProcessSpec } from '../../src/effects/effects.ts';
import { sandboxFor, type SandboxRequest } from '../../src/effects/sandbox.ts';
import type { GitLayout } from '../../src/effects/sandbox-git.ts';
import { createProcessRig, type ProcessRig } from './process-rig.ts';

export interface SandboxRig {
  readonly rig: ProcessRig;
  readonly common: string;
  readonly worktree: string;
  readonly branch: string;
  readonly layout: GitLayout;
  /** Paths by the names under which the scripts of the tests know them. */
  readonly places: Readonly<Record<string, string>>;
  readonly git: (...args: readonly string[]) => string;
  /** Puts repository, working trees and home back as they were made. */
  readonly restore: () => void;
  /** The script in the task's working tree, in the sandbox unless `outside`. */
  readonly script: (text: string, more?: { readonly outside?: boolean; readonly request?: Partial<SandboxRequest>; readonly env?: Record<string, string> }) => ProcessSpec;
}

export function createSandboxRig(kind: GitLayout['kind']): SandboxRig {
  // Not below /tmp or /dev, which a sandbox replaces by its own.
  const rig = createProcessRig('/var/tmp');
  const repo = rig.at('repo');
  const home = os.homedir();
  const branch = 'orch/run/task';
  const worktree = rig.at('tree/task');
  const sibling = rig.at('tree/sibling');
  const scratch = rig.at('scratch');
  for (const folder of [repo, rig.at('tree'), scratch, path.join(home, '.ssh'), path.join(home, '.agent')]) mkdirSync(folder, { recursive: true });
  const fillHome = (): void => {
    writeFileSync(path.join(home, '.ssh/id_test'), 'private key\n');
    writeFileSync(path.join(home, '.agent/credential'), 'the one\n');
  };
  fillHome();
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', repo, '-c', 'user.name=T', '-c', 'user.email=t@example.invalid', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  git('init', '-q', '-b', 'main');
  for (const text of ['one', 'two']) {
    writeFileSync(path.join(repo, 'file'), `${text}\n`);
    git('add', '-A');
    git('commit', '-q', '-m', text);
  }
  git('repack', '-adq');
  writeFileSync(path.join(repo, 'loose'), 'loose\n');
  git('add', '-A');
  git('commit', '-q', '-m', 'three, loose');
  const common = path.join(repo, '.git');
  git('branch', 'orch/other/task');
  git('worktree', 'add', '-q', '-b', 'orch/run/sibling', sibling);
  writeFileSync(path.join(sibling, 'unsaved'), 'work of another task\n');
  mkdirSync(path.join(common, 'orch'));
  writeFileSync(path.join(common, 'orch/record'), 'prompt of another task\n');
  if (kind === 'worktree') git('worktree', 'add', '-q', '-b', branch, worktree);
  else {
    git('clone', '-q', '--shared', '--no-tags', '--single-branch', '-b', 'main', repo, worktree);
    execFileSync('git', ['-C', worktree, 'checkout', '-q', '-b', branch]);
  }
  const layout: GitLayout = kind === 'worktree' ? { kind, commonDir: common, branch } : { kind, borrowed: [path.join(common, 'objects')] };
  for (const name of ['repo', 'tree']) cpSync(rig.at(name), rig.at(`${name}.made`), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  const places = { COMMON: common, SIBLING: sibling, REAL_HOME: home, OUTSIDE: rig.dir, OLD: git('rev-parse', 'main~1'), TEST_PID: String(process.pid) };
  return {
    rig, common, worktree, branch, layout, places, git,
    restore() {
      fillHome();
      for (const name of ['repo', 'tree']) {
        rmSync(rig.at(name), { recursive: true, force: true });
        cpSync(rig.at(`${name}.made`), rig.at(name), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      }
    },
    script: (text, { outside = false, request = {}, env = {} } = {}) => ({
      ...rig.shell(text), cwd: worktree,
      env: {
        PATH: process.env['PATH'] ?? '', HOME: home, ORCH_RUN_ID: rig.run, ...places, ...env,
        GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.invalid', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.invalid',
      },
      ...(outside ? {} : { sandbox: sandboxFor({ worktree, git: layout, scratch, network: 'on', credential: null, read: [], write: [], ...request }) }),
    }),
  };
}

/** All that the user's repository holds, but its objects: to compare before and after. */
export function stateOf({ common, git }: SandboxRig): string {
  const files = ['config', 'HEAD', 'info/exclude'].map((name) => readFileSync(path.join(common, name), 'utf8'));
  return [...files, git('for-each-ref'), execFileSync('ls', ['-la', path.join(common, 'hooks'), path.join(common, 'info')], { encoding: 'utf8' })].join('\n');
}
