// One stack of branches: changes that touch nothing else are written straight into trees, many branches at once; all
// others are merged by git. A branch that conflicts is left out, and so is one that needs it.
import type { Sha, TaskId } from '../../plan/plan.ts';
import type { AssembledClash, AssembledStep, MergeBranch } from './merge-assemble.ts';
import { mergeBranch, type Merging } from './merge-branch.ts';
import { ancestriesOf, differences, type Ancestry, type Change } from './merge-changes.ts';
import { ChangeSet } from './merge-disjoint.ts';
import { importCommits } from './merge-import.ts';

/** What is stacked so far, and what the next branch may collide with. */
export interface Stack {
  head: Sha;
  readonly steps: AssembledStep[];
  readonly clashes: AssembledClash[];
  readonly leftOut: Set<TaskId>;
  /** Changes of the steps. */
  readonly above: ChangeSet;
  /** The commits of the steps' branches. */
  readonly commits: Set<Sha>;
  /** Disjoint branches that are decided on, but not yet written. */
  readonly pending: { readonly branch: MergeBranch; readonly changes: readonly Change[] }[];
}

interface Known {
  readonly ancestry: Ancestry;
  readonly changes: readonly Change[];
  /** Changes of the target since this branch's base; null = the base is not one commit. */
  readonly below: ChangeSet | null;
}

/** Stacks branches on a commit, in this order. What it makes is in the quarantine only. */
export async function stackBranches(merging: Merging, onto: Sha, branches: readonly MergeBranch[]): Promise<Stack> {
  const known = await look(merging, onto, branches);
  const stack: Stack = { head: onto, steps: [], clashes: [], leftOut: new Set(), above: new ChangeSet(), commits: new Set(), pending: [] };
  for (const branch of branches) {
    const facts = known.get(branch.id);
    if (facts === undefined || branch.needs.some((need) => stack.leftOut.has(need))) stack.leftOut.add(branch.id);
    else await put(merging, stack, { branch, ...facts });
  }
  await flush(merging, stack);
  return stack;
}

async function put(merging: Merging, stack: Stack, next: Known & { readonly branch: MergeBranch }): Promise<void> {
  const { branch, ancestry, changes } = next;
  if (isDisjoint(merging, stack, next)) stack.pending.push({ branch, changes });
  else {
    await flush(merging, stack);
    const merged = await mergeBranch(merging, stack.head, branch, ancestry);
    if (!merged.ok) {
      stack.leftOut.add(branch.id);
      stack.clashes.push({ id: branch.id, files: merged.files, messages: merged.messages, after: stack.steps.length, kept: merged.kept });
      return;
    }
    if (merged.commit !== stack.head && couldMove(stack, next)) stack.above.add((await differences(merging.call, [{ from: stack.head, to: merged.commit }]))[0] ?? []);
    stack.head = merged.commit;
    stack.steps.push({ id: branch.id, commit: merged.commit, resolved: merged.resolved });
  }
  stack.above.add(changes);
  for (const commit of ancestry.own) stack.commits.add(commit);
}

/** Nothing of it is on the stack or has been touched there: its paths can be taken as they are. */
function isDisjoint({ options: { strategy } }: Merging, stack: Stack, { below, changes, ancestry }: Known): boolean {
  // A rebase keeps its commits apart; and with a commit in common, the base is another than it was for the target.
  if (strategy === 'rebase' || (strategy === 'merge' && ancestry.own.some((commit) => stack.commits.has(commit)))) return false;
  return changes.length > 0 && below !== null && !below.touches(changes) && !stack.above.touches(changes);
}

/** With renames about, what a merge has changed may be elsewhere than what the branch changed. */
function couldMove(stack: Stack, { below, changes }: Known): boolean {
  const side = new ChangeSet();
  side.add(changes);
  return below === null || below.couldRename || stack.above.couldRename || side.couldRename;
}

async function flush(merging: Merging, stack: Stack): Promise<void> {
  const batch = stack.pending.splice(0);
  if (batch.length === 0) return;
  const isMerge = merging.options.strategy === 'merge';
  const commits = await importCommits(merging.quarantine, stack.head, batch.map(({ branch, changes }) => ({
    author: merging.identity(), committer: merging.identity(), message: branch.message, merges: isMerge ? [branch.tip] : [], edits: changes,
  })));
  for (const [i, commit] of commits.entries()) stack.steps.push({ id: batch[i]?.branch.id ?? '', commit, resolved: [] });
  stack.head = commits.at(-1) ?? stack.head;
}

/** Learns of all branches at once what decides how they are merged. */
async function look({ call, options }: Merging, onto: Sha, branches: readonly MergeBranch[]): Promise<Map<TaskId, Known>> {
  const ancestries = await ancestriesOf(call, onto, branches.map(({ tip }) => tip));
  const bases = branches.map((branch) => (options.strategy === 'merge' ? (ancestries.get(branch.tip)?.base ?? null) : branch.start));
  const distinct = [...new Set(bases.filter((base) => base !== null))];
  const found = await differences(call, [
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
    return [branch.id, { ancestry: ancestries.get(branch.tip) ?? { base: null, own: [] }, changes: found[i] ?? [], below: base === null ? null : (below.get(base) ?? null) }];
  }));
}
