// `isolation: sandbox`: which files a task sees, made into the command line of bubblewrap, and whether that works here.
// Never falls back to less: what cannot be had is refused.
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, lstatSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isSecretName } from '../lib/redact.ts';
import type { Clock, GitMounts, Mount, Sandbox } from './effects.ts';
import { createProcesses } from './processes.ts';
import type { Contained, Containment } from './processes/containment.ts';
import { namespaceContainment } from './processes/namespaces.ts';
import { createTable } from './processes/table.ts';
import { findTools, type Tools } from './processes/tools.ts';

/** The one secret that a task gets. A file appears in the private home where it is in the real one, read-only. */
export type Credential = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'variable'; readonly name: string };

export interface SandboxRequest {
  /** The task's working tree: writable. */
  readonly worktree: string;
  readonly git: GitMounts;
  /** A folder of the task's own, outside the working tree: its home and its /tmp are made in it. */
  readonly scratch: string;
  readonly network: 'on' | 'none';
  readonly credential: Credential | null;
  /** Further files or folders, e.g. where an agent is installed. */
  readonly read: readonly string[];
  /** Further folders, e.g. that of `$ORCH_OUTPUT`. */
  readonly write: readonly string[];
  /** Files within those that are nobody's to write, whether they exist or not. */
  readonly sealed: readonly string[];
}

/** The sandbox of one task. */
export function sandboxFor(request: SandboxRequest): Sandbox {
  const { worktree, credential } = request;
  const home = path.join(request.scratch, 'home');
  const tmp = path.join(request.scratch, 'tmp');
  for (const folder of [home, tmp]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    mounts: [
      ...request.read.map((file): Mount => ({ kind: 'read', path: file })),
      ...request.git.before,
      { kind: 'write', path: worktree },
      ...request.git.after,
      ...request.write.map((file): Mount => ({ kind: 'write', path: file })),
      ...request.sealed.map((file): Mount => ({ kind: 'read', path: existsSync(file) ? file : '/dev/null', at: file })),
      ...(credential?.kind === 'file' ? [credentialMount(credential.path, home)] : []),
    ],
    network: request.network, home, tmp,
    secretVariable: credential?.kind === 'variable' ? credential.name : null,
  };
}

function credentialMount(file: string, home: string): Mount {
  const inHome = path.relative(os.homedir(), file);
  if (inHome.startsWith('..') || path.isAbsolute(inHome)) return { kind: 'read', path: file };
  return { kind: 'read', path: file, at: path.join(home, inHome) };
}

// Programs, and what programs need to find names, hosts and certificates. Nothing of it is secret.
const SYSTEM = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const ETC = [
  'alternatives', 'ca-certificates', 'ca-certificates.conf', 'group', 'host.conf', 'hosts', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'localtime',
  'mime.types', 'nsswitch.conf', 'os-release', 'passwd', 'pki', 'protocols', 'resolv.conf', 'services', 'ssl', 'timezone',
].map((name) => `/etc/${name}`);

/** The command line of bubblewrap up to where the program's begins. */
export function sandboxCommand(bwrap: string, { sandbox, env, cwd }: { readonly sandbox: Sandbox; readonly env: Contained['env']; readonly cwd: string }): readonly string[] {
  const system = SYSTEM.filter(existsSync).flatMap((folder) => (lstatSync(folder).isSymbolicLink() ? ['--symlink', readlinkSync(folder), folder] : ['--ro-bind', folder, folder]));
  return [
    bwrap, '--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', ...(sandbox.network === 'none' ? ['--unshare-net'] : []),
    '--as-pid-1', '--die-with-parent', '--cap-drop', 'ALL',
    '--ro-bind', '/usr', '/usr', ...system, ...ETC.flatMap((file) => ['--ro-bind-try', file, file]), '--ro-bind-try', '/nix/store', '/nix/store',
    '--proc', '/proc', '--dev', '/dev', '--bind', sandbox.tmp, '/tmp',
    ...programFolders(env['PATH'] ?? '').flatMap((folder) => ['--ro-bind', folder, folder]),
    '--bind', sandbox.home, sandbox.home,
    ...sandbox.mounts.flatMap(mountArguments),
    // Folders that exist only because something is mounted below them: a write there would seem to work, and be lost.
    '--remount-ro', '/',
    '--chdir', cwd, '--',
  ];
}

