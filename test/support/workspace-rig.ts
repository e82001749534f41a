// A repository with the workspaces effect on it, for tests that make, abuse and collect worktrees.
import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import type { Collected, CreateResult, Workspace, WorkspaceRequest, Workspaces } from '../../src/effects/effects.ts';
import { openRepository } from '../../src/effects/git/repository.ts';
import { createWorkspaces } from '../../src/effects/workspaces.ts';
import { makeRepo, runGit, type TestRepo } from './repo.ts';

export interface Rig {
  readonly repo: TestRepo;
  readonly root: string;
  readonly workspaces: Workspaces;
  readonly head: string;
  /** Runs git in the repository. */
  git(...args: string[]): string;
  request(task: string, more?: Partial<WorkspaceRequest>): WorkspaceRequest;
  tryCreate(task: string, more?: Partial<WorkspaceRequest>): Promise<CreateResult>;
  create(task: string, more?: Partial<WorkspaceRequest>): Promise<Workspace & { notes: readonly string[] }>;
  collect(workspace: Workspace, message?: string): Promise<Collected>;
  /** The same repository, seen by a new process: nothing is remembered. */
  restart(): Promise<Rig>;
  /** `path mode blob` lines of a commit. */
  tree(commit: string): string[];
  rescues(): string[];
}

export const RUN = 'run-1';

/** Opens the effect on a repository; worktrees are beside it. */
export async function makeRig(repo: TestRepo = makeRepo()): Promise<Rig> {
  const root = path.join(realpathSync(repo.home), 'trees');
  const workspaces = await createWorkspaces({ repo: await openRepository(repo.path), root });
  const git = (...args: string[]): string => runGit(repo.path, args);
  const head = git('rev-parse', 'HEAD');
  const request = (task: string, more: Partial<WorkspaceRequest> = {}): WorkspaceRequest => ({
    run: RUN, task, attempt: 1, branch: `orch/${RUN}/${task}`, starts: [head], copy: [], link: [], ...more,
  });
  const tryCreate = (task: string, more?: Partial<WorkspaceRequest>): Promise<CreateResult> => workspaces.create(request(task, more));
  return {
    repo, root, workspaces, head, git, request, tryCreate,
    async create(task, more) {
      const made = await tryCreate(task, more);
      if (!made.ok) throw new Error(`not created: ${JSON.stringify(made)}`);
      return { ...made.workspace, notes: made.notes };
    },
    async collect(workspace, message = 'what the agent left') {
      const result = await workspaces.collect(workspace, message);
      if (!result.ok) throw new Error(`not collected: ${result.message}`);
      return result.collected;
    },
    restart: () => makeRig(repo),
    tree: (commit) => git('-c', 'core.quotePath=false', 'ls-tree', '-r', commit).split('\n').filter((line) => line !== ''),
    rescues: () => git('for-each-ref', '--format=%(refname)', 'refs/orch/rescue').split('\n').filter((line) => line !== ''),
  };
}

/** The folder in which git keeps what it knows of a worktree. */
export function adminOf(workspace: Workspace): string {
  return readFileSync(path.join(workspace.path, '.git'), 'utf8').replace('gitdir: ', '').trim();
}
