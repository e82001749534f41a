// What a manifest says about conflicts in certain paths: take one side, or both, or make the file anew. Decides from
// git's stages, path by path; a path without a policy stays in conflict.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import picomatch from 'picomatch';
import type { Edit } from './merge-import.ts';
import type { Stage } from './merge-tree.ts';
import { gitRaw, requireGit, type GitPlace } from './plumbing.ts';

/** `ours` is the target's side, `theirs` the branch's; `regenerate` is a shell command that writes the file. */
export interface ConflictPolicy {
  /** A glob from the repository's root. */
  readonly paths: string;
  readonly resolve: 'union' | 'ours' | 'theirs' | { readonly regenerate: string };
}

export interface Resolution {
  readonly edits: readonly Edit[];
  /** latin1 paths that are still in conflict. */
  readonly open: readonly string[];
  /** Commands to run, with the paths that each is for; `edits` has the target's side of those. */
  readonly regenerate: readonly { readonly command: string; readonly paths: readonly string[] }[];
}

/** Applies the first policy that matches each conflicted path. `scratch` is a folder for temporary files. */
export async function resolveConflicts(call: GitPlace, stages: readonly Stage[], options: { policies: readonly ConflictPolicy[]; scratch: string }): Promise<Resolution> {
  const matchers = options.policies.map((policy) => ({ policy, matches: picomatch(policy.paths, { dot: true }) }));
  const byPath = new Map<string, Stage[]>();
  for (const stage of stages) byPath.set(stage.path, [...(byPath.get(stage.path) ?? []), stage]);
  const edits: Edit[] = [];
  const open: string[] = [];
  const commands = new Map<string, string[]>();
  for (const [file, sides] of byPath) {
    const name = Buffer.from(file, 'latin1').toString();
    const how = matchers.find(({ matches }) => matches(name))?.policy.resolve;
    const edit = how === undefined ? null : how === 'union' ? await union(call, { file, sides, scratch: options.scratch }) : takeSide(file, sides, how === 'theirs' ? 3 : 2);
    if (edit === null) open.push(file);
    else edits.push(edit);
    if (edit !== null && typeof how === 'object') commands.set(how.regenerate, [...(commands.get(how.regenerate) ?? []), file]);
  }
  return { edits, open, regenerate: [...commands].map(([command, paths]) => ({ command, paths })) };
}

/** A side without the path has deleted it. */
function takeSide(file: string, sides: readonly Stage[], wanted: 2 | 3): Edit {
  const side = sides.find(({ stage }) => stage === wanted);
  return side === undefined ? { mode: '000000', sha: '', path: file } : { mode: side.mode, sha: side.sha, path: file };
}

/** Lines of both sides; null where that makes no sense (a side is missing, no regular file, or binary). */
async function union(call: GitPlace, { file, sides, scratch }: { file: string; sides: readonly Stage[]; scratch: string }): Promise<Edit | null> {
  const [base, ours, theirs] = ([1, 2, 3] as const).map((stage) => sides.find((side) => side.stage === stage));
  if (ours === undefined || theirs === undefined || !ours.mode.startsWith('100') || !theirs.mode.startsWith('100')) return null;
  const folder = await mkdtemp(path.join(scratch, 'union-'));
  try {
    const files = await Promise.all(([['ours', ours], ['base', base], ['theirs', theirs]] as const).map(async ([name, side]) => {
      const at = path.join(folder, name);
      await writeFile(at, side === undefined ? '' : await requireGit(['cat-file', 'blob', side.sha], call));
      return at;
    }));
    const output = await gitRaw(['merge-file', '-q', '-p', '--union', ...files], call);
    return output.code === 0 ? { mode: ours.mode, content: output.stdout, path: file } : null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
