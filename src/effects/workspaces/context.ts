// What all parts of the workspaces effect share: where things are, and how git is called so that neither the user's
// checkout nor anything that an agent can write decides what is read or written.
import os from 'node:os';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { RunId } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from '../git/environment.ts';
import { freezeGitFolder } from '../git/frozen.ts';
import { quoted } from '../git/merge-quarantine.ts';
import { gitRaw, type GitOutput, requireGit } from '../git/plumbing.ts';
import { createRefs, type Refs } from '../git/refs.ts';
import { openScratch } from './scratch.ts';

export interface WorkTreeCall {
  /** Working tree that git looks at, also its current folder; default: an empty one. */
  readonly tree?: string;
  /** Index file that git reads and writes; default: none. */
  readonly index?: string;
  readonly input?: string | Buffer;
  /** A folder of objects in the place of the repository's. */
  readonly objects?: string;
  /** `objects` borrows from the repository's. */
  readonly borrows?: boolean;
}

export interface Context {
  readonly repo: Repository;
  /** Absolute path, without symbolic links, under which worktrees are made. */
  readonly root: string;
  /** `<common>/orch` */
  readonly home: string;
  /** For files that nobody but this process needs; may not exist yet. */
  readonly scratch: string;
  readonly refs: Refs;
  /** In the environment of every git process: by it the next orch finds one that outlived the orch that started it. */
  readonly mark: Readonly<Record<string, string>>;
  /** Bounds work that is heavy on the disk to the number of cores. */
  readonly heavy: <T>(work: () => Promise<T>) => Promise<T>;
  /** Runs a piece of synchronous work in a turn of the event loop of its own: many in a row would make everybody wait. */
  readonly turn: <T>(work: () => T) => Promise<T>;
  /** Deletes the scratch folder; it is made again when needed. */
  clear(): Promise<void>;
  /** Runs git on the repository's objects with a git folder of our own: never the user's HEAD or index, never an agent's. */
  git(args: readonly string[], call?: WorkTreeCall): Promise<GitOutput>;
  /** As `git`, but throws `GitFailure` unless it succeeds. */
  mustGit(args: readonly string[], call?: WorkTreeCall): Promise<Buffer>;
  /** `git commit-tree`, as the user, or as orch where the user has no identity. */
  commit(tree: string, parents: readonly string[], message: string, date?: string): Promise<string>;
}

/** `hasOwnView: false` = the layout does not allow a git folder of our own (reftable): use the common one, with a private index. */
export async function openContext(init: { repo: Repository; root: string; hasOwnView: boolean; owner: { readonly run: RunId; readonly dir: string } | null }): Promise<Context> {
  const home = path.join(init.repo.commonDir, 'orch');
  const empty = path.join(home, 'empty');
  await mkdir(empty, { recursive: true });
  const scratch = await openScratch(path.join(home, 'tmp'));
  const mark = init.owner === null ? {} : { ORCH_RUN_ID: init.owner.run, ORCH_RUN_DIR: init.owner.dir };
  let opened: Promise<Record<string, string>> | null = null;
  const open = (): Promise<Record<string, string>> => {
    const shared = { GIT_DIR: init.repo.commonDir, GIT_COMMON_DIR: init.repo.commonDir };
    opened ??= init.hasOwnView ? freezeGitFolder(init.repo, path.join(scratch, 'view')) : Promise.resolve(shared);
    return opened;
  };
  const baseOf = (view: Record<string, string>): Record<string, string> => ({ ...gitEnvironment([['core.sparseCheckout', 'false']]), ...view, ...mark });
  const prepare = async (call: WorkTreeCall) => ({
    cwd: call.tree ?? empty,
    env: { ...baseOf(await open()), GIT_WORK_TREE: call.tree ?? empty, GIT_INDEX_FILE: call.index ?? path.join(empty, 'no-index'), ...objectsOf(init.repo, call) },
    ...(call.input === undefined ? {} : { input: call.input }),
  });
  // At once: what is in the configuration now is nobody's but the user's.
  await open();
  const mustGit = async (args: readonly string[], call: WorkTreeCall = {}): Promise<Buffer> => await requireGit(args, await prepare(call));
  let identity: Promise<Record<string, string>> | null = null;
  return {
    async clear() {
      opened = null;
      await rm(scratch, { recursive: true, force: true });
    },
    repo: init.repo,
    root: init.root,
    home,
    scratch,
    refs: createRefs(init.repo, { env: mark }),
    mark,
    heavy: pLimit(os.availableParallelism()),
    turn: createTurns(),
    git: async (args, call = {}) => await gitRaw(args, await prepare(call)),
    mustGit,
    async commit(tree, parents, message, date) {
      const { cwd, env } = await prepare({});
      identity ??= identityOrOurs(env, empty);
      const args = ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])];
      const dates = date === undefined ? {} : { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
      const out = await requireGit(args, { cwd, env: { ...env, ...(await identity), ...dates }, input: `${message.trim() || 'orch'}\n` });
      return out.toString().trim();
    },
  };
}

function objectsOf({ commonDir }: Repository, { objects, borrows }: WorkTreeCall): Record<string, string> {
  if (objects === undefined) return {};
  return { GIT_OBJECT_DIRECTORY: objects, ...(borrows === true ? { GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(path.join(commonDir, 'objects')) } : {}) };
}

function createTurns(): <T>(work: () => T) => Promise<T> {
  const oneByOne = pLimit(1);
  return (work) => oneByOne(async () => {
    await setImmediate();
    return work();
  });
}

async function identityOrOurs(env: Record<string, string>, cwd: string): Promise<Record<string, string>> {
  const known = await Promise.all(['GIT_AUTHOR_IDENT', 'GIT_COMMITTER_IDENT'].map((name) => gitRaw(['var', name], { cwd, env })));
  if (known.every((output) => output.code === 0)) return {};
  const ours = { NAME: 'orch', EMAIL: 'orch@localhost' };
  return Object.fromEntries(['AUTHOR', 'COMMITTER'].flatMap((who) => Object.entries(ours).map(([key, value]) => [`GIT_${who}_${key}`, value])));
}
