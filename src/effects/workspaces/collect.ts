// Saves what an agent left: first on a reference, then told. Never by discovering a repository from the worktree, never
// with the agent's own index, and never in the user's checkout.
import { realpathSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crashPoint } from '../../lib/crash-point.ts';
import type { Sha } from '../../plan/plan.ts';
import type { Collected, Finding } from '../effects.ts';
import { textOf } from '../small-file.ts';
import { repairLinks } from './admin.ts';
import { type AgentState, agentState, lastHead, looseBranch, mergeHeads, stampOf, stashesOf } from './agent-state.ts';
import { copyIndex } from './checkout.ts';
import type { Context } from './context.ts';
import { deliveryOf, descends } from './delivery.ts';
import { concludeMerge, mergeFindings } from './merging.ts';
import { branchRef, type Known, type Live, readable } from './live.ts';
import { holdsUnsavedWork } from './nested.ts';
import { kindAt } from './place.ts';
import { isPristine } from './pristine.ts';
import { discardPrivate, privateAt } from './private-repo.ts';
import { reclaim } from './reclaim.ts';
import { rescue, rescuedAs } from './rescue.ts';
import { changesSince, type Snapshot, snapshot, type Tracked, trackedBy, trackedIn } from './snapshot.ts';

export interface Capture {
  readonly message: string;
  /** Where uncommitted work goes: onto the branch, or (`rescue`) beside it, so that what was verified stays what it was. */
  readonly onto: 'branch' | 'rescue';
  /** The commit whose merge was begun in it: one that is still in progress is concluded. */
  readonly merging?: Sha;
}
/** `findings` are those that are known already. */
type Capturing = Capture & { readonly findings: readonly Finding[] };
export interface Captured {
  readonly collected: Collected;
  /** Why the files must stay although all of them are saved, e.g. a repository within with commits of its own; or null. */
  readonly keep: string | null;
}

/** Saves everything. Throws when it cannot; then nothing was moved and it can be tried again. */
export async function capture(context: Context, live: Live, how: Capture): Promise<Captured> {
  const findings = await reclaim(context, live);
  const captured = await captureHere(context, live, { ...how, findings });
  discardPrivate(privateAt(live.place.privateRepo));
  return captured;
}

/** As `capture`, of what is in the worktree and the user's repository. */
async function captureHere(context: Context, live: Live, how: Capturing): Promise<Captured> {
  const { known } = live;
  if (known !== null && how.findings.length === 0 && (await isUnchanged(context, live, known))) return { collected: known.collected, keep: null };
  let refusal = '';
  for (let round = 0; round < 4; round++) {
    const captured = await captureOnce(context, live, how);
    if (typeof captured !== 'string') return captured;
    refusal = captured;
    if (!refusal.includes('.lock')) continue;
    // A lock that is still there after a while is not of a git that is at work.
    await delay(LOCK_WAIT_MS);
    if (round > 0) await removeStaleLocks(context, live);
  }
  throw new Error(`${branchRef(live.workspace)} could not be moved: ${refusal}`);
}

const LOCK_WAIT_MS = 100;

/** Locks of a git that was killed, on what is this attempt's alone: its processes are gone, so nobody holds them. */
async function removeStaleLocks(context: Context, { admin, workspace }: Live): Promise<void> {
  const held = [path.join(context.repo.commonDir, branchRef(workspace)), path.join(admin, 'HEAD'), path.join(admin, 'index')];
  await Promise.all(held.map(async (file) => await rm(`${file}.lock`, { force: true })));
}

/** At most one git process: nothing differs from the state that was checked last. */
async function isUnchanged(context: Context, live: Live, known: Known): Promise<boolean> {
  const isSame = await context.turn(() => isSameAtAGlance(context, live, known));
  if (isSame !== null) return isSame;
  const changes = await changesSince(context, { tree: live.place.path, index: live.place.index });
  return changes.every((change) => change.tag === '?' && live.carried.has(change.path));
}

/** null = the files have to be looked at by git. */
function isSameAtAGlance(context: Context, { workspace, place, admin, carried, stashes }: Live, known: Known): boolean | null {
  const { commonDir, objectFormat } = context.repo;
  const state = agentState(admin);
  if (state.operation !== null || state.indexStamp !== known.indexStamp || state.head !== branchRef(workspace)) return false;
  if (looseBranch(commonDir, workspace.branch) !== known.head || realKindAt(place.path) !== 'folder') return false;
  if (textOf(path.join(place.path, '.git')) !== `gitdir: ${admin}\n` || stashesOf(commonDir, workspace.branch).some((sha) => !stashes.has(sha))) return false;
  if (known.submodules.some((folder) => kindAt(path.join(place.path, readable(folder), '.git')) !== 'missing')) return false;
  return isPristine({ tree: place.path, index: place.index, objectFormat, carried, sealNs: known.sealNs }) ? true : null;
}

