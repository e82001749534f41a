// The git side of a merge as one thing: stacks, verification worktrees, audit, landing. It does each job that it is
// given, and knows nothing of the order in which they come.
import path from 'node:path';
import { listSome } from '../../lib/text.ts';
import type { RunId, Sha, TaskId } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { createLander, type Landing } from './land.ts';
import { openAssembler, type AssembledStep, type Assembly, type MergeBranch, type MergeStrategy, type Recall, type Regenerate } from './merge-assemble.ts';
import { KnownObjects } from './merge-changes.ts';
import { auditStack, type AuditStep } from './merge-audit.ts';
import type { ConflictPolicy } from './merge-policy.ts';
import type { FrozenView } from './merge-quarantine.ts';
import { createRefs, type Refs } from './refs.ts';
import { hasRecordedAnswers } from './rerere.ts';
import { openWorktreePool, type MergeWorktree } from './merge-worktree.ts';

/** `broken`: the commands could not be run, which says nothing about the files. */
export type VerifyVerdict = 'pass' | 'fail' | 'broken';

export interface MergeWorldOptions {
  readonly repo: Repository;
  readonly run: RunId;
  /** Absent: its own. They are at rest when it is closed. */
  readonly refs?: Refs;
  /** Branch to land on, without `refs/heads/`. */
  readonly target: string;
  /** The target is left alone: results are put on the branch where they wait. */
  readonly keepsTarget?: boolean;
  readonly strategy: MergeStrategy;
  readonly policies: readonly ConflictPolicy[];
  /** Of the branches, as far as somebody has looked at them. */
  readonly known?: KnownObjects;
  /** Folder for verification worktrees; it may exist. */
  readonly root: string;
  /** In the environment of git where it is at work in them: by it the next orch finds one that has outlived this. */
  readonly mark?: Readonly<Record<string, string>>;
  /** Of the commit that a branch becomes. */
  readonly message: (id: TaskId) => string;
  /** Runs the verify commands in a folder with exactly the files of a commit. Must not leave anything running. */
  readonly verify: (folder: string, commit: Sha, signal: AbortSignal) => Promise<VerifyVerdict>;
  /** Brings ignored files into a folder; returns their paths (latin1). Called whenever the folder has the files of another commit. */
  readonly carry?: (folder: string) => Promise<readonly string[]>;
  /** Prepares a new folder for `verify` and `regenerate`; false = it could not be done. */
  readonly setUp?: (folder: string, signal: AbortSignal) => Promise<boolean>;
  /** Runs one command that makes files anew; true = it succeeded. Absent: such conflicts stay conflicts. */
  readonly regenerate?: (folder: string, command: string) => Promise<boolean>;
  /** Conflicts that people have settled before are settled as they did, where git remembers that: what comes of it is verified. */
  readonly recalls?: boolean;
  /** The configuration that merges are made with; absent: the repository's own. */
  readonly view?: FrozenView;
  /** Stands over whatever uses the repository's own configuration, or moves the target. Absent: nobody else is at work. */
  readonly guard?: MergeGuard;
  /** Things worth a line that failed nothing. */
  readonly onNote: (note: string) => void;
  /** Seconds since the epoch. */
  readonly now: () => number;
}

/** Sees that agents who are at work meanwhile decide nothing here, and are not blamed for what is done here. */
export interface MergeGuard {
  /** Does something while the repository's configuration is what it was before agents were at work. */
  stand<T>(work: () => Promise<T>): Promise<T>;
  /** Of the target, in full. */
  moving(ref: string, to: Sha): void;
  moved(ref: string, to: Sha): void;
}

const UNGUARDED: MergeGuard = { stand: async (work) => await work(), moving: () => undefined, moved: () => undefined };

/** What a branch to merge is, for git. */
export type WorldBranch = Omit<MergeBranch, 'message'>;

export interface GitMergeWorld {
  assemble(name: string, onto: Sha, branches: readonly WorldBranch[]): Promise<Assembly & { readonly kind: 'assembled' }>;
  verify(commit: Sha, signal: AbortSignal): Promise<VerifyVerdict>;
  /** Throws when the audit finds anything wrong: nothing is landed then. Only commits of this world's stacks can land. */
  land(from: Sha, to: Sha): Promise<{ readonly kind: 'landed' } | { readonly kind: 'target-moved'; readonly to: Sha }>;
  /** Where the target is, or what waits for it; null = there is no such branch. */
  tip(): Promise<Sha | null>;
  contains(commit: Sha): Promise<boolean>;
  /** How the last landing went; null before the first. */
  lastLanding(): Landing | null;
  /** Removes worktrees, temporary objects and references. Conflicts that were kept stay. */
  close(): Promise<void>;
}

/** Where the verification worktrees of a merge are, below its root. */
export function poolIn(root: string): string {
  return path.join(root, 'merge');
}