function mountArguments(mount: Mount): readonly string[] {
  return [mount.kind === 'read' ? '--ro-bind' : '--bind', mount.path, mount.at ?? mount.path];
}

/** Folders of programs outside the system's own, with the libraries that npm keeps beside them; never a home itself. */
function programFolders(searchPath: string): readonly string[] {
  const home = os.homedir();
  const folders = searchPath.split(':').filter((folder) => path.isAbsolute(folder)).map((folder) => path.normalize(folder));
  const outside = folders.filter((folder) => !isWithin(folder, '/usr') && !SYSTEM.includes(folder) && !isWithin(home, folder) && !isWithin('/tmp', folder));
  return [...new Set(outside.flatMap((folder) => [folder, path.join(folder, '../lib/node_modules')]))].filter((folder) => existsSync(folder) && !isWithin(home, realpathSync(folder)));
}

function isWithin(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

/** The environment inside: a private home, and no secret but the one that was named. */
export function sandboxEnvironment(sandbox: Sandbox, env: Contained['env']): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => name === sandbox.secretVariable || !(isSecretName(name) || name.startsWith('XDG_') || name === 'SSH_AUTH_SOCK'));
  return { ...Object.fromEntries(kept), HOME: sandbox.home, TMPDIR: '/tmp', GIT_CONFIG_NOSYSTEM: '1' };
}

/** The sandbox as this machine has it: what `createProcesses` takes, or in one line why it does not work. */
export type SandboxReport = { readonly containment: Containment; readonly reason: null } | { readonly containment: null; readonly reason: string };

function sandboxOf(contained: Contained): Sandbox {
  if (contained.sandbox === null) throw new Error('a sandbox was to be made without saying what it holds');
  return contained.sandbox;
}

function sandboxContainment(bwrap: string, tools: Tools): Containment {
  return namespaceContainment({
    table: createTable(), tools, tier: 1,
    start: (contained) => sandboxCommand(bwrap, { sandbox: sandboxOf(contained), env: contained.env, cwd: contained.cwd }),
    environment: (contained) => sandboxEnvironment(sandboxOf(contained), contained.env),
  });
}

const PROBE_CODE = 77;
const PROBE_TIMEOUT_MS = 5000;

/** Tries the sandbox with a real program: it must write where it may, and must not see or write where it may not. */
export async function probeSandbox(clock: Clock, tools: Tools = findTools()): Promise<SandboxReport> {
  if (tools.bwrap === null) return { containment: null, reason: 'bwrap is not installed (install bubblewrap)' };
  const containment = sandboxContainment(tools.bwrap, tools);
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'orch-sandbox-'));
  try {
    const worktree = path.join(scratch, 'worktree');
    const hidden = path.join(scratch, 'hidden');
    for (const folder of [worktree, hidden]) mkdirSync(folder);
    const sandbox = sandboxFor({ worktree, git: { before: [], after: [] }, scratch, network: 'none', credential: null, read: [], write: [], sealed: [] });
    const script = `touch probe || exit 1; test ! -e ${hidden} || exit 2; touch /usr/orch-probe 2>/dev/null && exit 3; exit ${PROBE_CODE}`;
    const { exit } = await createProcesses({ clock, sandbox: containment }).run({
      command: '/bin/sh', args: ['-c', script], cwd: worktree, env: { PATH: '/usr/bin:/bin' }, sandbox,
      stdin: null, timeoutMs: PROBE_TIMEOUT_MS, idleTimeoutMs: null, graceMs: 0, logFile: null,
    });
    if (exit.kind === 'spawn-error') return { containment: null, reason: exit.message };
    if (exit.kind !== 'code' || exit.code !== PROBE_CODE) return { containment: null, reason: `a trial run ended otherwise than it should: ${JSON.stringify(exit)}` };
    return { containment, reason: null };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