/** `folder` only when no part of the path has become a symbolic link: what is saved must be the worktree's. */
function realKindAt(file: string): 'missing' | 'folder' | 'other' {
  const kind = kindAt(file);
  return kind === 'folder' && realpathSync(file) !== file ? 'other' : kind;
}

/** Where the files stand in history. */
interface Standing {
  readonly branch: Sha | null;
  /** The commit that the files sit on. */
  readonly tip: Sha;
  readonly isOnBranch: boolean;
  readonly isDescendant: boolean;
  readonly state: AgentState;
}

async function standing(context: Context, live: Live): Promise<Standing> {
  const { workspace, admin } = live;
  const ref = branchRef(workspace);
  const state = agentState(admin);
  const isOnBranch = state.names === null || state.head === ref;
  const last = lastHead(admin);
  const [branch = null, head = null, previous = null] = await context.refs.resolve([
    ref, `${state.head ?? ref}^{commit}`, `${last ?? workspace.start}^{commit}`,
  ]);
  const tip = (isOnBranch ? branch : head) ?? previous ?? workspace.start;
  return { branch, tip, isOnBranch, state, isDescendant: await descends(context, workspace.start, tip) };
}

/** A string is the reason why the branch could not be moved: somebody else moved it, so look again. */
async function captureOnce(context: Context, live: Live, how: Capturing): Promise<Captured | string> {
  const where = await standing(context, live);
  const stashes = await saveStashes(context, live);
  const findings: Finding[] = [...how.findings, ...(stashes.length > 0 ? [{ kind: 'stashed' } as const] : [])];
  if (where.branch === null && (await dropBroken(context, live))) findings.push({ kind: 'objects-lost' });
  if (!where.isOnBranch && !findings.some(({ kind }) => kind === 'left-branch')) findings.push({ kind: 'left-branch', head: where.state.head ?? 'nowhere' });
  const kind = realKindAt(live.place.path);
  if (kind !== 'folder') return captureLost(context, live, { where, findings, kind });

  const tracked = await trackedNow(context, live, where);
  await mkdir(context.scratch, { recursive: true });
  const index = path.join(context.scratch, `index-${live.place.id}-${Math.random().toString(36).slice(2)}`);
  try {
    const files = await context.heavy(() => snapshot(context, {
      tree: live.place.path, from: live.place.index, start: live.workspace.start, tracked, carried: live.carried, to: index,
    }));
    const inside = await repositoriesWithin(live, files);
    findings.push(...inside.findings);
    const merges = how.merging !== undefined && where.state.operation === 'merge' && mergeHeads(live.admin).includes(how.merging) ? [how.merging] : [];
    const operation = merges.length > 0 ? null : stuckIn(where.state, tracked);
    if (operation !== null) findings.push({ kind: 'unmerged', paths: (tracked?.unmerged ?? []).map(readable), operation });

    crashPoint('tree-written');
    const onBranch = how.onto === 'branch' && where.isOnBranch && operation === null;
    const saved = onBranch
      ? await saveOnBranch(context, live, { where, tree: files.tree, message: how.message, findings, merges })
      : await saveBeside(context, live, { where, tree: files.tree, message: how.message });
    if (typeof saved === 'string') return saved;
    crashPoint('work-saved');

    await repairLinks(live.place, live.admin, live.workspace.branch);
    if (onBranch && (saved.head !== where.tip || tracked !== null)) await giveIndex(live, index);
    if (merges.length > 0) await concludeMerge(live.admin);
    if (how.merging !== undefined) findings.push(...(await mergeFindings(context, { start: live.workspace.start, head: saved.head, commit: how.merging })));
    await mkdir(live.place.records, { recursive: true });
    await rename(index, live.place.index);
    const collected = await deliveryOf(context, live.workspace.start, { ...saved, findings });
    for (const sha of stashes) live.stashes.add(sha);
    const isSettled = onBranch && inside.findings.length === 0;
    live.known = isSettled ? { head: saved.head, indexStamp: stampOf(path.join(live.admin, 'index')), collected, submodules: files.submodules, sealNs: 0n } : null;
    return { collected, keep: inside.keep };
  } finally {
    await rm(index, { force: true });
  }
}

/** A branch without its commit breaks every fetch and every `git log --all` of the user's: it goes. */
async function dropBroken(context: Context, { workspace }: Live): Promise<boolean> {
  const tip = looseBranch(context.repo.commonDir, workspace.branch);
  if (tip === null || (await context.refs.resolve([tip]))[0] !== null) return false;
  return (await context.refs.move([{ ref: branchRef(workspace), from: tip, to: null }])) === null;
}

/** What the agent tracks; null = exactly what our own index has. */
async function trackedNow(context: Context, live: Live, where: Standing): Promise<Tracked | null> {
  if (live.known !== null && where.state.indexStamp === live.known.indexStamp) return null;
  return (await trackedBy(context, live.admin, path.join(context.home, 'empty'))) ?? trackedIn(context, where.tip);
}

