// Writes commit objects without a git process, and reads what a rebase has to keep of one.
import { createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import type { Repository } from '../effects.ts';
import type { Sha } from '../../plan/plan.ts';
import { gitRaw, requireGit, type GitPlace } from './plumbing.ts';

const compress = promisify(deflate);

export interface CommitText {
  readonly tree: Sha;
  readonly parents: readonly Sha[];
  /** `Name <email> seconds zone` */
  readonly author: string;
  readonly committer: string;
  readonly message: string | Buffer;
}

/** Writes a commit as a loose object below `objects`; returns its name. */
export async function writeCommit(objects: string, format: Repository['objectFormat'], text: CommitText): Promise<Sha> {
  const head = [`tree ${text.tree}`, ...text.parents.map((parent) => `parent ${parent}`), `author ${text.author}`, `committer ${text.committer}`, '', ''].join('\n');
  const body = Buffer.concat([Buffer.from(head), Buffer.from(text.message)]);
  const object = Buffer.concat([Buffer.from(`commit ${body.length}\0`), body]);
  const sha = createHash(format).update(object).digest('hex');
  const folder = path.join(objects, sha.slice(0, 2));
  await mkdir(folder, { recursive: true });
  const half = path.join(folder, `tmp_obj_${sha.slice(2)}`);
  await rm(half, { force: true });
  await writeFile(half, await compress(object), { mode: 0o444 });
  await rename(half, path.join(folder, sha.slice(2)));
  return sha;
}

/** `Name <email>` of whoever merges: the user, or orch where the user has no identity. */
export async function identityOf(call: GitPlace): Promise<string> {
  const output = await gitRaw(['var', 'GIT_COMMITTER_IDENT'], call);
  const found = output.code === 0 ? /^(.*<.*>) \d+ [+-]\d{4}$/.exec(output.stdout.toString().trim())?.[1] : undefined;
  return found ?? 'orch <orch@localhost>';
}

export interface OldCommit {
  readonly sha: Sha;
  readonly parent: Sha | null;
  /** As in `CommitText`. */
  readonly author: string;
  readonly message: Buffer;
}

/** The commits of `from..to` that are no merges, oldest first. */
export async function commitsBetween(call: GitPlace, from: Sha, to: Sha): Promise<OldCommit[]> {
  const format = '%H%n%P%n%an <%ae> %ad%n%B%x00';
  const out = await requireGit(['log', '--reverse', '--topo-order', '--no-merges', '--date=raw', `--format=tformat:${format}`, `${from}..${to}`, '--'], call);
  return out.toString('latin1').split('\0\n').filter((entry) => entry !== '').map((entry) => {
    const [sha = '', parent = '', author = '', ...message] = entry.split('\n');
    return { sha, parent: parent || null, author: Buffer.from(author, 'latin1').toString(), message: Buffer.from(message.join('\n'), 'latin1') };
  });
}
