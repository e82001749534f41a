// `orch clean`: takes away what finished runs left: worktrees, branches that are merged or empty, records. Shows first,
// asks on a terminal, and keeps whatever holds the only copy of something.
import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { forgetConflicts, forgetStacks } from '../effects/git/merge-keep.ts';
import { poolIn } from '../effects/git/merge-world.ts';
import { mergeWorktreesAt, removeMergeWorktrees } from '../effects/git/merge-worktree.ts';
import { gitRaw } from '../effects/git/plumbing.ts';
import { createRefs } from '../effects/git/refs.ts';
import { openRepository } from '../effects/git/repository.ts';
import type { Repository } from '../effects/effects.ts';
import { createWorkspaces } from '../effects/workspaces.ts';
import { deleteBranches, forgetWorkspace, listBranches, listWorkspaces, mergedRefs, type OwnedRef, type OwnedWorkspace } from '../effects/workspaces/owned.ts';
import { EXIT, OrchError } from '../errors.ts';
import { loadHolder } from '../journal/lock.ts';
import { listRuns, resolveRun } from '../journal/run-list.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadRun, removeRun } from '../journal/store.ts';
import { safeText } from '../lib/terminal.ts';
import { plural } from '../lib/text.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import { mergeRoot } from './merging.ts';
import { note, print } from './terminal.ts';

export interface CleanArgs {
  readonly run?: string | undefined;
  readonly yes?: boolean | undefined;
  readonly 'dry-run'?: boolean | undefined;
  readonly force?: boolean | undefined;
}

/** What one run has left, sorted into what can go and what stays, with the reason. */
interface Leftovers {
  readonly run: RunId;
  readonly plan: Plan | null;
  readonly worktrees: readonly OwnedWorkspace[];
  /** Worktrees of a merge that was killed: they hold nothing but what `verify` made. */
  readonly mergeWorktrees: readonly string[];
  readonly branches: readonly OwnedRef[];
  readonly kept: readonly string[];
  readonly hasRecords: boolean;
}

export async function cleanCommand(args: CleanArgs): Promise<number> {
  const repo = await openRepository(process.cwd());
  const runs = await runsToClean(repo, args.run);
  const found = await Promise.all(runs.map((run) => findLeftovers(repo, run, args.force === true)));
  const work = found.filter(({ worktrees, mergeWorktrees, branches, hasRecords }) => worktrees.length + mergeWorktrees.length + branches.length > 0 || hasRecords);
  print(found.flatMap(({ kept }) => kept.map((line) => `keep    ${line}`)));
  if (work.length === 0) {
    note('nothing to clean');
    return EXIT.ok;
  }
  print(work.flatMap(describe));
  if (args['dry-run'] === true || !(await isAgreed(args.yes === true))) return EXIT.ok;
  for (const leftovers of work) await clean(repo, leftovers, args.force === true);
  return EXIT.ok;
}

/** Finished runs, or the one that was named; never one that somebody is working on. */
async function runsToClean(repo: Repository, wanted: string | undefined): Promise<RunId[]> {
  if (wanted === undefined) {
    const runs = await listRuns(repo.commonDir);
    const known = new Set(runs.map(({ run }) => run));
    // Worktrees and branches whose records are gone belong to nobody else any more.
    const orphans = [...(await listWorkspaces(repo)).map(({ workspace }) => workspace.run), ...(await listBranches(repo)).map(({ ref }) => ref.split('/')[3] ?? '')];
    return [...new Set([...runs.filter(({ state, holder }) => state === 'finished' && holder === null).map(({ run }) => run), ...orphans.filter((run) => run !== '' && !known.has(run))])];
  }
  const run = await resolveRun(repo.commonDir, wanted);
  const holder = await loadHolder(runPaths(repo.commonDir, run).dir);
  if (holder === null) return [run];
  throw new OrchError({ code: 'run-locked', message: `${run} is running (process ${holder.pid} on ${holder.host})`, hint: 'stop it first: Ctrl-C where it runs', exitCode: EXIT.preflight });
}

