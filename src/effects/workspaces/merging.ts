// A merge that is resolved in a workspace: begun there before an agent looks at it, and checked when it is collected.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import type { BeginMergeResult, Finding, Workspace } from '../effects.ts';
import { gitEnvironment } from '../git/environment.ts';
import { GitFailure, gitRaw, splitNul } from '../git/plumbing.ts';
import { startMerge } from '../git/start-merge.ts';
import type { Context } from './context.ts';
import { descends } from './delivery.ts';

/** Merges a commit into the workspace as `git merge` does, with the user's drivers and rerere, and stops before the commit. */
export async function beginMerge({ path: folder }: Workspace, commit: Sha): Promise<BeginMergeResult> {
  const call = { cwd: folder, env: { ...gitEnvironment([['merge.autoStash', 'false'], ['merge.conflictStyle', 'merge']]), GIT_CEILING_DIRECTORIES: path.dirname(folder) } };
  const problem = await startMerge(call, commit);
  if (problem !== null) return { ok: false, message: `git merge: ${problem}` };
  const unmerged = await gitRaw(['ls-files', '-u', '-z', '--full-name'], call);
  if (unmerged.code !== 0) return { ok: false, message: `git ls-files: ${unmerged.stderr}` };
  return { ok: true, conflicted: [...new Set(splitNul(unmerged.stdout).map((entry) => entry.slice(entry.indexOf('\t') + 1)))] };
}

/** What is wrong with a merge of `commit` that ended as `head`: it is not in it, or markers are left in what differs from the start. */
export async function mergeFindings(context: Context, { start, head, commit }: { start: Sha; head: Sha; commit: Sha }): Promise<Finding[]> {
  if (!(await descends(context, commit, head))) return [{ kind: 'merge-dropped' }];
  const changed = await context.mustGit(['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--diff-filter=d', start, head]);
  const paths = splitNul(changed).map((file) => `:(top,literal)${file}`);
  if (paths.length === 0) return [];
  const args = ['grep', '-l', '-z', '-I', '-E', '^(<{7}|>{7})( |$)', head, '--'];
  const found: string[] = [];
  // The arguments of a process are limited.
  for (let at = 0; at < paths.length; at += 500) {
    const output = await context.git([...args, ...paths.slice(at, at + 500)]);
    if (output.code > 1 || output.code < 0) throw new GitFailure(args, context.home, output);
    found.push(...splitNul(output.stdout).map((name) => name.slice(name.indexOf(':') + 1)));
  }
  return found.length === 0 ? [] : [{ kind: 'markers', paths: found }];
}

/** The commit has been made: git is not in the middle of anything any more. */
export async function concludeMerge(admin: string): Promise<void> {
  await Promise.all(['MERGE_HEAD', 'MERGE_MSG', 'MERGE_MODE', 'MERGE_RR', 'AUTO_MERGE'].map(async (name) => await rm(path.join(admin, name), { force: true })));
}
