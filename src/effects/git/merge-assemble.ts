// Stacks branches on a commit, one after the other, in memory: changes that touch nothing else are written straight
// into trees, all others are merged by git. A branch that conflicts is left out, with its conflict kept on a reference.
// Never touches a branch, a working tree or an index.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunId, Sha, TaskId } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { createAttributes } from './merge-attributes.ts';
import { ancestriesOf, differences, treesOf, type Ancestry, type Change, type MergeCall } from './merge-changes.ts';
import { identityOf, writeCommit } from './merge-commit.ts';
import { ChangeSet } from './merge-disjoint.ts';
import { importCommits } from './merge-import.ts';
import { mergeBranch, type Merging } from './merge-branch.ts';
import type { ConflictPolicy } from './merge-policy.ts';
import { openQuarantine, type Quarantine } from './merge-quarantine.ts';
import { createMergeTree } from './merge-tree.ts';
import { gitRaw, requireGit } from './plumbing.ts';
import { gitEnvironment } from './environment.ts';

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

export interface AssemblerOptions {
  readonly repo: Repository;
  readonly run: RunId;
  readonly strategy: MergeStrategy;
  readonly policies: readonly ConflictPolicy[];
  /** Absent: a conflict that asks for it stays one. */
  readonly regenerate?: Regenerate;
  /** Seconds since the epoch, for commits. */
  readonly now: () => number;
}

export interface Assembler {
  /**
   * Stacks branches in this order. The commits are in the repository when this resolves, kept alive by
   * `refs/orch/merge/<run>/<name>` and above; a name is for one stack at a time.
   */
  assemble(name: string, onto: Sha, branches: readonly MergeBranch[]): Promise<Assembly>;
  /** Deletes what was only needed while merging; conflicts stay. */
  close(): Promise<void>;
}

/** What is stacked, and what it may still collide with. */
interface Stack {
  head: Sha;
  readonly steps: AssembledStep[];
  readonly clashes: AssembledClash[];
  readonly leftOut: Set<TaskId>;
  /** Changes of the steps. */
  readonly above: ChangeSet;
  /** The commits of the steps' branches. */
  readonly commits: Set<Sha>;
  /** Disjoint branches that are decided on, but not yet written. */
  readonly pending: { readonly branch: MergeBranch; readonly author: string; readonly message: string | Buffer; readonly changes: readonly Change[] }[];
}

interface Known {
  readonly ancestry: Ancestry;
  readonly changes: readonly Change[];
  /** Changes of the target since this branch's base; null = the base is not one commit. */
  readonly below: ChangeSet | null;
}

/** Opens a quarantine; `close` deletes it. */
export async function openAssembler(options: AssemblerOptions): Promise<Assembler> {
  const { repo, run, strategy } = options;
  const quarantine = await openQuarantine(repo);
  const attributes = createAttributes({ cwd: quarantine.folder, env: quarantine.env }, path.join(quarantine.folder, 'attributes'));
  await mkdir(attributes.folder, { recursive: true });
  const call: MergeCall = { cwd: attributes.folder, env: { ...quarantine.env, GIT_WORK_TREE: attributes.folder } };
  const identity = await identityOf(call);
  let tree = createMergeTree(call, repo.gitVersion);
  const trees = new Map<Sha, Sha>();
  const treeOf = async (commit: Sha): Promise<Sha> => {
    const known = trees.get(commit) ?? (await treesOf(call, [commit])).get(commit) ?? commit;
    trees.set(commit, known);
    return known;
  };
  const merging: Merging = {
    quarantine, call, options, treeOf,
    async commit(text) {
      const sha = await writeCommit(quarantine.objects, repo.objectFormat, text);
      trees.set(sha, text.tree);
      return sha;
    },
    identity: () => `${identity} ${options.now()} +0000`,
    async mergeTree(ours, theirs) {
      if (await attributes.follow(await treeOf(ours))) {
        tree.close();
        tree = createMergeTree(call, repo.gitVersion);
      }
      return tree.merge(ours, theirs);
    },
  };

  const flush = async (stack: Stack): Promise<void> => {
    const batch = stack.pending.splice(0);
    if (batch.length === 0) return;
    const commits = await importCommits(quarantine, stack.head, batch.map(({ branch, author, message, changes }) => ({
      author, committer: merging.identity(), message, merges: strategy === 'merge' ? [branch.tip] : [], edits: changes,
    })));
    for (const [i, commit] of commits.entries()) stack.steps.push({ id: batch[i]?.branch.id ?? '', commit, resolved: [] });
    stack.head = commits.at(-1) ?? stack.head;
  };

  const put = async (stack: Stack, branch: MergeBranch, known: Known): Promise<void> => {
    if (branch.needs.some((need) => stack.leftOut.has(need))) {
      stack.leftOut.add(branch.id);
      return;
    }
    if (isDisjoint(stack, known)) {
      stack.pending.push({ branch, author: merging.identity(), message: branch.message, changes: known.changes });
    } else {
      await flush(stack);
      const merged = await mergeBranch(merging, stack.head, branch, known.ancestry);
      if (!merged.ok) {
        stack.leftOut.add(branch.id);
        stack.clashes.push({ id: branch.id, files: merged.files, messages: merged.messages, after: stack.steps.length, kept: merged.kept });
        return;
      }
      if (merged.commit !== stack.head && couldMove(stack, known)) stack.above.add((await changesOf(call, [{ from: stack.head, to: merged.commit }]))[0] ?? []);
      stack.head = merged.commit;
      stack.steps.push({ id: branch.id, commit: merged.commit, resolved: merged.resolved });
    }
    stack.above.add(known.changes);
    for (const commit of known.ancestry.own) stack.commits.add(commit);
  };

  /** Nothing of it is on the stack or has been touched there: its paths can be taken as they are. */
  const isDisjoint = (stack: Stack, { below, changes, ancestry }: Known): boolean => {
    const isOneCommit = strategy !== 'rebase' || changes.length === 0;
    const isOwn = strategy !== 'merge' || ancestry.own.every((commit) => !stack.commits.has(commit));
    return isOneCommit && isOwn && changes.length > 0 && below !== null && !below.touches(changes) && !stack.above.touches(changes);
  };

  /** With renames about, what a merge has changed may be elsewhere than what the branch changed. */
  const couldMove = (stack: Stack, known: Known): boolean => {
    const side = new ChangeSet();
    side.add(known.changes);
    return known.below === null || known.below.couldRename || stack.above.couldRename || side.couldRename;
  };

  return {
    async assemble(name, onto, branches) {
      const known = await look(call, { onto, branches, strategy });
      const stack: Stack = { head: onto, steps: [], clashes: [], leftOut: new Set(), above: new ChangeSet(), commits: new Set(), pending: [] };
      for (const branch of branches) {
        const facts = known.get(branch.id);
        if (facts !== undefined) await put(stack, branch, facts);
      }
      await flush(stack);
      await keep({ quarantine, repo, run }, { name, onto, stack });
      return { steps: stack.steps, clashes: stack.clashes };
    },
    async close() {
      tree.close();
      await forget(repo, run);
      await quarantine.dispose();
    },
  };
}

