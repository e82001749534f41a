// The processes of this machine, as /proc or `ps` shows them. Reads only; decides nothing.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { execFile, execFileSync } from 'node:child_process';
import { codeOf } from './spawn-error.ts';

/** A living process (zombies are left out). */
export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  /** Session; the group where the system does not tell. */
  readonly sid: number;
  /** When it started, in the table's own unit: with the pid it names a process for ever, although pids are reused. */
  readonly start: number;
}

/** A process that was started by us, and how long ago in real milliseconds. */
export interface Birth {
  readonly pid: number;
  readonly elapsedMs: number;
}

export interface ProcessTable {
  /**
   * Who is alive at some moment after the call; calls that come before that moment are given the same array. With `since`,
   * those born before that process may be missing.
   */
  rows(since: Birth | null): Promise<readonly ProcessRow[]>;
  /** The environment that a process was started with, as `\0A=1\0B=2\0`; null = not ours to read, or gone. */
  environ(pid: number): string | null;
  /** When a child that was just spawned started. */
  startOf(pid: number): number;
  /** Whether the pid still belongs to this process; asked right before a signal is sent. */
  isStill(row: ProcessRow): boolean;
  /** Whether two start times may be of one process. */
  isSameStart(a: number, b: number): boolean;
  /** The process belongs to the user that runs orch. */
  isOwn(pid: number): boolean;
  /** Something that changes when any process is born; null = the system does not tell. */
  births(): string | null;
  /** What names this boot of this machine: pids and start times of another one mean nothing here. */
  bootId(): string;
}

/** The table that this system has. */
export function createTable(): ProcessTable {
  return existsSync('/proc/self/stat') ? procTable() : psTable();
}

const buffer = Buffer.allocUnsafe(4096);
let spare: number | null = null;

/** Reads with a file descriptor kept in reserve: whoever has run out of them must still be able to find what to stop. */
function withReserve<T>(read: () => T): T {
  try {
    spare ??= openSync('/dev/null', 'r');
    return read();
  } catch (error) {
    if (spare === null || !['EMFILE', 'ENFILE'].includes(codeOf(error))) throw error;
    closeSync(spare);
    spare = null;
    return read();
  }
}

/** Three calls and no allocation: this runs for each process of the machine whenever a task ends. */
function readSmall(path: string): string | null {
  let fd: number;
  try {
    fd = withReserve(() => openSync(path, 'r'));
  } catch {
    return null;
  }
  try {
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

function procRow(pid: number): ProcessRow | null {
  const stat = readSmall(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The program's name is in parentheses and may contain anything, also parentheses and spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20);
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return { pid, ppid: Number(fields[1]), pgid: Number(fields[2]), sid: Number(fields[3]), start: Number(fields[19]) };
}

// More than any machine forks; pids are given out in turn, so in a shorter time than it takes to give out half of them
// a descendant's pid lies between its ancestor's and the latest one.
const PIDS_PER_MS = 100;
const pidMax = (): number => Number(readSmall('/proc/sys/kernel/pid_max') ?? 0);
const latestPid = (): string | null => readSmall('/proc/loadavg')?.trim().split(' ')[4] ?? null;

/** Whether a pid can be that of a descendant; asked after the pids were listed, or the latest one would be too early. */
function descendants(since: Birth | null): (pid: number) => boolean {
  const latest = Number(latestPid() ?? 0);
  if (since === null || latest === 0 || since.elapsedMs * PIDS_PER_MS > pidMax() / 2) return () => true;
  const { pid: first } = since;
  return first <= latest ? (pid) => pid >= first && pid <= latest : (pid) => pid >= first || pid <= latest;
}

/** Joins the calls of one turn of the event loop; a call that comes while a look is under way gets the next one. */
function joined(take: (sinces: readonly (Birth | null)[]) => readonly ProcessRow[] | Promise<readonly ProcessRow[]>): ProcessTable['rows'] {
  let next: { readonly rows: Promise<readonly ProcessRow[]>; readonly sinces: (Birth | null)[] } | null = null;
  return (since) => {
    if (next === null) {
      const sinces: (Birth | null)[] = [];
      const rows = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        next = null;
        return take(sinces);
      });
      next = { rows, sinces };
    }
    next.sinces.push(since);
    return next.rows;
  };
}

function procRows(sinces: readonly (Birth | null)[]): readonly ProcessRow[] {
  const pids = withReserve(() => readdirSync('/proc')).map(Number).filter((pid) => pid > 0);
  const mayDescend = sinces.map(descendants);
  return pids.filter((pid) => mayDescend.some((may) => may(pid))).map(procRow).filter((row) => row !== null);
}

function procTable(): ProcessTable {
  return {
    rows: joined(procRows),
    environ(pid) {
      try {
        return `\0${withReserve(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))}`;
      } catch {
        return null;
      }
    },
    startOf(pid) {
      const stat = readSmall(`/proc/${pid}/stat`) ?? '';
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20)[19] ?? 0);
    },
    isStill: (row) => procRow(row.pid)?.start === row.start,
    isSameStart: (a, b) => a === b,
    isOwn(pid) {
      try {
        return statSync(`/proc/${pid}`).uid === process.getuid?.();
      } catch {
        return false;
      }
    },
    births: latestPid,
    bootId: () => readSmall('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
  };
}

