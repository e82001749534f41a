// The workspaces effect over git worktrees: one for each task, made, collected and removed so that nothing is lost and
// the user's checkout is never touched. The parts are in workspaces/.
import { lstat, mkdir, readdir, realpath, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { EXIT, OrchError } from '../errors.ts';
import type { RunId, Sha } from '../plan/plan.ts';
import type { Repository, Workspace, Workspaces } from './effects.ts';
import { hasPlainLayout } from './git/repository.ts';
import { createCopyList, isInside } from './workspaces/carry.ts';
import { createTemplates } from './workspaces/checkout.ts';
import { linksOf } from './workspaces/admin.ts';
import { beginMerge } from './workspaces/merging.ts';
import { capture } from './workspaces/collect.ts';
import { type Context, openContext } from './workspaces/context.ts';
import { create, type Maker } from './workspaces/create.ts';
import { type Live, reopen } from './workspaces/live.ts';
import { recover } from './workspaces/recover.ts';
import { excludesFile } from './workspaces/excludes.ts';
import { kindAt, placeOf } from './workspaces/place.ts';
import { openPrivate, privateAt } from './workspaces/private-repo.ts';
import { remove } from './workspaces/remove.ts';
import { createTrash } from './workspaces/trash.ts';

export interface WorkspacesInit {
  readonly repo: Repository;
  /** Absolute; worktrees are at `<root>/<run>/<task>`. Made when missing. */
  readonly root: string;
  /** The root may be inside the user's working tree, because the user said so. */
  readonly isInsideAllowed?: boolean;
  /** The run that this is for: its git processes carry its name and folder, so that the next orch finds those that outlive this one. */
  readonly owner?: { readonly run: RunId; readonly dir: string };
}

/** Throws `OrchError` (exit 2) for a root that worktrees must not be in. */
export async function createWorkspaces(init: WorkspacesInit): Promise<Workspaces> {
  const { repo } = init;
  const root = await requireRoot(init);
  const isPlain = await hasPlainLayout(repo);
  const context = await openContext({ repo, root, hasOwnView: isPlain, owner: init.owner ?? null });
  const trash = createTrash({
    commonDir: repo.commonDir, commonBin: path.join(context.home, 'trash'), root, rootBin: path.join(root, '.orch-trash'),
  });
  const templates = createTemplates(context, path.join(context.scratch, 'templates'));
  const maker: Maker = { context, templates, trash, isPlain, copyList: createCopyList(repo.topLevel ?? repo.commonDir) };
  const lives = new Map<string, Live>();
  const liveOf = async (workspace: Workspace): Promise<Live> => {
    const live = lives.get(keyOf(workspace));
    if (live !== undefined && live.workspace.attempt === workspace.attempt && live.workspace.path === workspace.path) return live;
    return reopen(context, workspace);
  };
  const remember = (live: Live): void => void lives.set(keyOf(live.workspace), live);
  return {
    create: (request) => create(maker, request, remember),
    beginMerge,
    async collect(workspace, message, merging) {
      try {
        const live = await liveOf(workspace);
        const { collected } = await capture(context, live, { message, onto: 'branch', ...(merging === undefined ? {} : { merging }) });
        lives.set(keyOf(workspace), live);
        return { ok: true, collected };
      } catch (error) {
        return { ok: false, message: error instanceof Error ? error.message : String(error) };
      }
    },
    async recover(workspace, request) {
      const live = await liveOf(workspace);
      const isKnown = lives.get(keyOf(workspace)) === live && kindAt(workspace.path) === 'folder';
      return isKnown ? { ok: true, made: false, notes: [] } : recover(maker, live, { request, remember });
    },
    async links(workspace) {
      const { place, admin } = await liveOf(workspace);
      return linksOf(place, admin);
    },
    async publish(branch, head) {
      const ref = `refs/heads/${branch}`;
      const [tip = null] = await context.refs.resolve([ref]);
      if (tip === head) return null;
      return tip === null ? context.refs.move([{ ref, from: null, to: head }]) : `${branch} is at ${tip}, which is other work`;
    },
    holds: ({ head, ref }) => isHeldBy(context, head, ref),
    async remove(workspace) {
      const kept = await remove(context, trash, await liveOf(workspace));
      if (kept === null) lives.delete(keyOf(workspace));
      return kept;
    },
    async seclude(workspace) {
      const { place, admin } = await liveOf(workspace);
      const mounts = await openPrivate(privateAt(place.privateRepo), { repo, worktree: place.path, admin, branch: workspace.branch, env: context.mark });
      const excludes = [excludesFile(place.records)].filter((file) => kindAt(file) !== 'missing');
      return { ...mounts, before: [...mounts.before, ...excludes.map((file) => ({ kind: 'read', path: file }) as const)] };
    },
    async variables({ run, task }) {
      const file = excludesFile(placeOf({ home: context.home, commonDir: repo.commonDir, root }, { run, task }).records);
      if (kindAt(file) === 'missing') return {};
      return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.excludesFile', GIT_CONFIG_VALUE_0: file };
    },
    async flush() {
      await templates.clear();
      await context.clear();
      await trash.flush();
      await context.refs.rest();
      await sweep(path.join(context.home, 'tmp'));
      // Folders of runs, and the root, stay as long as there is anything in them.
      for (const run of await readdir(root).catch(() => [])) await rmdir(path.join(root, run)).catch(() => {});
      await rmdir(root).catch(() => {});
    },
  };
}

async function isHeldBy(context: Context, head: Sha, ref: string): Promise<boolean> {
  const [tip = null] = await context.refs.resolve([ref]);
  return tip !== null && (tip === head || (await context.git(['merge-base', '--is-ancestor', head, tip])).code === 0);
}

/** Deletes temporary files that a killed process left; what is half-made (`orch-…`) says whose a folder is, and what is of a process is its own. */
async function sweep(folder: string): Promise<void> {
  const yesterday = Date.now() - 24 * 60 * 60 * 1000;
  for (const name of await readdir(folder).catch(() => [])) {
    const file = path.join(folder, name);
    const info = /^(orch|process)-/.test(name) ? null : await lstat(file).catch(() => null);
    if (info !== null && info.mtimeMs < yesterday) await rm(file, { recursive: true, force: true });
  }
}

function keyOf(workspace: Workspace): string {
  return `${workspace.run}/${workspace.task}`;
}

/** The root without symbolic links, so that a link that an agent makes later is noticed. */
async function requireRoot(init: WorkspacesInit): Promise<string> {
  const { topLevel } = init.repo;
  const planned = await realPathOf(path.resolve(init.root));
  if (init.isInsideAllowed !== true && topLevel !== null && isInside(await realpath(topLevel), planned)) {
    throw new OrchError({
      code: 'worktrees-inside', exitCode: EXIT.usage,
      message: `worktrees root ${planned} is inside the repository's working tree`,
      hint: 'Choose a folder beside it (worktrees.root), or name this one in .orchestrator.yml yourself.',
    });
  }
  await mkdir(planned, { recursive: true });
  return realpath(planned);
}

/** A path, of which the last parts need not exist, without symbolic links. */
async function realPathOf(file: string): Promise<string> {
  const real = await realpath(file).catch(() => null);
  if (real !== null || path.dirname(file) === file) return real ?? file;
  return path.join(await realPathOf(path.dirname(file)), path.basename(file));
}