function stuckIn(state: AgentState, tracked: Tracked | null): string | null {
  if (state.operation !== null && state.operation !== 'bisect') return state.operation;
  return tracked !== null && tracked.unmerged.length > 0 ? 'conflict' : null;
}

interface Work {
  readonly where: Standing;
  readonly tree: Sha;
  readonly message: string;
}
interface Saved {
  readonly head: Sha;
  readonly ref: string;
}

async function saveOnBranch(context: Context, live: Live, work: Work & { findings: Finding[]; merges: readonly Sha[] }): Promise<Saved | string> {
  const { where, tree, merges } = work;
  const ref = branchRef(live.workspace);
  if (!where.isDescendant) {
    await rescue(context, live.workspace, where.tip);
    work.findings.push({ kind: 'rewrote-history' });
  }
  const parent = where.isDescendant ? where.tip : live.workspace.start;
  const isSame = merges.length === 0 && (await treeOf(context, parent)) === tree;
  const head = isSame ? parent : await context.commit(tree, [parent, ...merges], work.message);
  if (head !== where.branch) {
    const refusal = await context.refs.move([{ ref, from: where.branch, to: head }]);
    if (refusal !== null) return refusal;
  }
  return { head, ref };
}

async function saveBeside(context: Context, live: Live, work: Work): Promise<Saved> {
  const { where, tree } = work;
  const merging = mergeHeads(live.admin);
  const others = (await context.refs.resolve(merging.map((sha) => `${sha}^{commit}`))).filter((sha) => sha !== null);
  const parents = [where.tip, ...others.filter((sha) => sha !== where.tip)];
  const isClean = parents.length === 1 && (await treeOf(context, where.tip)) === tree;
  const head = isClean ? where.tip : ((await rescuedAs(context, live.workspace, { tree, parents })) ?? (await context.commit(tree, parents, work.message)));
  const isKept = where.branch !== null && (await descends(context, head, where.branch));
  return { head, ref: isKept ? branchRef(live.workspace) : await rescue(context, live.workspace, head) };
}

async function treeOf(context: Context, commit: Sha): Promise<Sha | null> {
  return (await context.refs.resolve([`${commit}^{tree}`]))[0] ?? null;
}

/** The worktree is gone: what was committed or staged is not. */
async function captureLost(context: Context, live: Live, lost: { where: Standing; findings: Finding[]; kind: 'missing' | 'other' }): Promise<Captured> {
  const { where, findings } = lost;
  const message = lost.kind === 'missing' ? `${live.place.path} was deleted` : `${live.place.path} is no longer a folder of its own`;
  findings.push({ kind: 'worktree-lost', message });
  const index = path.join(live.admin, 'index');
  const staged = kindAt(index) === 'missing' ? null : await context.git(['write-tree'], { index });
  const tree = staged?.code === 0 ? staged.stdout.toString().trim() : await treeOf(context, where.tip);
  const saved = await saveBeside(context, live, { where, tree: tree ?? '', message: `orch: what was staged when the worktree was lost` });
  live.known = null;
  if (where.branch === null && where.isOnBranch) await context.refs.move([{ ref: branchRef(live.workspace), from: null, to: where.tip }]);
  return { collected: await deliveryOf(context, live.workspace.start, { ...saved, findings }), keep: null };
}

async function saveStashes(context: Context, live: Live): Promise<Sha[]> {
  const made = stashesOf(context.repo.commonDir, live.workspace.branch).filter((sha) => !live.stashes.has(sha));
  for (const sha of made) await rescue(context, live.workspace, sha);
  return made;
}

async function repositoriesWithin(live: Live, files: Snapshot): Promise<{ findings: Finding[]; keep: string | null }> {
  const { place, admin } = live;
  const findings: Finding[] = [];
  const unsaved: string[] = [];
  const isRoot = kindAt(path.join(place.path, '.git')) === 'folder';
  const nested = [...(isRoot ? ['.'] : []), ...files.nested.map(readable)];
  for (const folder of nested) {
    findings.push({ kind: 'nested-repository', path: folder });
    if (await holdsUnsavedWork(path.join(place.path, folder), { within: [place.path, admin], changes: false })) unsaved.push(folder);
  }
  for (const folder of files.submodules.map(readable)) {
    if (!(await holdsUnsavedWork(path.join(place.path, folder), { within: [place.path, admin], changes: true }))) continue;
    findings.push({ kind: 'nested-repository', path: folder });
    unsaved.push(folder);
  }
  return { findings, keep: unsaved.length === 0 ? null : `a repository within it has commits that are nowhere else: ${unsaved.join(', ')}` };
}

/** The agent's own index follows its branch, as after a commit of its own; a lock that a killed git left goes away. */
async function giveIndex(live: Live, index: string): Promise<void> {
  const target = path.join(live.admin, 'index');
  // Whatever is there, a pipe perhaps, is not to be written into.
  await rm(`${target}.orch`, { recursive: true, force: true });
  await copyIndex(index, `${target}.orch`);
  await rename(`${target}.orch`, target);
  await rm(`${target}.lock`, { force: true });
}

