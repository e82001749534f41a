// Makes commits from lists of changed paths with one `git fast-import`: no merge is computed, so it is only for changes
// that are known not to touch. Writes into a quarantine; its references are the quarantine's own.
import type { Sha } from '../../plan/plan.ts';
import type { Change } from './merge-changes.ts';
import { GitFailure, gitRaw } from './plumbing.ts';
import type { Quarantine } from './merge-quarantine.ts';

/** What a path becomes. `content` is written; otherwise `sha` must exist. Mode zeros = deleted. */
export type Edit = Pick<Change, 'mode' | 'path'> & ({ readonly sha: Sha } | { readonly content: Buffer });

export interface ImportedCommit {
  readonly author: string;
  readonly committer: string;
  readonly message: string | Buffer;
  /** Besides the first parent, which is the commit before, or `onto`. */
  readonly merges: readonly Sha[];
  /** Replaces the first parent's tree before the edits. */
  readonly tree?: Sha;
  readonly edits: readonly Edit[];
}

/** Stacks commits on `onto`; returns their names in order. */
export async function importCommits(quarantine: Quarantine, onto: Sha, commits: readonly ImportedCommit[]): Promise<Sha[]> {
  const parts: Buffer[] = [];
  const say = (text: string): number => parts.push(Buffer.from(text));
  for (const [i, commit] of commits.entries()) {
    const message = Buffer.from(commit.message);
    say(`commit refs/heads/none\nmark :${i + 1}\nauthor ${commit.author}\ncommitter ${commit.committer}\ndata ${message.length}\n`);
    parts.push(message);
    say(`\nfrom ${i === 0 ? onto : `:${i}`}\n${commit.merges.map((sha) => `merge ${sha}\n`).join('')}`);
    if (commit.tree !== undefined) say(`M 040000 ${commit.tree} ""\n`);
    // Deletions first: a file may become a folder, and a folder a file.
    for (const { path } of commit.edits.filter(isDeletion)) parts.push(Buffer.from(`D ${quotePath(path)}\n`, 'latin1'));
    for (const edit of commit.edits.filter((each) => !isDeletion(each))) {
      parts.push(Buffer.from(`M ${edit.mode} ${'sha' in edit ? edit.sha : 'inline'} ${quotePath(edit.path)}\n`, 'latin1'));
      if ('content' in edit) parts.push(Buffer.from(`data ${edit.content.length}\n`), edit.content, Buffer.from('\n'));
    }
    say(`\nget-mark :${i + 1}\n`);
  }
  say('done\n');
  const args = ['fast-import', '--quiet', '--force', '--done', '--date-format=raw-permissive'];
  const output = await gitRaw(args, { cwd: quarantine.folder, env: quarantine.privateEnv, input: Buffer.concat(parts) });
  const made = output.stdout.toString().split('\n').filter((line) => /^[0-9a-f]{40,64}$/.test(line));
  if (output.code !== 0 || made.length !== commits.length) throw new GitFailure(args, quarantine.folder, output);
  return made;
}

function isDeletion({ mode }: Pick<Change, 'mode'>): boolean {
  return /^0*$/.test(mode);
}

function quotePath(path: string): string {
  if (!/^"|[\n\\]/.test(path) && !/^\s|\s$/.test(path)) return path;
  return `"${path.replaceAll(/["\\]/g, (c) => `\\${c}`).replaceAll('\n', '\\n')}"`;
}
