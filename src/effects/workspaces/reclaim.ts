// Takes over what was done in the private repository of a sandboxed task, so that the worktree is as if it had been done in
// the user's: objects, then references, then HEAD and index. Killed anywhere, it can be done again; the private repository
// goes only once everything is saved. Never runs git in it, and believes of it only what git finds to be whole.
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crashPoint } from '../../lib/crash-point.ts';
import type { Sha } from '../../plan/plan.ts';
import type { Finding } from '../effects.ts';
import { createRefReader } from '../git/loose-refs.ts';
import { copyAdmin } from './admin-copy.ts';
import { agentState, lastHead, mergeHeads, stashLog } from './agent-state.ts';
import type { Context } from './context.ts';
import { descends } from './delivery.ts';
import { branchRef, type Live } from './live.ts';
import { kindAt } from './place.ts';
import { takeObjects } from './private-objects.ts';
import { MODULES, openUp, privateAt, type PrivateRepository } from './private-repo.ts';
import { rescue } from './rescue.ts';

/** What ties a worktree to its repository, has a say in what git runs, or is moved rather than copied. */
const OURS = new Set(['commondir', 'gitdir', 'locked', 'config.worktree', MODULES]);

/** Takes everything over; nothing to do when there is no private repository. Throws when it cannot; then it can be tried again. */
export async function reclaim(context: Context, live: Live): Promise<Finding[]> {
  const own = privateAt(live.place.privateRepo);
  if (kindAt(own.git) !== 'folder') return [];
  openUp(own.git);
  const left = leftIn(own, live);
  const known = new Set(left.before.values());
  const all = [left.tip, left.head, ...left.others, ...left.stashes, ...left.merging].flatMap((sha) => (sha === null || known.has(sha) ? [] : [sha]));
  const commits = [...new Set(all)];
  const taken = await takeObjects(context, path.join(own.git, 'objects'), { wanted: commits, known: [...known] });
  crashPoint('objects-taken');
  const whole = new Set([...known, ...taken]);
  const isWhole = commits.every((sha) => whole.has(sha));
  const findings: Finding[] = isWhole ? [] : [{ kind: 'objects-lost' }];
  const branch = await moveBranch(context, live, { tip: left.tip !== null && whole.has(left.tip) ? left.tip : null, base: left.before.get(branchRef(live.workspace)) ?? null });
  for (const sha of left.others) if (whole.has(sha) && (await isNew(context, sha, [...known, ...left.fetched, branch]))) await rescue(context, live.workspace, sha);
  for (const sha of left.stashes) if (whole.has(sha)) await rescue(context, live.workspace, sha);
  if (left.stashes.length > 0) findings.push({ kind: 'stashed' });
  crashPoint('references-taken');
  const isThere = [path.dirname(left.admin), left.admin, live.admin].every((folder) => kindAt(folder) === 'folder');
  if (isThere) moveModules(left.admin, live.admin);
  // HEAD, index and logs that name what does not exist would break git for the user.
  if (isThere && isWhole) {
    await copyAdmin(left.admin, live.admin, OURS);
    // A branch of that name may be somebody else's out here.
    if (left.elsewhere !== null && left.head !== null) writeFileSync(path.join(live.admin, 'HEAD'), `${left.head}\n`);
  }
  if (left.elsewhere !== null) findings.push({ kind: 'left-branch', head: left.elsewhere });
  crashPoint('worktree-taken');
  return findings;
}

/** Repositories of submodules that were cloned in the sandbox; those that were there before are the real ones. */
function moveModules(from: string, to: string): void {
  const [made, real] = [path.join(from, MODULES), path.join(to, MODULES)];
  if (kindAt(made) === 'folder' && kindAt(real) === 'missing') renameSync(made, real);
}

interface Left {
  readonly admin: string;
  readonly before: ReadonlyMap<string, Sha>;
  /** Of its own branch. */
  readonly tip: Sha | null;
  /** What is checked out. */
  readonly head: Sha | null;
  /** What it is called, when that is not its own branch. */
  readonly elsewhere: string | null;
  /** Of branches and tags that it made or moved. */
  readonly others: readonly Sha[];
  readonly stashes: readonly Sha[];
  readonly merging: readonly Sha[];
  /** Commits that came from elsewhere. */
  readonly fetched: readonly Sha[];
}

function leftIn(own: PrivateRepository, { workspace, admin: real }: Live): Left {
  const before = createRefReader(own.before, ['refs'])();
  const now = createRefReader(own.git, ['refs'])();
  const admin = path.join(own.git, 'worktrees', path.basename(real));
  const { head } = agentState(admin);
  const ref = branchRef(workspace);
  const moved = [...now].filter(([name, sha]) => name !== ref && before.get(name) !== sha);
  return {
    admin, before,
    tip: now.get(ref) ?? lastHead(admin),
    head: head === null ? null : head.startsWith('refs/') ? (now.get(head) ?? null) : head,
    elsewhere: head === ref ? null : head,
    others: [...new Set(moved.filter(([name]) => /^refs\/(heads|tags)\//.test(name)).map(([, sha]) => sha))],
    stashes: [...new Set([...moved.filter(([name]) => name === 'refs/stash').map(([, sha]) => sha), ...stashLog(own.git).map(({ sha }) => sha)])],
    merging: mergeHeads(admin),
    fetched: moved.filter(([name]) => name.startsWith('refs/remotes/')).map(([, sha]) => sha),
  };
}

/** Moves the task's branch as the private one was moved, unless somebody has moved it meanwhile; returns where it is. */
async function moveBranch(context: Context, { workspace }: Live, { tip, base }: { tip: Sha | null; base: Sha | null }): Promise<Sha | null> {
  const ref = branchRef(workspace);
  if (tip === base) return base;
  const [now = null] = await context.refs.resolve([ref]);
  if (tip === null || tip === now || (now !== null && (await descends(context, tip, now)))) return now;
  if (now === base && (await context.refs.move([{ ref, from: now, to: tip }])) === null) return tip;
  await rescue(context, workspace, tip);
  return now;
}

async function isNew(context: Context, sha: Sha, known: readonly (Sha | null)[]): Promise<boolean> {
  const input = [sha, ...known.filter((each) => each !== null).map((each) => `^${each}`)].map((line) => `${line}\n`).join('');
  const output = await context.git(['rev-list', '-n', '1', '--stdin'], { input });
  return output.code === 0 && output.stdout.length > 0;
}