async function findLeftovers(repo: Repository, run: RunId, force: boolean): Promise<Leftovers> {
  const plan = await loadRun(repo.commonDir, run).then((loaded) => loaded.plan, () => null);
  const branches = await listBranches(repo, run);
  // A worktree whose folder was deleted by hand still holds its branch.
  const present = (await listWorkspaces(repo, run)).filter(({ workspace, isPresent }) => isPresent || branches.some(({ worktree }) => worktree === workspace.path));
  const dirty = await Promise.all(present.map(async ({ workspace, isPresent }) => isPresent && !force && (await isUnsaved(workspace.path))));
  const worktrees = present.filter((_, i) => dirty[i] !== true);
  // In the target, or nothing beyond the base.
  const merged = new Set([...(await mergedRefs(repo, plan?.target ?? 'HEAD')), ...(await mergedRefs(repo, plan?.base.sha ?? null))]);
  const removable = branches.filter(({ ref }) => force || merged.has(ref));
  const kept = [
    ...present.filter((_, i) => dirty[i] === true).map(({ workspace }) => `${workspace.path}: it has changes that are not saved (--force saves them on refs/orch/rescue)`),
    ...branches.filter((branch) => !removable.includes(branch)).map(({ ref }) => `${ref.replace('refs/heads/', '')}: it is not merged (--force keeps its commits on refs/orch/rescue)`),
  ];
  const mergeWorktrees = plan === null ? [] : await mergeWorktreesAt(repo, poolIn(mergeRoot(plan)));
  return { run, plan, worktrees, mergeWorktrees, branches: removable, kept, hasRecords: plan !== null && kept.length === 0 };
}

/** An agent's work was saved when it ended: what differs now was done by a person, or by `verify`. */
async function isUnsaved(folder: string): Promise<boolean> {
  const status = await gitRaw(['status', '--porcelain', '-z', '--ignore-submodules=all'], { cwd: folder });
  return status.code !== 0 || status.stdout.length > 0;
}

function describe({ run, worktrees, mergeWorktrees, branches, hasRecords }: Leftovers): string[] {
  return [
    ...[...worktrees.map(({ workspace }) => workspace.path), ...mergeWorktrees].map((worktree) => `remove  worktree ${safeText(worktree)}`),
    ...branches.map(({ ref }) => `remove  branch   ${ref.replace('refs/heads/', '')}`),
    ...(hasRecords ? [`remove  records  ${run}`] : []),
  ];
}

async function isAgreed(yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    note('nothing was removed: orch clean --yes does it');
    return false;
  }
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await ask.question('Remove these? [y/N] ');
  ask.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function clean(repo: Repository, leftovers: Leftovers, force: boolean): Promise<void> {
  const { run, plan, worktrees, branches, hasRecords } = leftovers;
  const [first] = worktrees;
  const root = plan?.worktrees.root ?? (first === undefined ? null : rootOf(first));
  await using refs = createRefs(repo, { message: 'orch: clean' });
  let removed = 0;
  if (root !== null && worktrees.length > 0) {
    const workspaces = await createWorkspaces({ repo, root, isInsideAllowed: true });
    for (const { workspace } of worktrees) {
      const why = await workspaces.remove(workspace);
      if (why === null) removed += 1;
      else note(`kept ${safeText(workspace.path)}: ${safeText(why)}`);
    }
    await workspaces.flush();
  }
  if (plan !== null) {
    await removeMergeWorktrees(repo, poolIn(mergeRoot(plan)));
    await forgetStacks(refs, run);
    for (const folder of [mergeRoot(plan), path.dirname(mergeRoot(plan))]) await rmdir(folder).catch(() => undefined);
  }
  // Where each branch is checked out has changed just now.
  const names = new Set(branches.map(({ ref }) => ref));
  const now = (await listBranches(repo, run)).filter(({ ref }) => names.has(ref));
  const merged = await deleteBranches(repo, { branches: now, mergedInto: plan?.target ?? 'HEAD', isForced: false });
  const rest = now.filter(({ ref }) => !merged.deleted.includes(ref));
  const empty = await deleteBranches(repo, { branches: rest, mergedInto: plan?.base.sha ?? null, isForced: force });
  for (const [ref, why] of empty.kept) note(`kept ${ref.replace('refs/heads/', '')}: ${why}`);
  const isAllGone = leftovers.kept.length === 0 && empty.kept.length === 0 && removed === worktrees.length;
  if (hasRecords && isAllGone) {
    await forgetConflicts(refs, run);
    await removeRun(repo.commonDir, run);
  }
  if (isAllGone) for (const { workspace } of await listWorkspaces(repo, run)) await forgetWorkspace(repo, workspace);
  note(`${run}: ${plural(removed + leftovers.mergeWorktrees.length, 'worktree')} and ${plural(merged.deleted.length + empty.deleted.length, 'branch').replace('branchs', 'branches')} removed${hasRecords && isAllGone ? ', and its records' : ''}`);
}

/** `<root>/<run>/<task>` → `<root>`. */
function rootOf({ workspace }: OwnedWorkspace): string {
  return workspace.path.split('/').slice(0, -2).join('/');
}
