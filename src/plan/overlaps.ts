// Which independent tasks may write to the same files, by their declared `paths`. Approximate, and rather too many than
// too few: two globs are told apart by their leading folders and their endings only. Pure.
import { globMatcher, staticPrefix } from '../lib/glob.ts';
import { stagesOf } from '../lib/graph.ts';
import { needIndexes, nodesOf } from './graph.ts';
import type { Plan, PlannedTask, TaskId } from './plan.ts';

type Graph = Pick<Plan, 'tasks' | 'fanOuts'>;

export interface Overlap {
  readonly tasks: readonly [TaskId, TaskId];
  /** One glob of each. */
  readonly globs: readonly [string, string];
}

interface Entry {
  readonly task: number;
  readonly glob: string;
  readonly segments: readonly string[];
  readonly whole: boolean;
}
interface Folder {
  readonly entries: Entry[];
  readonly folders: Map<string, Folder>;
}

/** Pairs of tasks that do not wait for each other and whose globs may meet, each pair once; at most `limit`. */
export function overlaps(plan: Graph, limit = 1000): { readonly pairs: readonly Overlap[]; readonly isCut: boolean } {
  const nodes = nodesOf(plan);
  const entries = nodes.flatMap(({ paths }, task) =>
    // A path of which a part is not known yet is its task's own business.
    (paths ?? []).filter((glob) => !glob.startsWith('!') && !glob.includes('${{')).map((glob): Entry => {
      const { segments, whole } = staticPrefix(glob);
      return { task, glob, segments, whole };
    }),
  );
  // Shorter prefixes first: then whatever a glob can meet is on the way from the root to its own folder.
  entries.sort((a, b) => a.segments.length - b.segments.length || a.task - b.task);
  const waitsFor = ancestry(plan);
  const root: Folder = { entries: [], folders: new Map() };
  const pairs = new Map<string, Overlap>();
  for (const entry of entries) {
    for (const others of entriesAbove(root, entry.segments)) {
      for (const other of others) {
        if (entry.task === other.task || waitsFor(entry.task, other.task) || waitsFor(other.task, entry.task)) continue;
        const [first, second] = entry.task < other.task ? [entry, other] : [other, entry];
        const key = `${first.task} ${second.task}`;
        if (pairs.has(key) || !canMeet(entry, other)) continue;
        if (pairs.size >= limit) return { pairs: inOrder(nodes, pairs), isCut: true };
        pairs.set(key, { tasks: [nodes[first.task]?.id ?? '', nodes[second.task]?.id ?? ''], globs: [first.glob, second.glob] });
      }
    }
    folderAt(root, entry.segments).entries.push(entry);
  }
  return { pairs: inOrder(nodes, pairs), isCut: false };
}

function inOrder(nodes: readonly PlannedTask[], pairs: ReadonlyMap<string, Overlap>): readonly Overlap[] {
  const order = new Map(nodes.map(({ id }, index) => [id, index]));
  const at = (id: TaskId): number => order.get(id) ?? 0;
  return [...pairs.values()].sort((a, b) => at(a.tasks[0]) - at(b.tasks[0]) || at(a.tasks[1]) - at(b.tasks[1]));
}

function entriesAbove(root: Folder, segments: readonly string[]): readonly (readonly Entry[])[] {
  const above = [root.entries];
  let folder: Folder | undefined = root;
  for (const segment of segments) {
    folder = folder.folders.get(segment);
    if (folder === undefined) break;
    above.push(folder.entries);
  }
  return above;
}

function folderAt(root: Folder, segments: readonly string[]): Folder {
  let folder = root;
  for (const segment of segments) {
    let next = folder.folders.get(segment);
    if (next === undefined) {
      next = { entries: [], folders: new Map() };
      folder.folders.set(segment, next);
    }
    folder = next;
  }
  return folder;
}

/** `other` stands at or above `entry`. */
function canMeet(entry: Entry, other: Entry): boolean {
  // Without wildcards, a path may be a file or a folder with everything in it.
  if (other.whole) return true;
  if (!reachesDown(entry, other)) return false;
  if (entry.whole) return matcherOf(other.glob)(entry.segments.join('/')) || other.segments.length === entry.segments.length;
  const [a, b] = [ending(entry.glob), ending(other.glob)];
  return a.endsWith(b) || b.endsWith(a);
}

/** `src/*.ts` does not reach into `src/a/`; what has `**`, braces or parentheses may reach anywhere. */
function reachesDown(entry: Entry, other: Entry): boolean {
  if (/\*\*|[{(]/.test(other.glob)) return true;
  const depth = other.glob.split('/').filter((segment) => segment !== '' && segment !== '.').length;
  if (entry.segments.length + (entry.whole ? 0 : 1) <= depth) return true;
  // `a/**` is also `a` itself, the one path of it that is no deeper.
  return entry.segments.length === depth && entry.glob.includes('**') && matcherOf(other.glob)(entry.segments.join('/'));
}

const matchers = new Map<string, (path: string) => boolean>();
const MOST_MATCHERS = 1000;

/** Ten thousand tasks mostly have the same few globs. */
function matcherOf(glob: string): (path: string) => boolean {
  const known = matchers.get(glob);
  if (known !== undefined) return known;
  if (matchers.size >= MOST_MATCHERS) matchers.clear();
  const made = globMatcher([glob, `${glob}/**`]);
  matchers.set(glob, made);
  return made;
}

/** What follows the last wildcard. */
function ending(glob: string): string {
  return /[^*?[\]{}()!+@\\/]*$/.exec(glob)?.[0] ?? '';
}

/** A test for "task a waits for task b, however indirectly"; one bit per pair of tasks. */
function ancestry(plan: Graph): (a: number, b: number) => boolean {
  const needs = needIndexes(plan);
  const words = Math.ceil(needs.length / 32);
  const bits = needs.map((list) => (list.length === 0 ? null : new Uint32Array(words)));
  for (const index of stagesOf(needs).stages.flat()) {
    const own = bits[index];
    if (own === null || own === undefined) continue;
    for (const need of needs[index] ?? []) {
      own[need >>> 5] = (own[need >>> 5] ?? 0) | (1 << (need & 31));
      const theirs = bits[need];
      if (theirs === null || theirs === undefined) continue;
      for (let at = 0; at < words; at += 1) own[at] = (own[at] ?? 0) | (theirs[at] ?? 0);
    }
  }
  return (a, b) => (((bits[a]?.[b >>> 5] ?? 0) >>> (b & 31)) & 1) === 1;
}
