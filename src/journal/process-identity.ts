// Which process this is and whether another one still lives, told apart from a later process with the same number.
// Reads /proc, or asks `ps` where there is none. Never signals anything.
import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { kill, pid, platform } from 'node:process';
import { promisify } from 'node:util';
import { errnoOf } from './journal-error.ts';

/** A process for all time and all machines; null where the system does not say. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In the system's own notation; equal for the same process, different for a successor with its pid. */
  readonly startTime: string | null;
  /** Changes with every boot of the machine. */
  readonly bootId: string | null;
  readonly host: string;
  /** Pids mean nothing outside of this. */
  readonly pidNamespace: string | null;
}

/** What can be said of a process from here; `foreign` = nothing. */
export type Liveness = 'alive' | 'dead' | 'foreign';

const GONE = Symbol('gone');
const run = promisify(execFile);

/** The identity of this process. */
export async function loadIdentity(): Promise<ProcessIdentity> {
  const [startTime, bootId, pidNamespace] = await Promise.all([loadStartTime(pid), loadBootId(), readlink('/proc/self/ns/pid').catch(() => null)]);
  return { pid, startTime: startTime === GONE ? null : startTime, bootId, host: hostname(), pidNamespace };
}

/** Judges another process. A stopped one is alive; one of an earlier boot, or a zombie, is dead. */
export async function loadLiveness(other: ProcessIdentity, self: ProcessIdentity): Promise<Liveness> {
  const sameBoot = other.bootId !== null && other.bootId === self.bootId;
  // The boot id names the machine better than a host name does, which changes with the network.
  if (!sameBoot && other.host !== self.host) return 'foreign';
  if (!sameBoot && other.bootId !== null && self.bootId !== null) return 'dead';
  if (other.pidNamespace !== self.pidNamespace) return 'foreign';
  if (!isProcessThere(other.pid)) return 'dead';
  const startTime = await loadStartTime(other.pid);
  if (startTime === GONE) return 'dead';
  return startTime === null || other.startTime === null || startTime === other.startTime ? 'alive' : 'dead';
}

/** Whether a process of this number is there. One of another user counts: it cannot be signalled, but it is there. */
export function isProcessThere(other: number): boolean {
  try {
    kill(other, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

/** GONE = it has ended; null = the system hides it. */
async function loadStartTime(of: number): Promise<string | null | typeof GONE> {
  if (platform !== 'linux') return await psStartTime(of);
  try {
    const text = await readFile(`/proc/${of}/stat`, 'latin1');
    // The second field is the program's name, which may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? GONE : (startTime ?? null);
  } catch (error) {
    // It may end between one question and the next.
    return ['ENOENT', 'ESRCH'].includes(errnoOf(error)) ? GONE : null;
  }
}

async function psStartTime(of: number): Promise<string | null | typeof GONE> {
  try {
    // Fixed language and zone: the answer is compared as text.
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(of)], { env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' } });
    const [, state, startTime] = /^\s*(\S+)\s+(\S.*?)\s*$/m.exec(stdout) ?? [];
    if (startTime === undefined) return null;
    return state?.startsWith('Z') === true ? GONE : startTime;
  } catch {
    return null;
  }
}

async function loadBootId(): Promise<string | null> {
  try {
    if (platform === 'linux') return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
    return (await run('sysctl', ['-n', 'kern.bootsessionuuid'], { env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' } })).stdout.trim() || null;
  } catch {
    return null;
  }
}
