// Stacks branches on a commit, one after the other, in memory, and keeps what came of it. This file owns what lives as
// long as a merge does: the quarantine, the merging process, the references. Never touches a branch or a working tree.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunId, Sha, TaskId } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { createAttributes } from './merge-attributes.ts';
import type { Merging } from './merge-branch.ts';
import { KnownObjects, treesOf, type MergeCall } from './merge-changes.ts';
import { identityOf, writeCommit } from './merge-commit.ts';
import type { Edit } from './merge-import.ts';
import { forgetStacks, keepStack } from './merge-keep.ts';
import type { ConflictPolicy } from './merge-policy.ts';
import { openQuarantine, type FrozenView } from './merge-quarantine.ts';
import type { Refs } from './refs.ts';
import { stackBranches } from './merge-stack.ts';
import { createMergeTree } from './merge-tree.ts';

export type MergeStrategy = 'merge' | 'squash' | 'rebase';

export interface MergeBranch {
  readonly id: TaskId;
  readonly tip: Sha;
  /** What its work is counted from. */
  readonly start: Sha;
  /** Ids of branches that it contains. */
  readonly needs: readonly TaskId[];
  /** Of the merge commit, or of the squashed one. */
  readonly message: string;
}

export interface AssembledStep {
  readonly id: TaskId;
  /** Equal to the step before it when the branch adds nothing. */
  readonly commit: Sha;
  /** Paths in which a policy has settled a conflict. */
  readonly resolved: readonly string[];
}
export interface AssembledClash {
  readonly id: TaskId;
  /** In conflict, for people. */
  readonly files: readonly string[];
  readonly messages: readonly string[];
  /** Steps below it in this assembly. */
  readonly after: number;
  /** A commit of the conflicted tree, markers included, on `refs/orch/conflict/<run>/<id>`. */
  readonly kept: Sha;
}
export interface Assembly {
  readonly steps: readonly AssembledStep[];
  readonly clashes: readonly AssembledClash[];
}

/** Writes files anew on a commit; null when the command failed. Keys are latin1 paths; null = the file is gone. */
export type Regenerate = (commit: Sha, command: string, paths: readonly string[]) => Promise<ReadonlyMap<string, Buffer | null> | null>;

/** The files (latin1 paths) of a merge of these commits as people have settled such conflicts before; null when one of them is new. */
export type Recall = (ours: Sha, theirs: Sha, paths: readonly string[]) => Promise<readonly Edit[] | null>;

export interface AssemblerOptions {
  readonly repo: Repository;
  readonly run: RunId;
  /** What is made is kept by. */
  readonly refs: Refs;
  readonly strategy: MergeStrategy;
  readonly policies: readonly ConflictPolicy[];
  /** Of the branches, as far as somebody has looked at them. */
  readonly known?: KnownObjects;
  /** Absent: the repository's own configuration. */
  readonly view?: FrozenView;
  /** Absent: a conflict that asks for it stays one. */
  readonly regenerate?: Regenerate;
  /** Absent: nothing is remembered. */
  readonly recall?: Recall;
  /** Seconds since the epoch, for commits. */
  readonly now: () => number;
}

export interface Assembler {
  /**
   * Stacks branches in this order. The commits are in the repository when this resolves, kept alive by
   * `refs/orch/merge/<run>/<name>`; a name is for one stack at a time.
   */
  assemble(name: string, onto: Sha, branches: readonly MergeBranch[]): Promise<Assembly>;
  /** Deletes what was only needed while merging; conflicts stay. */
  close(): Promise<void>;
}

/** Opens a quarantine and a merging process; `close` must be called. */
export async function openAssembler(options: AssemblerOptions): Promise<Assembler> {
  const { repo, run, refs } = options;
  const quarantine = await openQuarantine(repo, options.view);
  const attributes = createAttributes({ cwd: quarantine.folder, env: quarantine.env }, path.join(quarantine.folder, 'attributes'));
  await mkdir(attributes.folder, { recursive: true });
  const call: MergeCall = { cwd: attributes.folder, env: { ...quarantine.env, GIT_WORK_TREE: attributes.folder }, known: options.known ?? new KnownObjects() };
  const identity = await identityOf(call);
  const written = new Map<Sha, Sha>();
  let mergeTree = createMergeTree(call, repo.gitVersion);
  const merging: Merging = {
    quarantine, call, options,
    identity: () => `${identity} ${options.now()} +0000`,
    treeOf: async (commit) => written.get(commit) ?? (await treesOf(call, [commit])).get(commit) ?? commit,
    async commit(text) {
      const sha = await writeCommit(quarantine.objects, repo.objectFormat, text);
      written.set(sha, text.tree);
      return sha;
    },
    async mergeTree(ours, theirs) {
      // git remembers the attributes that it has read.
      if (await attributes.follow(await merging.treeOf(ours))) {
        await mergeTree.close();
        mergeTree = createMergeTree(call, repo.gitVersion);
      }
      return mergeTree.merge(ours, theirs);
    },
  };
  const assembleNow = async (name: string, onto: Sha, branches: readonly MergeBranch[]): Promise<Assembly> => {
    const stack = await stackBranches(merging, onto, branches);
    await keepStack({ quarantine, repo, run, refs }, { name, onto, stack });
    return { steps: stack.steps, clashes: stack.clashes };
  };
  // One at a time: they share the folder with the attributes and what has been released.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    assemble(name, onto, branches) {
      const mine = turn.then(() => assembleNow(name, onto, branches));
      turn = mine.catch(() => {});
      return mine;
    },
    async close() {
      await turn;
      await mergeTree.close();
      await forgetStacks(refs, run);
      await quarantine.dispose();
    },
  };
}
