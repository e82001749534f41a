// What branches changed, read for all of them at once: one process for their history, one for their trees, one for the
// differences. Reads only. Paths are latin1 strings, which lose no byte.
import type { Sha } from '../../plan/plan.ts';
import { requireGit } from './plumbing.ts';

export interface Change {
  readonly status: 'A' | 'D' | 'M' | 'T';
  /** What it is now: mode and object; zeros when it was deleted. */
  readonly mode: string;
  readonly sha: Sha;
  readonly path: string;
}

/** How a git process of this module is started. */
export interface MergeCall {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The trees of commits. Throws when one does not exist. */
export async function treesOf(call: MergeCall, commits: readonly Sha[]): Promise<Map<Sha, Sha>> {
  const distinct = [...new Set(commits)];
  const out = await requireGit(['cat-file', '--batch-check=%(objectname) %(objecttype)'], { ...call, input: distinct.map((sha) => `${sha}^{tree}\n`).join('') });
  const lines = out.toString().split('\n');
  return new Map(distinct.map((sha, i) => {
    const tree = /^([0-9a-f]{40,64}) tree$/.exec(lines[i] ?? '')?.[1];
    if (tree === undefined) throw new Error(`commit ${sha} does not exist in this repository`);
    return [sha, tree];
  }));
}

/** The differences of pairs of trees, in the order asked for. A rename is a deletion and an addition. */
export async function differences(call: MergeCall, pairs: readonly { readonly from: Sha; readonly to: Sha }[]): Promise<readonly (readonly Change[])[]> {
  if (pairs.length === 0) return [];
  const input = pairs.map(({ from, to }) => `${from} ${to}\n`).join('');
  const out = await requireGit(['diff-tree', '--stdin', '-r', '-z', '--raw', '--no-renames', '--no-abbrev'], { ...call, input });
  return parseDifferences(out.toString('latin1'), pairs.length);
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
export async function ancestriesOf(call: MergeCall, target: Sha, tips: readonly Sha[]): Promise<Map<Sha, Ancestry>> {
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
