// References as their files have them, read without a git process, and only what has changed since the last look. For
// repositories that keep them in files; knows `packed-refs`, loose files and symbolic references. Reads only.
import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import { textOf } from '../small-file.ts';

/** A file as it was when it was read; `info` null = there was none, or it may have changed within one step of the clock. */
interface Read {
  readonly info: BigIntStats | null;
  /** Null = it cannot be read. */
  readonly text: string | null;
}

/** A look at the references below some prefixes, which costs one `lstat` for each file that did not change. */
export function createRefReader(commonDir: string, prefixes: readonly string[]): () => ReadonlyMap<string, Sha> {
  let earlier = new Map<string, Read>();
  let packed: { readonly text: string | null; readonly refs: ReadonlyMap<string, Sha> } = { text: null, refs: new Map() };
  return () => {
    const now = new Map<string, Read>();
    const settledNs = BigInt(Date.now()) * 1_000_000n - CLOCK_STEP_NS;
    // Loose files first: git packs a reference before it deletes its file, so one that is gone here is found there.
    const loose = prefixes.flatMap((prefix) => filesBelow(commonDir, prefix)).flatMap((ref) => {
      const value = readAgain(ref);
      return value === null ? [] : [[ref, value.trim()] as const];
    });
    const text = readAgain('packed-refs');
    if (text !== packed.text) packed = { text, refs: packedRefs(text ?? '', prefixes) };
    earlier = now;
    return resolved(new Map([...packed.refs, ...loose]));

    function readAgain(file: string): string | null {
      const at = `${commonDir}/${file}`;
      const info = infoOf(at);
      const known = earlier.get(file);
      const isKnown = info !== null && known?.info != null && isSame(known.info, info);
      // What is younger than a step of the clock is read again, however often.
      const read = isKnown ? known : { info: info !== null && info.ctimeNs <= settledNs ? info : null, text: info === null ? null : textOf(at) };
      now.set(file, read);
      return read.text;
    }
  };
}

/** A clock of files may stand still for so long. */
const CLOCK_STEP_NS = 50_000_000n;

function infoOf(file: string): BigIntStats | null {
  try {
    return lstatSync(file, { bigint: true });
  } catch {
    return null;
  }
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs && a.ino === b.ino && a.size === b.size;
}

function packedRefs(text: string, prefixes: readonly string[]): Map<string, Sha> {
  const refs = new Map<string, Sha>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    const ref = line.slice(space + 1);
    if (space >= 40 && prefixes.some((prefix) => ref.startsWith(`${prefix}/`))) refs.set(ref, line.slice(0, space));
  }
  return refs;
}

function filesBelow(commonDir: string, folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(path.join(commonDir, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(commonDir, name) : entry.name.endsWith('.lock') ? [] : [name];
  });
}

/** What is symbolic has the commit that it leads to; what leads nowhere, or is no reference, is left out as git does. */
function resolved(found: ReadonlyMap<string, string>): Map<string, Sha> {
  const refs = new Map<string, Sha>();
  for (const [ref, text] of found) {
    let value: string | undefined = text;
    for (let depth = 0; depth < 5 && value?.startsWith('ref: ') === true; depth += 1) value = found.get(value.slice(5).trim());
    if (value !== undefined && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(value)) refs.set(ref, value);
  }
  return refs;
}
