// A repository with branches to merge, and git's own merges in a worktree to hold the results against.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { openRepository } from '../../src/effects/git/repository.ts';
import { openAssembler, type Assembler, type AssemblerOptions, type MergeBranch } from '../../src/effects/git/merge-assemble.ts';
import { createRefs } from '../../src/effects/git/refs.ts';
import { agentGit, makeRepo, runGit, writeFiles, type Files, type TestRepo } from './repo.ts';

export interface MergeRig {
  readonly repo: TestRepo;
  readonly base: string;
  git(...args: string[]): string;
  /** A branch with one commit for each of these sets of files, on `start` (default: the base). */
  branch(id: string, commits: readonly Files[], more?: { start?: string; needs?: readonly string[] }): MergeBranch;
  assembler(options?: Partial<AssemblerOptions>): Promise<Assembler>;
  /** `mode blob path` of every file of a commit. */
  files(commit: string): string[];
  /** Merges with `git merge` in a worktree, one by one, leaving out what conflicts. Returns the last commit and what was left out. */
  reference(onto: string, branches: readonly MergeBranch[]): { head: string; leftOut: string[] };
}

const IDENTITY = { GIT_AUTHOR_NAME: 'Agent', GIT_AUTHOR_EMAIL: 'agent@example.invalid', GIT_COMMITTER_NAME: 'Agent', GIT_COMMITTER_EMAIL: 'agent@example.invalid' };

/** The repository has `files` on its branch `main`, checked out. */
export function makeMergeRig(files: Files = {}, repo: TestRepo = makeRepo({ commits: 1 })): MergeRig {
  const base = repo.commit('Base', files);
  const work = path.join(repo.home, 'work');
  const git = (...args: string[]): string => runGit(repo.path, args);
  const inWork = (...args: string[]): string => runGit(work, args, IDENTITY);
  const enter = (commit: string): void => {
    if (!existsSync(work)) git('worktree', 'add', '-q', '--detach', work, commit);
    inWork('reset', '-q', '--hard');
    inWork('checkout', '-q', '-f', '--detach', commit);
    inWork('clean', '-q', '-f', '-d', '-x');
  };
  return {
    repo, base, git,
    branch(id, commits, more = {}) {
      const start = more.start ?? base;
      enter(start);
      for (const [i, change] of commits.entries()) {
        for (const [name, spec] of Object.entries(change)) if (spec === null) inWork('rm', '-r', '-q', '--ignore-unmatch', '--', `:(literal)${name}`);
        writeFiles(work, Object.fromEntries(Object.entries(change).filter(([, spec]) => spec !== null)));
        inWork('add', '-A', '-f');
        inWork('commit', '-q', '--allow-empty', '-m', `${id} ${i + 1}`);
      }
      const tip = inWork('rev-parse', 'HEAD');
      git('branch', '-f', `orch/run/${id}`, tip);
      return { id, tip, start, needs: more.needs ?? [], message: `Merge ${id}\n` };
    },
    async assembler(options = {}) {
      const opened = await openRepository(repo.path);
      return openAssembler({ repo: opened, run: 'run', refs: createRefs(opened), strategy: 'merge', policies: [], now: () => 1_700_000_000, ...options });
    },
    files: (commit) => git('-c', 'core.quotePath=false', 'ls-tree', '-r', '-z', '--format=%(objectmode) %(objectname) %(path)', commit).split('\0').filter((line) => line !== ''),
    reference(onto, branches) {
      enter(onto);
      const leftOut = new Set<string>();
      for (const { id, tip, needs } of branches) {
        const isOrphan = needs.some((need) => leftOut.has(need));
        if (!isOrphan && agentGit(work, 'merge', '-q', '--no-ff', '--no-edit', tip).code === 0) continue;
        leftOut.add(id);
        if (!isOrphan) enter('HEAD');
      }
      return { head: inWork('rev-parse', 'HEAD'), leftOut: [...leftOut] };
    },
  };
}
