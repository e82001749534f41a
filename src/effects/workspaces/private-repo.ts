// The repository that processes in a sandbox have in the place of the user's: at the same path, with settings, references,
// index and new objects of its own, and the user's objects and hooks to read. Everything in it is theirs to change; what
// is to last is taken over by reclaim.ts. Changes nothing of the user's repository.
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crashPoint } from '../../lib/crash-point.ts';
import type { GitMounts, Mount, Repository } from '../effects.ts';
import { gitEnvironment } from '../git/environment.ts';
import { configText } from '../git/frozen.ts';
import { quoted } from '../git/merge-quarantine.ts';
import { requireGit } from '../git/plumbing.ts';
import { textOf } from '../small-file.ts';
import { copyAdmin } from './admin-copy.ts';

export interface PrivateRepository {
  /** Holds all of it. */
  readonly folder: string;
  /** What stands at the common folder's path in the sandbox. */
  readonly git: string;
  /** Its references as they were in the beginning, as `packed-refs`; out of the agent's reach. */
  readonly before: string;
}

export interface PrivateRequest {
  readonly repo: Repository;
  readonly worktree: string;
  /** The worktree's administrative folder. */
  readonly admin: string;
  /** The one branch of orch's that is in it; null = none. */
  readonly branch: string | null;
  /** Added to the environment of git. */
  readonly env: Readonly<Record<string, string>>;
}

/** The private repository that is, or may be made, in a folder. */
export function privateAt(folder: string): PrivateRepository {
  return { folder, git: path.join(folder, 'git'), before: path.join(folder, 'before') };
}

// A name that no part of a repository has.
const BORROWED = 'borrowed';
/** Where git keeps the repositories of a worktree's submodules, in its administrative folder. */
export const MODULES = 'modules';

/** Makes one, whole or not at all, unless there is one already; returns how a sandbox has it. */
export async function openPrivate(at: PrivateRepository, request: PrivateRequest): Promise<GitMounts> {
  if (!existsSync(at.folder)) await make(at, request);
  const { repo: { commonDir }, worktree, admin } = request;
  const own = (name: string): string => path.join(commonDir, name);
  const visible = [...lendersOf(own('objects')), own('hooks')].filter((folder) => existsSync(folder));
  return {
    before: [
      { kind: 'write', path: at.git, at: commonDir },
      { kind: 'read', path: own('objects'), at: own(BORROWED) },
      ...visible.map((folder): Mount => ({ kind: 'read', path: folder })),
      // What was fetched once is not fetched again.
      ...[path.join(admin, MODULES)].filter(existsSync).map((folder): Mount => ({ kind: 'write', path: folder })),
    ],
    after: [{ kind: 'read', path: path.join(worktree, '.git') }],
  };
}

/** One for a working tree that is no task's: nothing that is done in it counts, and it begins anew each time. */
export async function openThrowaway(folder: string, request: Omit<PrivateRequest, 'admin' | 'branch'>): Promise<GitMounts> {
  const admin = /^gitdir: (.+)$/m.exec(textOf(path.join(request.worktree, '.git')) ?? '')?.[1];
  if (admin === undefined) throw new Error(`${request.worktree} is not a linked worktree`);
  const at = privateAt(folder);
  discardPrivate(at);
  return await openPrivate(at, { ...request, admin, branch: null });
}

/** Sees that this user can read and remove everything in a folder, whatever an agent made of its permissions. Follows no link. */
export function openUp(folder: string): void {
  const info = lstatSync(folder);
  if (info.isSymbolicLink()) return;
  const wanted = info.isDirectory() ? 0o700 : 0o400;
  if ((info.mode & wanted) !== wanted) chmodSync(folder, info.mode | wanted);
  if (info.isDirectory()) for (const name of readdirSync(folder)) openUp(path.join(folder, name));
}

/** Throws it away; nothing of it is half there at any time. */
export function discardPrivate({ folder }: PrivateRepository): void {
  removeAll(`${folder}.old`);
  if (!existsSync(folder)) return;
  renameSync(folder, `${folder}.old`);
  crashPoint('private-discarded');
  removeAll(`${folder}.old`);
}