async function changesOf(call: MergeCall, pairs: readonly { from: Sha; to: Sha }[]): Promise<readonly (readonly Change[])[]> {
  const trees = await treesOf(call, pairs.flatMap(({ from, to }) => [from, to]));
  return differences(call, pairs.map(({ from, to }) => ({ from: trees.get(from) ?? from, to: trees.get(to) ?? to })));
}

/** Learns of all branches at once what decides how they are merged. */
async function look(call: MergeCall, at: { onto: Sha; branches: readonly MergeBranch[]; strategy: MergeStrategy }): Promise<Map<TaskId, Known>> {
  const { onto, branches, strategy } = at;
  const ancestries = await ancestriesOf(call, onto, branches.map(({ tip }) => tip));
  const bases = branches.map((branch) => (strategy === 'merge' ? (ancestries.get(branch.tip)?.base ?? null) : branch.start));
  const distinct = [...new Set(bases.filter((base) => base !== null))];
  const found = await changesOf(call, [
    ...branches.map(({ tip }, i) => ({ from: bases[i] ?? tip, to: tip })),
    ...distinct.map((base) => ({ from: base, to: onto })),
  ]);
  const below = new Map(distinct.map((base, i) => {
    const set = new ChangeSet();
    set.add(found[branches.length + i] ?? []);
    return [base, set] as const;
  }));
  return new Map(branches.map((branch, i) => {
    const base = bases[i] ?? null;
    const ancestry = ancestries.get(branch.tip) ?? { base: null, own: [], isLinear: false };
    return [branch.id, { ancestry, changes: found[i] ?? [], below: base === null ? null : (below.get(base) ?? null) }];
  }));
}

/** Gives the repository the objects and a reference to them; a garbage collection in between is noticed, and made good. */
async function keep(at: { quarantine: Quarantine; repo: Repository; run: RunId }, made: { name: string; onto: Sha; stack: Stack }): Promise<void> {
  const { quarantine, repo, run } = at;
  const { stack, onto } = made;
  const call = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } };
  const refs = [
    ...(stack.head === onto ? [] : [[`refs/orch/merge/${run}/${made.name}`, stack.head]]),
    ...stack.clashes.map(({ id, kept }) => [`refs/orch/conflict/${run}/${id}`, kept]),
  ];
  if (refs.length === 0) return;
  for (let round = 0; ; round += 1) {
    await quarantine.release();
    await requireGit(['update-ref', '-m', 'orch: merge', '--no-deref', '--stdin'], { ...call, input: refs.map(([ref, sha]) => `update ${ref} ${sha}\n`).join('') });
    const heads = refs.map(([, sha]) => sha ?? '').join('\n');
    const complete = await gitRaw(['rev-list', '--objects', '--quiet', '--stdin'], { ...call, input: `${heads}\n^${onto}\n` });
    if (complete.code === 0) return;
    if (round > 2) throw new Error(`objects of the merge disappear from ${repo.commonDir}: ${complete.stderr}`);
    quarantine.forget();
  }
}

async function forget(repo: Repository, run: RunId): Promise<void> {
  const call = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } };
  const refs = (await requireGit(['for-each-ref', '--format=%(refname)', `refs/orch/merge/${run}/`], call)).toString().split('\n').filter((ref) => ref !== '');
  if (refs.length > 0) await requireGit(['update-ref', '--no-deref', '--stdin'], { ...call, input: refs.map((ref) => `delete ${ref}\n`).join('') });
}
