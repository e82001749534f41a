// Reads a whole journal: the chain of its epochs, from the newest back, then forward in order of `seq`. Read-only.
import { stat } from 'node:fs/promises';
import { OrchError } from '../errors.ts';
import type { RunEvent } from '../run/events.ts';
import { corrupt, unreadable } from './journal-error.ts';
import { decodeLine } from './line.ts';
import { forEachLine } from './lines.ts';
import { loadEpochs, loadHeader, loadSegment, segmentFile } from './segment.ts';
import type { Header, Position } from './segment.ts';

/** Bytes at the end of a segment that are no whole line: nobody was ever told that they were written. */
export interface TornTail {
  readonly file: string;
  /** Where it begins, in bytes; what is before it is good. */
  readonly offset: number;
  readonly bytes: number;
}

/** A journal as it was when it was read. */
export interface LoadedJournal {
  /** Gapless from seq 1. */
  readonly events: readonly RunEvent[];
  /** What the next epoch continues; null when nothing was ever written. */
  readonly tail: Position | null;
  /** Ignored here, repaired by `Journal.open`. While a writer lives this may be a line that is just being written. */
  readonly torn: readonly TornTail[];
  /** Changes when anybody writes. */
  readonly stamp: string;
}

interface Link {
  readonly file: string;
  readonly header: Header;
  readonly until: number | null;
}

/** All events of a run's directory, checked. Throws `journal-corrupt`, `format-newer`, `state-unreadable` (exit 3); alters nothing. */
export async function loadJournal(dir: string): Promise<LoadedJournal> {
  try {
    return await load(dir);
  } catch (error) {
    throw error instanceof OrchError ? error : unreadable(dir, error);
  }
}

async function load(dir: string): Promise<LoadedJournal> {
  const stamp = await loadStamp(dir);
  const torn: TornTail[] = [];
  const chain = await loadChain(dir, torn);
  const events: RunEvent[] = [];
  let tail: Position | null = null;
  for (const link of chain) {
    const end = await loadSegment({ ...link, into: events });
    if (link.until !== null) continue;
    tail = { epoch: link.header.epoch, seq: end.lastSeq };
    if (end.goodBytes < end.size) torn.push({ file: link.file, offset: end.goodBytes, bytes: end.size - end.goodBytes });
  }
  return { events, tail, torn, stamp };
}

/** Names the present length of every segment: equal stamps mean that nothing was written in between. */
export async function loadStamp(dir: string): Promise<string> {
  const epochs = await loadEpochs(dir);
  const sizes = await Promise.all(epochs.map(async (epoch) => `${epoch}:${(await stat(segmentFile(dir, epoch))).size}`));
  return sizes.join(' ');
}

/** The segments that count, oldest first. A segment whose header was never finished is only a torn tail. */
async function loadChain(dir: string, torn: TornTail[]): Promise<Link[]> {
  const chain: Link[] = [];
  let next: Position | null = null;
  for (const epoch of (await loadEpochs(dir)).toReversed()) {
    if (next !== null && epoch > next.epoch) continue;
    if (next !== null && epoch < next.epoch) break;
    const file = segmentFile(dir, epoch);
    const header = await loadHeader(file);
    if (header === null && next === null) {
      torn.push(...(await requireWorthless(file)));
      continue;
    }
    if (header === null) throw corrupt({ file, line: 1, byte: 0 }, 'this line is damaged, and a later epoch has seen it');
    if (header.epoch !== epoch) throw corrupt({ file, line: 1, byte: 0 }, `the first line says epoch ${header.epoch}`);
    if (header.after !== null && header.after.epoch >= epoch) throw corrupt({ file, line: 1, byte: 0 }, `continues a later epoch, ${header.after.epoch}`);
    chain.unshift({ file, header, until: next === null ? null : next.seq });
    next = header.after;
    if (next === null) return chain;
  }
  if (next !== null) throw corrupt({ file: segmentFile(dir, next.epoch), line: 1, byte: 0 }, 'this file is missing, and a later epoch has seen it');
  return chain;
}

/** A first line that is damaged is torn only if nothing valid follows. */
async function requireWorthless(file: string): Promise<TornTail[]> {
  const end = await forEachLine(file, (bytes, line) => {
    if (bytes !== null && decodeLine(bytes) !== null) throw corrupt({ file, line: 1, byte: 0 }, `this line is damaged, and line ${line} after it is not`);
    return true;
  });
  return end.bytes === 0 ? [] : [{ file, offset: 0, bytes: end.bytes }];
}