function removeAll(folder: string): void {
  if (!existsSync(folder)) return;
  openUp(folder);
  rmSync(folder, { recursive: true });
}

async function make(at: PrivateRepository, request: PrivateRequest): Promise<void> {
  const { repo, admin } = request;
  const [refs, config] = await Promise.all([refsFor(request), configFor(request)]);
  const made = privateAt(`${at.folder}.new`);
  rmSync(made.folder, { recursive: true, force: true });
  const inside = (name: string): string => path.join(made.git, name);
  for (const name of ['objects/info', 'objects/pack', 'refs/heads', 'info', 'hooks', BORROWED]) mkdirSync(inside(name), { recursive: true });
  mkdirSync(made.before);
  for (const file of [inside('packed-refs'), path.join(made.before, 'packed-refs')]) writeFileSync(file, refs);
  const borrowed = [path.join(repo.commonDir, BORROWED), ...lendersOf(path.join(repo.commonDir, 'objects'))];
  writeFileSync(inside('objects/info/alternates'), borrowed.map((folder) => `${quoted(folder)}\n`).join(''));
  writeFileSync(inside('config'), config);
  for (const name of ['HEAD', 'shallow', 'info/exclude', 'info/attributes']) copyIfThere(path.join(repo.commonDir, name), inside(name));
  await copyAdmin(admin, inside(path.join('worktrees', path.basename(admin))), new Set(['locked', MODULES]));
  renameSync(made.folder, at.folder);
  crashPoint('private-made');
}

/** `packed-refs` of everything but what other tasks, other runs and the user's stash have. */
async function refsFor({ repo, branch, env }: PrivateRequest): Promise<string> {
  const call = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir, ...env } };
  const listed = await requireGit(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags', 'refs/remotes', 'refs/notes', 'refs/replace'], call);
  const lines = listed.toString('utf8').split('\n');
  const shown = lines.filter((line) => line !== '' && (!line.includes(' refs/heads/orch/') || line.endsWith(` refs/heads/${branch ?? ''}`)));
  return `# pack-refs with: sorted\n${shown.map((line) => `${line}\n`).join('')}`;
}

/** What ties a configuration to a place, or to how references are kept. */
const TIES = /^(core\.(worktree|bare|sparsecheckout|sparsecheckoutcone|fsmonitor)|extensions\.(worktreeconfig|refstorage)|include\.|includeif\.)/i;
/** What grants access: a sandbox has the one credential that was named. */
const SECRETS = /^(credential\.|http\.(.+\.)?(extraheader|cookiefile|sslkey|sslcert|proxy)|url\.|sendemail\.)/i;
/** What makes commits the user's, and files the same, wherever it is set. */
const PERSONAL = /^(user\.(name|email)|core\.(autocrlf|eol|safecrlf))$/i;

/** The repository's own settings without secrets, and of the user's others who they are. */
async function configFor({ repo, env }: PrivateRequest): Promise<string> {
  const listed = await requireGit(['config', '--list', '-z', '--show-scope', '--includes'], { cwd: repo.topLevel ?? repo.commonDir, env: { ...gitEnvironment(), ...env } });
  return configText(listed.toString('utf8').replaceAll(/:\/\/[^/@\s\0]*@/g, '://'), isForSandbox);
}

function isForSandbox(scope: string, key: string): boolean {
  return scope === 'local' || scope === 'worktree' ? !TIES.test(key) && !SECRETS.test(key) : PERSONAL.test(key);
}

/** Folders of objects that a folder of objects borrows from, and those that they borrow from. */
function lendersOf(objects: string, known: ReadonlySet<string> = new Set([objects])): string[] {
  const lines = (textOf(path.join(objects, 'info/alternates')) ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const direct = lines.map((line) => path.resolve(objects, line)).filter((folder) => existsSync(folder) && !known.has(folder));
  const seen = new Set([...known, ...direct]);
  return [...new Set([...direct, ...direct.flatMap((folder) => lendersOf(folder, seen))])];
}

function copyIfThere(from: string, to: string): void {
  if (existsSync(from)) copyFileSync(from, to);
}
