// What branches changed, read for all of them at once: one process for their history, one for their trees, one for the
// differences, and none for what is known. Reads only. Paths are latin1 strings, which lose no byte.
import type { Sha } from '../../plan/plan.ts';
import { requireGit, type GitPlace } from './plumbing.ts';

export interface Change {
  readonly status: 'A' | 'D' | 'M' | 'T';
  /** What it is now: mode and object; zeros when it was deleted. */
  readonly mode: string;
  readonly sha: Sha;
  readonly path: string;
}

/** What git has said of commits and trees. They never become others, so that nothing is asked twice. */
export class KnownObjects {
  /** Of commits. */
  readonly trees = new Map<Sha, Sha>();
  /** Of two trees: `<from> <to>`. */
  readonly changes = new Map<string, readonly Change[]>();
}

/** How a git process of this module is started. */
export interface MergeCall extends GitPlace {
  /** What does not have to be asked; what is asked is added. */
  readonly known: KnownObjects;
}

/** A pair of commits or of trees. */
interface Pair {
  readonly from: Sha;
  readonly to: Sha;
}

/** The trees of commits. Throws when one does not exist. */
export async function treesOf({ cwd, env, known: { trees } }: MergeCall, commits: readonly Sha[]): Promise<ReadonlyMap<Sha, Sha>> {
  const unknown = [...new Set(commits)].filter((sha) => !trees.has(sha));
  if (unknown.length === 0) return trees;
  const out = await requireGit(['cat-file', '--batch-check=%(objectname) %(objecttype)', '--buffer'], { cwd, env, input: unknown.map((sha) => `${sha}^{tree}\n`).join('') });
  const lines = out.toString().split('\n');
  for (const [i, sha] of unknown.entries()) {
    const tree = /^([0-9a-f]{40,64}) tree$/.exec(lines[i] ?? '')?.[1];
    if (tree === undefined) throw new Error(`commit ${sha} does not exist in this repository`);
    trees.set(sha, tree);
  }
  return trees;
}

/** The differences of pairs of commits, in the order asked for. A rename is a deletion and an addition. */
export async function differences(call: MergeCall, pairs: readonly Pair[]): Promise<readonly (readonly Change[])[]> {
  const { cwd, env, known: { changes } } = call;
  const trees = await treesOf(call, pairs.flatMap(({ from, to }) => [from, to]));
  const keys = pairs.map(({ from, to }) => `${trees.get(from) ?? from} ${trees.get(to) ?? to}`);
  const unknown = [...new Set(keys)].filter((key) => !changes.has(key));
  if (unknown.length > 0) {
    const out = await requireGit(['diff-tree', '--stdin', '-r', '-z', '--raw', '--no-renames', '--no-abbrev'], { cwd, env, input: unknown.map((key) => `${key}\n`).join('') });
    for (const [i, found] of parseDifferences(out.toString('latin1'), unknown.length).entries()) changes.set(unknown[i] ?? '', found);
  }
  return keys.map((key) => changes.get(key) ?? []);
}

/** Each pair is answered by a line that repeats it, then `:<old mode> <mode> <old sha> <sha> <status> NUL <path> NUL` for each change. */
function parseDifferences(text: string, count: number): Change[][] {
  const found: Change[][] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] !== ':') {
      found.push([]);
      at = text.indexOf('\n', at) + 1;
      continue;
    }
    const headEnd = text.indexOf('\0', at);
    const pathEnd = text.indexOf('\0', headEnd + 1);
    const [, mode = '', , sha = '', status = ''] = text.slice(at + 1, headEnd).split(' ');
    found.at(-1)?.push({ status: status === 'A' || status === 'D' || status === 'T' ? status : 'M', mode, sha, path: text.slice(headEnd + 1, pathEnd) });
    at = pathEnd + 1;
  }
  if (found.length !== count) throw new Error(`git diff-tree answered ${found.length} of ${count} questions`);
  return found;
}

/** What is known of a branch's own history. */
export interface Ancestry {
  /** The one commit of the target that all of it starts from; null when there is none, or more than one. */
  readonly base: Sha | null;
  /** Commits that the target does not have. */
  readonly own: readonly Sha[];
}

/** The ancestries of branches above a target. Commits that two branches share are in both. */
export async function ancestriesOf(call: GitPlace, target: Sha, tips: readonly Sha[]): Promise<Map<Sha, Ancestry>> {
  const out = await requireGit(['rev-list', '--parents', '--stdin'], { ...call, input: `${[...new Set(tips)].join('\n')}\n^${target}\n` });
  const parents = new Map(out.toString().split('\n').filter((line) => line !== '').map((line) => {
    const [commit = '', ...rest] = line.split(' ');
    return [commit, rest] as const;
  }));
  return new Map(tips.map((tip) => [tip, ancestryOf(tip, parents)]));
}

function ancestryOf(tip: Sha, parents: ReadonlyMap<Sha, readonly Sha[]>): Ancestry {
  const own = new Set<Sha>();
  const bases = new Set<Sha>();
  let hasRoot = false;
  const open = [tip];
  for (let commit = open.pop(); commit !== undefined; commit = open.pop()) {
    const above = parents.get(commit);
    if (above === undefined) bases.add(commit);
    else if (!own.has(commit)) {
      own.add(commit);
      if (above.length === 0) hasRoot = true;
      open.push(...above);
    }
  }
  const [base] = bases;
  return { base: bases.size === 1 && base !== undefined && !hasRoot ? base : null, own: [...own] };
}
