// One file of a journal, `journal.<epoch>.ndjson`: its name, its header, and a reader that streams it and believes
// nothing unchecked. Never writes.
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Fact, RunEvent } from '../run/events.ts';
import { corrupt, errnoOf, newer } from './journal-error.ts';
import type { Place } from './journal-error.ts';
import { decodeLine } from './line.ts';
import { forEachLine } from './lines.ts';

/** What this orch writes; a reader refuses anything higher. */
export const FORMAT = 1;

/**
 * First line of each segment. `after` is the last event that its writer had read: whatever an earlier epoch holds beyond
 * it came from a writer that no longer had the lock, and does not count.
 */
export interface Header {
  readonly v: number;
  readonly type: 'journal';
  readonly epoch: number;
  readonly after: Position | null;
  /** Program and version, e.g. `orch 0.1.0`. */
  readonly writer: string;
}

/** An event in the chain of segments: `seq` as read through `epoch`, which may itself hold none of them. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

/** What reading a segment found besides events. */
export interface SegmentEnd {
  /** Bytes that are whole, checked lines. */
  readonly goodBytes: number;
  /** Bytes in the file; what is beyond `goodBytes` is a torn tail. */
  readonly size: number;
  /** Sequence number of the last event of the chain, as far as read. */
  readonly lastSeq: number;
}

// A type that is missing here would be refused as newer; the compiler asks for it.
const KNOWN: Readonly<Record<Fact['type'], true>> = {
  'run-started': true, 'run-resumed': true, 'phase-started': true, 'phase-finished': true, 'task-settled': true, 'task-cancelling': true, 'task-reopened': true, 'tasks-added': true,
  'worktree-released': true, 'gate-changed': true, 'provider-signal': true, 'starts-stopped': true, 'merge-started': true, 'merge-joined': true, 'tasks-repeated': true, 'merge-landing': true, 'task-merged': true,
  'task-unmerged': true, 'pull-request-pushing': true, 'pull-request-seen': true, 'merge-finished': true, 'run-cancelling': true, 'run-finished': true,
};
const NAME = /^journal\.([1-9]\d{0,14})\.ndjson$/;

/** Path of an epoch's segment in a run's directory. */
export function segmentFile(dir: string, epoch: number): string {
  return path.join(dir, `journal.${epoch}.ndjson`);
}

/** Epochs that have a segment, ascending; none when the directory does not exist. */
export async function loadEpochs(dir: string): Promise<number[]> {
  try {
    return segmentEpochs(await readdir(dir));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The epochs among the names of a run's directory, ascending. */
export function segmentEpochs(names: readonly string[]): number[] {
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
}

/** The header of a segment, or null when its first line is not whole and checked. Throws `format-newer`, `journal-corrupt`. */
export async function loadHeader(file: string): Promise<Header | null> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
    const json = end < 0 ? null : decodeLine(buffer.subarray(0, end));
    return json === null ? null : parseHeader(json, file);
  } finally {
    await handle.close();
  }
}

function parseHeader(json: string, file: string): Header {
  const value = parseObject(json, { file, line: 1, byte: 0 }) as Partial<Header>;
  if (typeof value.v === 'number' && value.v > FORMAT) throw newer(file, `journal format ${value.v}`, value.writer ?? 'an unknown orch');
  if (value.type !== 'journal' || typeof value.epoch !== 'number' || value.after === undefined) throw corrupt({ file, line: 1, byte: 0 }, 'not the first line of a journal');
  return value as Header;
}

interface Reading {
  readonly file: string;
  readonly header: Header;
  /** Events go here, in order. */
  readonly into: RunEvent[];
  /** Read no further than this event; null = to the end. */
  readonly until: number | null;
}

/**
 * Appends a segment's events to `into`, which holds those of the epochs before it. A tail without a single valid line is
 * torn and left out; a bad line before a valid one, or before `until`, throws `journal-corrupt`.
 */
export async function loadSegment(reading: Reading): Promise<SegmentEnd> {
  const { file, header, into, until } = reading;
  const seen: { lastSeq: number; goodBytes: number; bad: Place | null } = { lastSeq: header.after?.seq ?? 0, goodBytes: 0, bad: null };
  if (into.length !== seen.lastSeq) throw corrupt({ file, line: 1, byte: 0 }, `continues event ${seen.lastSeq} where ${into.length} should be`);
  const end = await forEachLine(file, (bytes, line, byte) => {
    const place = { file, line, byte };
    const json = bytes === null ? null : decodeLine(bytes);
    if (json === null) {
      seen.bad ??= place;
      return until === null;
    }
    if (seen.bad !== null) throw corrupt(seen.bad, `this line is damaged, and line ${line} after it is not`);
    seen.goodBytes = byte + (bytes?.length ?? 0) + 1;
    if (line > 1) {
      into.push(parseEvent(json, { place, header, expected: seen.lastSeq + 1, run: into[0]?.run }));
      seen.lastSeq += 1;
    }
    return until === null || seen.lastSeq < until;
  });
  if (until !== null && seen.lastSeq < until) {
    throw corrupt(seen.bad ?? { file, line: end.lines + 1, byte: end.bytes }, `event ${seen.lastSeq + 1} is missing or damaged, which a later epoch has seen`);
  }
  return { goodBytes: seen.goodBytes, size: end.bytes, lastSeq: seen.lastSeq };
}

interface Expected {
  readonly place: Place;
  readonly header: Header;
  readonly expected: number;
  readonly run: string | undefined;
}

function parseEvent(json: string, { place, header, expected, run }: Expected): RunEvent {
  const event = parseObject(json, place) as Partial<RunEvent>;
  if (typeof event.v === 'number' && event.v > FORMAT) throw newer(place.file, `journal format ${String(event.v)}`, header.writer);
  if (event.seq !== expected) throw corrupt(place, `event ${String(event.seq)} stands where ${expected} should`);
  if (run !== undefined && event.run !== run) throw corrupt(place, `event of another run, ${String(event.run)}`);
  if (event.type === undefined || !Object.hasOwn(KNOWN, event.type)) throw newer(place.file, `event type ${JSON.stringify(event.type)}`, header.writer);
  return event as RunEvent;
}

/** The checksum is right, so this can only be something that orch did not write. */
function parseObject(json: string, place: Place): object {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  throw corrupt(place, 'not a JSON object, though its checksum is right');
}
