// Which runs there are and how far they came, from the two ends of their journals: cheap for a thousand runs. Read-only,
// and without checking what is in between; `loadRun` does that.
import { open, readdir, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import pLimit from 'p-limit';
import { EXIT, OrchError } from '../errors.ts';
import { nearest } from '../lib/nearest.ts';
import type { RunId } from '../plan/plan.ts';
import type { Instant, RunEvent } from '../run/events.ts';
import { errnoOf, unreadable } from './journal-error.ts';
import { decodeLine } from './line.ts';
import { loadHolder } from './lock.ts';
import type { Holder } from './lock.ts';
import { isRunId, runPaths, runsDir } from './run-paths.ts';
import { FORMAT, segmentEpochs, segmentFile } from './segment.ts';

/** One line of `orch runs`. */
export interface RunSummary {
  readonly run: RunId;
  readonly dir: string;
  /** `empty` = stopped before its first event; `unreadable` = damaged, or of a later orch. */
  readonly state: 'empty' | 'unfinished' | 'finished' | 'unreadable';
  /** Of a finished run. */
  readonly exitCode: number | null;
  readonly name: string | null;
  /** How many the plan has. */
  readonly tasks: number | null;
  readonly startedAt: Instant | null;
  /** When its last event was recorded. */
  readonly lastEventAt: Instant | null;
  /** When its records were last written, by the file system's clock. */
  readonly changedAt: Instant;
  /** Who is working on it; looked up for unfinished runs only. */
  readonly holder: Holder | null;
}

const OPEN_AT_ONCE = 16;
const END_BYTES = 16 * 1024;

/** All runs of a repository, the one that was last written first; none when orch was never used in it. */
export async function listRuns(commonDir: string): Promise<RunSummary[]> {
  const limit = pLimit(OPEN_AT_ONCE);
  const names = await loadRunNames(commonDir);
  const found = await limit.map(names, (run) => loadSummary(run, runPaths(commonDir, run).dir));
  return found.filter((summary) => summary !== null).sort(byLastChange);
}

/** The run that was last written, or null. */
export async function latestRun(commonDir: string): Promise<RunSummary | null> {
  return (await listRuns(commonDir))[0] ?? null;
}

/** The id that a person means: the latest run, an exact id, or an unambiguous beginning of one. Throws with exit 2. */
export async function resolveRun(commonDir: string, wanted: string | undefined): Promise<RunId> {
  if (wanted === undefined) {
    const latest = await latestRun(commonDir);
    if (latest === null) throw noSuchRun('there is no run in this repository', 'start one with: orch run');
    return latest.run;
  }
  const names = await loadRunNames(commonDir);
  if (names.includes(wanted)) return wanted;
  const matches = names.filter((name) => wanted !== '' && name.startsWith(wanted));
  const [only, ...others] = matches;
  if (only === undefined) {
    const meant = nearest(wanted, names);
    throw noSuchRun(`there is no run ${JSON.stringify(wanted)}`, meant === undefined ? 'see them all with: orch runs' : `did you mean ${meant}?`);
  }
  if (others.length > 0) throw noSuchRun(`${JSON.stringify(wanted)} may be any of ${shortened(matches)}`, 'say more of its name');
  return only;
}

function shortened(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

/** The ids of all runs of a repository, in no order. */
export async function loadRunNames(commonDir: string): Promise<RunId[]> {
  try {
    return (await readdir(runsDir(commonDir))).filter(isRunId);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw unreadable(runsDir(commonDir), error);
  }
}

function byLastChange(a: RunSummary, b: RunSummary): number {
  return b.changedAt - a.changedAt || (a.run < b.run ? 1 : -1);
}

/** null = removed meanwhile, or no folder. */
async function loadSummary(run: RunId, dir: string): Promise<RunSummary | null> {
  const blank = { run, dir, exitCode: null, name: null, tasks: null, startedAt: null, lastEventAt: null, holder: null };
  try {
    const epochs = segmentEpochs(await readdir(dir));
    const { first, last, changedAt } = await loadEnds(dir, epochs);
    const at = changedAt ?? (await stat(dir)).mtimeMs;
    if (last !== null && (first?.type !== 'run-started' || last.v > FORMAT)) return { ...blank, state: 'unreadable', changedAt: at };
    const finished = last?.type === 'run-finished' ? last : null;
    return {
      ...blank,
      ...(first?.type === 'run-started' ? { name: first.name, tasks: first.tasks, startedAt: first.at } : {}),
      state: last === null ? 'empty' : finished === null ? 'unfinished' : 'finished',
      exitCode: finished?.exitCode ?? null,
      lastEventAt: last?.at ?? null,
      changedAt: at,
      holder: finished === null ? await loadHolder(dir) : null,
    };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null;
    return { ...blank, state: 'unreadable', changedAt: 0 };
  }
}

interface Ends {
  readonly first: RunEvent | null;
  readonly last: RunEvent | null;
  readonly changedAt: Instant | null;
}

/** The newest epoch that has an event gives the last one, the oldest that has one the first; mostly both are the same file. */
async function loadEnds(dir: string, epochs: readonly number[]): Promise<Ends> {
  let changedAt: Instant | null = null;
  let last: RunEvent | null = null;
  let first: RunEvent | null = null;
  for (const epoch of epochs.toReversed()) {
    const handle = await open(segmentFile(dir, epoch), 'r');
    try {
      const { mtimeMs, size } = await handle.stat();
      changedAt ??= mtimeMs;
      last ??= await loadLastEvent(handle, size);
      first = parseEvent((await loadLines(handle, 0, END_BYTES))[1]) ?? first;
    } finally {
      await handle.close();
    }
  }
  return { first, last, changedAt };
}

async function loadLastEvent(handle: FileHandle, size: number): Promise<RunEvent | null> {
  for (let length = END_BYTES; ; length *= 8) {
    const start = Math.max(0, size - length);
    const lines = await loadLines(handle, start, size - start);
    for (const line of lines.toReversed()) {
      const event = parseEvent(line);
      if (event !== null) return event;
    }
    if (start === 0) return null;
  }
}

async function loadLines(handle: FileHandle, start: number, length: number): Promise<Buffer[]> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, start);
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = buffer.indexOf(0x0a); at >= 0 && at < bytesRead; at = buffer.indexOf(0x0a, from)) {
    lines.push(buffer.subarray(from, at));
    from = at + 1;
  }
  return lines;
}

/** null = not an event: the header, a torn line, or the second half of one. */
function parseEvent(line: Buffer | undefined): RunEvent | null {
  const json = line === undefined ? null : decodeLine(line);
  if (json === null) return null;
  const event = JSON.parse(json) as Partial<RunEvent>;
  return typeof event.seq === 'number' ? (event as RunEvent) : null;
}

function noSuchRun(message: string, hint: string): OrchError {
  return new OrchError({ code: 'no-such-run', message, hint, exitCode: EXIT.usage });
}