/** Reads one line of `ps axeww -o pid=,ppid=,pgid=,uid=,stat=,lstart=,command=`, where the command is followed by the environment. */
export function psRow(line: string): (ProcessRow & { readonly uid: number; readonly words: string }) | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
  if (match === null || (match[5] ?? '').startsWith('Z')) return null;
  const pgid = Number(match[3]);
  const start = Date.parse(`${match[6] ?? ''} UTC`) / 1000;
  return { pid: Number(match[1]), ppid: Number(match[2]), pgid, sid: pgid, start, uid: Number(match[4]), words: match[7] ?? '' };
}

/** For systems without /proc (macOS, BSD): one `ps` for each look, start times to the second. */
export function psTable(): ProcessTable {
  let boot: string | null = null;
  let latest = new Map<number, { readonly uid: number; readonly words: string }>();
  const rows = joined(async (): Promise<readonly ProcessRow[]> => {
    const listed: ProcessRow[] = [];
    const next: typeof latest = new Map();
    for (const line of (await ps()).split('\n')) {
      const row = psRow(line);
      if (row === null) continue;
      listed.push({ pid: row.pid, ppid: row.ppid, pgid: row.pgid, sid: row.sid, start: row.start });
      next.set(row.pid, row);
    }
    latest = next;
    return listed;
  });
  return {
    rows,
    environ: (pid) => {
      const words = latest.get(pid)?.words;
      // A value may have spaces in it.
      return words === undefined ? null : `\0${words.split(/ (?=[A-Za-z_]\w*=)/).slice(1).join('\0')}\0`;
    },
    // ps derives start times from the time of boot, rounded: a second or two early or late.
    startOf: () => Math.floor(Date.now() / 1000) - 2,
    isStill: () => true,
    isSameStart: (a, b) => Math.abs(a - b) <= 4,
    isOwn: (pid) => latest.get(pid)?.uid === process.getuid?.(),
    births: () => null,
    bootId() {
      try {
        return (boot ??= execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim());
      } catch {
        // Unknown: no record of an earlier orch is believed, markers are.
        return (boot ??= `unknown-${process.pid}-${Date.now()}`);
      }
    },
  };
}

function ps(): Promise<string> {
  const args = ['axeww', '-o', 'pid=,ppid=,pgid=,uid=,stat=,lstart=,command='];
  return new Promise((resolve) => {
    execFile('ps', args, { env: { PATH: process.env['PATH'] ?? '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => {
      resolve(stdout);
    });
  });
}
