// Merges one branch onto a commit with git's own merge, by strategy, and settles conflicts as far as policies go. Writes
// objects into the quarantine only.
import type { Sha } from '../../plan/plan.ts';
import type { AssemblerOptions, MergeBranch } from './merge-assemble.ts';
import type { Ancestry, MergeCall } from './merge-changes.ts';
import { commitsBetween, type CommitText } from './merge-commit.ts';
import { importCommits, type Edit } from './merge-import.ts';
import { resolveConflicts, type Resolution } from './merge-policy.ts';
import type { Quarantine } from './merge-quarantine.ts';
import type { Merged } from './merge-tree.ts';

/** What merging one branch needs of the assembly that it is part of. */
export interface Merging {
  readonly quarantine: Quarantine;
  readonly call: MergeCall;
  readonly options: AssemblerOptions;
  /** `Name <email> seconds zone`, now. */
  readonly identity: () => string;
  readonly treeOf: (commit: Sha) => Promise<Sha>;
  readonly commit: (text: CommitText) => Promise<Sha>;
  readonly mergeTree: (ours: Sha, theirs: Sha) => Promise<Merged>;
}

export type BranchResult =
  | { readonly ok: true; readonly commit: Sha; readonly resolved: readonly string[] }
  | { readonly ok: false; readonly files: readonly string[]; readonly messages: readonly string[]; readonly kept: Sha };

interface Pick {
  readonly author: string;
  readonly message: string | Buffer;
  /** Besides the first parent. */
  readonly merges: readonly Sha[];
  /** null: git finds the base in the history. */
  readonly base: Sha | null;
  readonly theirs: Sha;
}

/** The commit of `head` with the branch's work on top. */
export async function mergeBranch(merging: Merging, head: Sha, branch: MergeBranch, ancestry: Ancestry): Promise<BranchResult> {
  const { strategy } = merging.options;
  const author = merging.identity();
  if (strategy === 'merge') {
    if (ancestry.own.length === 0) return { ok: true, commit: head, resolved: [] };
    return pick(merging, head, { author, message: branch.message, merges: [branch.tip], base: null, theirs: branch.tip });
  }
  const commits = strategy === 'rebase' ? await commitsBetween(merging.call, branch.start, branch.tip) : [];
  // A history with merges in it has no order in which its commits could be applied one by one.
  if (strategy === 'squash' || !isChain(commits, branch)) return pick(merging, head, { author, message: branch.message, merges: [], base: branch.start, theirs: branch.tip });
  let at = head;
  const resolved: string[] = [];
  for (const commit of commits) {
    const picked = await pick(merging, at, { author: commit.author, message: commit.message, merges: [], base: commit.parent, theirs: commit.sha });
    if (!picked.ok) return picked;
    at = picked.commit;
    resolved.push(...picked.resolved);
  }
  return { ok: true, commit: at, resolved };
}

function isChain(commits: readonly { readonly sha: Sha; readonly parent: Sha | null }[], branch: MergeBranch): boolean {
  return commits.at(-1)?.sha === branch.tip && commits.every(({ parent }, i) => parent === (commits[i - 1]?.sha ?? branch.start));
}

async function pick(merging: Merging, head: Sha, what: Pick): Promise<BranchResult> {
  const { quarantine, call, options } = merging;
  const [ours, theirs] = what.base === null ? [head, what.theirs] : await withBase(merging, what.base, [head, what.theirs]);
  const merged = await merging.mergeTree(ours, theirs);
  const commit = (tree: Sha, message: string | Buffer, merges: readonly Sha[]): Promise<Sha> =>
    merging.commit({ tree, parents: [head, ...merges], author: what.author, committer: merging.identity(), message });
  if (merged.isClean) {
    const isEmpty = what.merges.length === 0 && (await merging.treeOf(head)) === merged.tree;
    return { ok: true, commit: isEmpty ? head : await commit(merged.tree, what.message, what.merges), resolved: [] };
  }
  const resolution = await recalled(merging, [ours, theirs], await resolveConflicts(call, merged.stages, { policies: options.policies, scratch: quarantine.folder }));
  const edits = resolution.open.length === 0 && merged.stages.length > 0 ? await regenerated(merging, { head, tree: merged.tree, resolution }) : null;
  if (edits !== null) {
    const [done = head] = await importCommits(quarantine, head, [{ author: what.author, committer: merging.identity(), message: what.message, merges: what.merges, tree: merged.tree, edits }]);
    return { ok: true, commit: done, resolved: edits.map(({ path }) => readable(path)) };
  }
  const files = [...new Set(resolution.open.length > 0 ? resolution.open : merged.stages.map(({ path }) => path))].map(readable);
  const kept = await commit(merged.tree, `orch: conflict\n\n${merged.messages.map(readable).join('\n')}\n`, [what.theirs]);
  return { ok: false, files, messages: merged.messages.map(readable), kept };
}

/** With what people have settled before. */
async function recalled({ quarantine, options: { recall } }: Merging, [ours, theirs]: readonly [Sha, Sha], resolution: Resolution): Promise<Resolution> {
  if (recall === undefined || resolution.open.length === 0) return resolution;
  await quarantine.release();
  const edits = await recall(ours, theirs, resolution.open);
  return edits === null ? resolution : { ...resolution, edits: [...resolution.edits, ...edits], open: [] };
}

/** Two commits with these trees whose only common ancestor is `base`: every git merges them by it. */
async function withBase(merging: Merging, base: Sha, commits: readonly [Sha, Sha]): Promise<[Sha, Sha]> {
  const same = { parents: [base], author: merging.identity(), committer: merging.identity() };
  const write = async (sha: Sha, side: string): Promise<Sha> => merging.commit({ ...same, tree: await merging.treeOf(sha), message: `orch: ${side}\n` });
  return [await write(commits[0], 'ours'), await write(commits[1], 'theirs')];
}

/** The edits with what commands wrote in them; null when one failed, or there is nobody to run them. */
async function regenerated(merging: Merging, at: { head: Sha; tree: Sha; resolution: Resolution }): Promise<readonly Edit[] | null> {
  const { regenerate } = merging.options;
  const edits = new Map(at.resolution.edits.map((edit) => [edit.path, edit]));
  for (const { command, paths } of at.resolution.regenerate) {
    if (regenerate === undefined) return null;
    const text = { author: merging.identity(), committer: merging.identity(), message: 'orch: before regenerating\n', merges: [] };
    const [commit = at.head] = await importCommits(merging.quarantine, at.head, [{ ...text, tree: at.tree, edits: [...edits.values()] }]);
    await merging.quarantine.release();
    const written = await regenerate(commit, command, paths);
    if (written === null) return null;
    for (const [path, content] of written) {
      const mode = edits.get(path)?.mode ?? '100644';
      edits.set(path, content === null ? { mode: '000000', sha: '', path } : { mode: mode === '000000' ? '100644' : mode, content, path });
    }
  }
  return [...edits.values()];
}

function readable(path: string): string {
  return Buffer.from(path, 'latin1').toString();
}
