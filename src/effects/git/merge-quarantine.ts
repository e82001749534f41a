// Where merges are made: a folder of objects of its own, which sees the repository's objects and which no garbage
// collection looks at. What is to be kept is copied over, once it is complete. Never touches the repository's references.
import { link, mkdir, mkdtemp, readdir, rm, writeFile, copyFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { freezeGitFolder } from './frozen.ts';
import { hasPlainLayout } from './repository.ts';

export interface Quarantine {
  /** Holds everything of this quarantine. */
  readonly folder: string;
  readonly objects: string;
  /** Environment in which git works on the repository, but writes objects here. */
  readonly env: Readonly<Record<string, string>>;
  /** As `env`, but with references and settings of its own: for commands that cannot do without moving a reference. */
  readonly privateEnv: Readonly<Record<string, string>>;
  /** Gives the repository every object that was made here since the last time. */
  release(): Promise<void>;
  /** The next `release` gives everything again. */
  forget(): void;
  /** Deletes the folder. */
  dispose(): Promise<void>;
}

/** A git folder with the configuration of a moment, by the variables that make git use it. */
export interface FrozenView {
  readonly env: Readonly<Record<string, string>>;
  dispose(): Promise<void>;
}

/** The configuration as it is now: what agents write into it from now on is not read by merges that are given this. */
export async function freezeView(repo: Repository): Promise<FrozenView> {
  if (!(await hasPlainLayout(repo))) return { env: {}, dispose: async () => await Promise.resolve() };
  const folder = await ownFolder(repo);
  // A partial clone fetches what it needs, from where the user said.
  const { GIT_OBJECT_DIRECTORY: _objects, GIT_NO_LAZY_FETCH: _never, ...env } = await freezeGitFolder(repo, folder);
  return { env, dispose: async () => { await rm(folder, { recursive: true, force: true }); } };
}

async function ownFolder(repo: Repository): Promise<string> {
  const home = path.join(repo.commonDir, 'orch', 'tmp');
  await mkdir(home, { recursive: true });
  await clearDead(home);
  return await mkdtemp(path.join(home, `merge-${os.hostname()}-${process.pid}-`));
}

/** A new quarantine below `<common>/orch/tmp`, with the repository's configuration or that of a view. */
export async function openQuarantine(repo: Repository, view: FrozenView | null = null): Promise<Quarantine> {
  const folder = await ownFolder(repo);
  const objects = path.join(folder, 'objects');
  const theirs = path.join(repo.commonDir, 'objects');
  const empty = path.join(folder, 'empty');
  await Promise.all([mkdir(path.join(objects, 'info'), { recursive: true }), mkdir(path.join(objects, 'pack'), { recursive: true }), mkdir(path.join(folder, 'refs')), mkdir(empty)]);
  const format = repo.objectFormat === 'sha1' ? '[core]\n\trepositoryformatversion = 0\n\tbare = true\n' : '[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n';
  await Promise.all([
    writeFile(path.join(folder, 'HEAD'), 'ref: refs/heads/none\n'),
    writeFile(path.join(folder, 'config'), format),
    writeFile(path.join(objects, 'info', 'alternates'), `${quoted(theirs)}\n`),
  ]);
  const base = gitEnvironment([['core.sparseCheckout', 'false']]);
  const env = { ...base, GIT_DIR: repo.commonDir, ...view?.env, GIT_WORK_TREE: empty, GIT_INDEX_FILE: path.join(folder, 'no-index'), GIT_OBJECT_DIRECTORY: objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(theirs) };
  const released = new Set<string>();
  return {
    folder, objects, env,
    privateEnv: { ...base, GIT_DIR: folder },
    release: () => release(objects, theirs, released),
    forget: () => released.clear(),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What processes of this machine that are no more have left. Everything in it that was of use has been released. */
async function clearDead(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const [, host, pid] = /^merge-(.*)-(\d+)-[^-]+$/.exec(name) ?? [];
    if (host === os.hostname() && !isAlive(Number(pid))) await rm(path.join(home, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** A path in a list of folders of objects, as git reads it: it may have colons, line feeds and quotes. */
export function quoted(file: string): string {
  return `"${file.replaceAll(/["\\]/g, (c) => `\\${c}`).replaceAll('\n', '\\n')}"`;
}

/** Hard links, so that what was made here stays complete for the merges that build on it. An index comes after its pack. */
async function release(from: string, to: string, released: Set<string>): Promise<void> {
  const loose: string[] = [];
  const packs: string[] = [];
  for (const name of await readdir(from)) {
    if (name === 'info') continue;
    const files = (await readdir(path.join(from, name))).map((file) => path.join(name, file)).filter((file) => !released.has(file) && !/(?:^|\/)tmp_/.test(file));
    (name === 'pack' ? packs : loose).push(...files);
  }
  const folders = new Set([...loose, ...packs].map((file) => path.dirname(file)));
  await Promise.all([...folders].map((folder) => mkdir(path.join(to, folder), { recursive: true })));
  const give = async (file: string): Promise<void> => {
    await linkOrCopy(path.join(from, file), path.join(to, file));
    released.add(file);
  };
  await Promise.all(packs.filter((file) => !file.endsWith('.idx')).map(give));
  await Promise.all(packs.filter((file) => file.endsWith('.idx')).map(give));
  await Promise.all(loose.map(give));
}

/** Gives a file of objects another place; one of that name has that content. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The same name is the same content.
    if (code === 'EEXIST') return;
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error;
    await copyFile(from, to);
  }
}
