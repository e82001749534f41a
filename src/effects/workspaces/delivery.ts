// What lies between two commits. Reads only.
import type { Sha } from '../../plan/plan.ts';
import type { Collected, Finding } from '../effects.ts';
import { GitFailure, splitNul } from '../git/plumbing.ts';
import type { Context } from './context.ts';

/** The delivery of `saved.head` over `start`; a rename counts as two paths. */
export async function deliveryOf(context: Context, start: Sha, saved: { head: Sha; ref: string; findings: readonly Finding[] }): Promise<Collected> {
  const { head, ref, findings } = saved;
  if (head === start) return { delivery: { head, ref, commits: 0, filesChanged: 0, insertions: 0, deletions: 0 }, changed: [], findings };
  const [numbers, count] = await Promise.all([
    context.mustGit(['diff-tree', '-r', '-z', '--numstat', '--no-renames', start, head]),
    context.mustGit(['rev-list', '--count', head, `^${start}`]),
  ]);
  const changed: string[] = [];
  let insertions = 0;
  let deletions = 0;
  for (const entry of splitNul(numbers)) {
    const [added = '', removed = '', ...file] = entry.split('\t');
    changed.push(file.join('\t'));
    // A binary file has `-` for both.
    insertions += Number(added) || 0;
    deletions += Number(removed) || 0;
  }
  return { delivery: { head, ref, commits: Number(count.toString()), filesChanged: changed.length, insertions, deletions }, changed, findings };
}

/** Whether a commit is, or comes from, another one. */
export async function descends(context: Context, ancestor: Sha, commit: Sha): Promise<boolean> {
  if (ancestor === commit) return true;
  const args = ['merge-base', '--is-ancestor', ancestor, commit];
  const output = await context.git(args);
  if (output.code > 1 || output.code < 0) throw new GitFailure(args, context.home, output);
  return output.code === 0;
}
