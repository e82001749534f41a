// Checks, by other means than those that made it, that a stack of merges is what it claims to be: each step has its
// branch's changes, and no step undoes anything. Reads only.
import type { Sha } from '../../plan/plan.ts';
import { differences, type Change, type MergeCall } from './merge-changes.ts';
import type { MergeBranch } from './merge-assemble.ts';
import { requireGit, type GitPlace } from './plumbing.ts';
import { foldersOf } from '../../lib/path-overlaps.ts';

export interface AuditStep {
  readonly branch: MergeBranch;
  readonly commit: Sha;
  /** Paths that a policy decided: they need not be as the branch has them. */
  readonly resolved: readonly string[];
}

/**
 * What is wrong with a stack that was verified as `steps.at(-1).commit`: empty when every step follows the one before
 * it, changes nothing that its branch did not change, and has all of the branch's changes that nobody else touched.
 */
export async function auditStack(call: MergeCall, onto: Sha, steps: readonly AuditStep[]): Promise<string[]> {
  if (steps.length === 0) return [];
  const commits = steps.map(({ commit }) => commit);
  const [problems, bases] = await Promise.all([checkChain(call, onto, commits), mergeBases(call, onto, steps)]);
  const distinct = [...new Set(bases)];
  const found = await differences(call, [
    ...steps.map(({ commit }, i) => ({ from: commits[i - 1] ?? onto, to: commit })),
    ...steps.map(({ branch }, i) => ({ from: bases[i] ?? onto, to: branch.tip })),
    // On work that is below it, a branch may undo what that did: seen from the base, it does nothing then.
    ...steps.map(({ branch }) => ({ from: branch.start, to: branch.tip })),
    ...distinct.map((base) => ({ from: base, to: onto })),
  ]);
  const moved = new Map(distinct.map((base, i) => [base, othersOf(found[3 * steps.length + i] ?? [])]));
  const before = othersOf([]);
  for (const [i, step] of steps.entries()) {
    const made = found[i] ?? [];
    const others = [before, ...[moved.get(bases[i] ?? onto)].filter((each) => each !== undefined)];
    problems.push(...checkStep(step, { made, wanted: found[steps.length + i] ?? [], own: found[2 * steps.length + i] ?? [], others }));
    addTo(before, made);
  }
  return problems;
}

/** First parents lead from the last step through all the others down to where the stack was put. */
async function checkChain(call: GitPlace, onto: Sha, commits: readonly Sha[]): Promise<string[]> {
  const out = await requireGit(['rev-list', '--first-parent', '--reverse', `${onto}..${commits.at(-1) ?? onto}`], call);
  const line = [onto, ...out.toString().split('\n').filter((sha) => sha !== '')];
  let at = 0;
  for (const commit of commits) {
    const found = line.indexOf(commit, at);
    if (found === -1) return [`commit ${commit} is not on the way from ${onto} to ${commits.at(-1) ?? onto}`];
    at = found;
  }
  return [];
}

async function mergeBases(call: GitPlace, onto: Sha, steps: readonly AuditStep[]): Promise<Sha[]> {
  const bases: Sha[] = [];
  const known = new Map<Sha, Sha>();
  for (const { branch } of steps) {
    // Work is counted from the start where the target has it, and from the common ancestor where it does not.
    const base = known.get(branch.start) ?? (branch.start === onto ? onto : (await requireGit(['merge-base', branch.start, onto], call)).toString().trim());
    known.set(branch.start, base);
    bases.push(base);
  }
  return bases;
}

/** What others have changed since a branch's base: the target, and the steps below. latin1. */
interface Others {
  readonly paths: Set<string>;
  readonly deleted: Set<string>;
  /** Folders, at any height, in which something was deleted. */
  readonly lost: Set<string>;
}

function othersOf(changes: readonly Change[]): Others {
  const others: Others = { paths: new Set(), deleted: new Set(), lost: new Set() };
  addTo(others, changes);
  return others;
}

function addTo(others: Others, changes: readonly Change[]): void {
  for (const { path, status } of changes) {
    others.paths.add(path);
    if (status !== 'D') continue;
    others.deleted.add(path);
    for (const folder of foldersOf(path)) others.lost.add(folder);
  }
}

interface StepFacts {
  /** What the step changed. */
  readonly made: readonly Change[];
  /** What the branch changed since the target had it. */
  readonly wanted: readonly Change[];
  /** What it changed since its start. */
  readonly own: readonly Change[];
  readonly others: readonly Others[];
}

function checkStep({ branch, resolved }: AuditStep, { made, wanted, own, others }: StepFacts): string[] {
  const mine = new Set([...wanted, ...own].map(({ path }) => path));
  const done = new Map(made.map((change) => [change.path, change]));
  const excused = new Set(resolved.map((path) => Buffer.from(path).toString('latin1')));
  // git takes changes along to where something was renamed to: by the others, or by the branch.
  const isTaken = ({ path, status }: Change): boolean =>
    others.some(({ deleted, lost }) => deleted.has(path) || (status === 'A' && foldersOf(path).some((folder) => lost.has(folder))));
  const canFollow = wanted.some(isTaken) || (wanted.some(({ status }) => status === 'A') && wanted.some(({ status }) => status === 'D'));
  // What others changed, or made anew, and the branch takes away merges cleanly in one way: it was renamed, and their change went along.
  const isRenamed = wanted.some(({ path, status }) => status === 'D' && done.get(path)?.status === 'D' && others.some(({ paths }) => paths.has(path)));
  const problems: string[] = [];
  for (const { path } of made) {
    if (!mine.has(path) && !excused.has(path) && !canFollow) problems.push(`${branch.id}: ${readable(path)} changed, which the branch does not change`);
  }
  for (const change of wanted) {
    if (excused.has(change.path) || isTaken(change) || others.some(({ paths }) => paths.has(change.path))) continue;
    if (isRenamed && change.status === 'A') continue;
    const is = done.get(change.path);
    if (is === undefined || is.sha !== change.sha || is.mode !== change.mode) problems.push(`${branch.id}: ${readable(change.path)} is not as the branch has it`);
  }
  return problems;
}

function readable(path: string): string {
  return Buffer.from(path, 'latin1').toString();
}