/** Opens what merging takes; `close` must be called. */
export async function openMergeWorld(options: MergeWorldOptions): Promise<GitMergeWorld> {
  const { repo, run } = options;
  const pool = openWorktreePool(repo, poolIn(options.root), options.mark);
  const refs = options.refs ?? createRefs(repo, { message: `orch: merge of ${run}` });
  const lander = createLander(repo, { run, target: options.target, keepsTarget: options.keepsTarget === true, refs });
  const guard = options.guard ?? UNGUARDED;
  const guarded: typeof pool.use = async (commit, work) => await guard.stand(async () => await pool.use(commit, work));
  const ready = new WeakSet<MergeWorktree>();
  const outfit = async (worktree: MergeWorktree, signal: AbortSignal): Promise<boolean> => {
    worktree.ignore((await options.carry?.(worktree.path)) ?? []);
    if (ready.has(worktree) || options.setUp === undefined) return true;
    const isReady = await options.setUp(worktree.path, signal);
    if (isReady) ready.add(worktree);
    return isReady;
  };
  const regenerate: Regenerate = async (commit, command, paths) => await guarded(commit, async (worktree) => {
    const isReady = await outfit(worktree, new AbortController().signal);
    return isReady && (await options.regenerate?.(worktree.path, command)) === true ? worktree.read(paths) : null;
  });
  const recall: Recall = async (ours, theirs, paths) => {
    if (!(await hasRecordedAnswers(repo))) return null;
    const edits = await guarded(ours, async (worktree) => await worktree.recall(theirs, paths));
    if (edits !== null) options.onNote(`settled as it was before, from git’s memory of conflicts (rerere): ${listSome(paths.map((name) => Buffer.from(name, 'latin1').toString()), 5)}`);
    return edits;
  };
  const { strategy, policies, now, view, known = new KnownObjects() } = options;
  const assembler = await openAssembler({ repo, run, refs, strategy, policies, known, now, ...(view === undefined ? {} : { view }), ...(options.regenerate === undefined ? {} : { regenerate }), ...(options.recalls === true ? { recall } : {}) });
  const steps = new Map<Sha, AuditStep & { readonly below: Sha }>();
  let last: Landing | null = null;

  const remember = (onto: Sha, made: readonly AssembledStep[], branches: readonly MergeBranch[]): void => {
    const byId = new Map(branches.map((branch) => [branch.id, branch]));
    for (const [i, { id, commit, resolved }] of made.entries()) {
      const branch = byId.get(id);
      const below = made[i - 1]?.commit ?? onto;
      if (branch !== undefined && commit !== below) steps.set(commit, { branch, commit, resolved, below });
    }
  };

  const audit = async (from: Sha, to: Sha): Promise<void> => {
    const stack: AuditStep[] = [];
    for (let at = to; at !== from; ) {
      const step = steps.get(at);
      if (step === undefined) throw new Error(`${at} was not stacked on ${from} here, so it cannot be landed`);
      stack.unshift(step);
      at = step.below;
    }
    const problems = await auditStack({ cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir }, known }, from, stack);
    if (problems.length > 0) throw new Error(`the merged result is not what its branches say, so it was not landed: ${problems.slice(0, 3).join('; ')}`);
  };

  return {
    async assemble(name, onto, branches) {
      const named = branches.map((branch) => ({ ...branch, message: options.message(branch.id) }));
      const assembly = await assembler.assemble(name, onto, named);
      remember(onto, assembly.steps, named);
      return { kind: 'assembled', ...assembly };
    },
    verify: (commit, signal) => guarded(commit, async (worktree) => {
      if (signal.aborted || !(await outfit(worktree, signal))) return 'broken';
      const verdict = await options.verify(worktree.path, commit, signal);
      const changed = verdict === 'pass' ? await worktree.changes() : [];
      if (changed.length > 0) options.onNote(`the verify command changes files that are not ignored (${changed.slice(0, 3).join(', ')}); its changes are not merged`);
      return verdict;
    }),
    async land(from, to) {
      await audit(from, to);
      const ref = `refs/heads/${options.target}`;
      guard.moving(ref, to);
      last = await guard.stand(async () => await lander.land(from, to));
      if (last.kind === 'landed') guard.moved(ref, to);
      if (last.kind === 'failed') throw new Error(last.message);
      if (last.kind === 'aside' && options.keepsTarget !== true) options.onNote(`merged on ${last.branch}, because ${last.because}. To bring it in: ${last.command}`);
      return last.kind === 'moved' ? { kind: 'target-moved', to: last.to } : { kind: 'landed' };
    },
    tip: () => lander.tip(),
    contains: (commit) => lander.contains(commit),
    lastLanding: () => last,
    async close() {
      await assembler.close();
      await Promise.all([pool.close(), refs.rest()]);
    },
  };
}
