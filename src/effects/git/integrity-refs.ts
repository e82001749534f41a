// References that others than their owner have moved: which ones, and whose hand it can have been. Moves back what is
// orch's, or a branch that was moved under a checkout; anything else is only told.
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { createRefReader } from './loose-refs.ts';
import { requireGit } from './plumbing.ts';

/** Every reference and what it points to. */
export type RefStates = ReadonlyMap<string, Sha>;

export interface RefChange {
  readonly ref: string;
  readonly before: Sha | null;
  readonly after: Sha | null;
  /** `ours`: only orch moves it. `checkout`: somebody moved it under a checkout. `theirs`: it may have been the user. */
  readonly owner: 'ours' | 'checkout' | 'theirs';
  /** When, as far as its file tells; milliseconds since the Unix epoch. */
  readonly changedAt: number | null;
}

/** What is watched: branches, tags, and what orch has saved. */
const WATCHED = ['refs/heads', 'refs/tags', 'refs/orch/rescue'];

/** A look at the references, as often as it is called: agents begin and end by the hundred. */
export function createRefLook(repo: Repository): () => Promise<RefStates> {
  if (existsSync(path.join(repo.commonDir, 'reftable'))) return async () => await askForRefs(repo);
  const read = createRefReader(repo.commonDir, WATCHED);
  return async () => {
    // In a turn of the event loop of its own: many agents may end at once.
    await setImmediate();
    return read();
  };
}

async function askForRefs(repo: Repository): Promise<RefStates> {
  const env = { ...gitEnvironment(), GIT_DIR: repo.commonDir };
  const out = await requireGit(['for-each-ref', '--format=%(objectname) %(refname)', ...WATCHED], { cwd: repo.commonDir, env });
  return new Map(out.toString().split('\n').filter((line) => line !== '').map((line) => {
    const space = line.indexOf(' ');
    return [line.slice(space + 1), line.slice(0, space)];
  }));
}

/**
 * What differs; `settled` are branches of tasks that have ended, with the commits that they must be at. `since` is when
 * `before` was seen, in milliseconds since the Unix epoch.
 */
export async function refChanges(repo: Repository, before: RefStates, { after, settled, since }: { after: RefStates; settled: RefStates; since: number }): Promise<RefChange[]> {
  const changes: RefChange[] = [];
  for (const [ref, sha] of settled) {
    const now = after.get(ref) ?? null;
    if (now === sha) continue;
    const owner = now !== null && (await checkouts(repo)).some(({ log }) => isLogged(log, now, since)) ? 'theirs' : 'ours';
    changes.push(await changeOf(repo, ref, { before: sha, after: now, owner }));
  }
  // Most are as they were, and there may be thousands.
  const moved = [...before].filter(([ref, sha]) => after.get(ref) !== sha);
  const made = [...after].filter(([ref]) => !before.has(ref));
  for (const [ref] of [...moved, ...made]) {
    const [old, now] = [before.get(ref) ?? null, after.get(ref) ?? null];
    if (settled.has(ref)) continue;
    // New ones are orch's own doing; one that is there is never moved by anybody.
    if (ref.startsWith('refs/orch/rescue/') && old !== null) changes.push(await changeOf(repo, ref, { before: old, after: now, owner: 'ours' }));
    if (/^refs\/(heads|tags)\/(?!orch\/)/.test(ref)) {
      const logs = await checkouts(repo);
      // The user, at work in a checkout.
      if (now !== null && logs.some(({ log }) => isLogged(log, now, since))) continue;
      const owner = old !== null && logs.some(({ head, log }) => head === `ref: ${ref}` && log !== null) ? 'checkout' : 'theirs';
      changes.push(await changeOf(repo, ref, { before: old, after: now, owner }));
    }
  }
  return changes;
}

async function changeOf(repo: Repository, ref: string, rest: Pick<RefChange, 'before' | 'after' | 'owner'>): Promise<RefChange> {
  const changedAt = await stat(path.join(repo.commonDir, ref)).then((info) => info.ctimeMs, () => null);
  return { ref, ...rest, changedAt };
}

/**
 * Whether a checkout has gone to this commit since then: whoever commits, merges, switches or resets in one leaves a line in
 * the log of its HEAD. Where no such log is kept, nothing can be told.
 */
function isLogged(log: string | null, commit: Sha, since: number): boolean {
  return (log ?? '').split('\n').some((line) => {
    const [, to, seconds] = /^[0-9a-f]+ ([0-9a-f]+) [^\t]*> (\d+) [-+]\d+/.exec(line) ?? [];
    // The log knows whole seconds.
    return to === commit && (Number(seconds) + 1) * 1000 >= since;
  });
}

/** The working trees that orch did not make: where they are, and where they have been lately. */
async function checkouts(repo: Repository): Promise<{ head: string; log: string | null }[]> {
  const names = await readdir(path.join(repo.commonDir, 'worktrees')).catch(() => []);
  const folders = [repo.commonDir, ...names.map((name) => path.join(repo.commonDir, 'worktrees', name))];
  const found = await Promise.all(folders.map(async (folder) => {
    const text = async (file: string): Promise<string | null> => await readFile(path.join(folder, file), 'utf8').catch(() => null);
    if ((await text('locked'))?.startsWith('orch run=') === true) return null;
    return { head: (await text('HEAD'))?.trim() ?? '', log: (await text(path.join('logs', 'HEAD')))?.slice(-256 * 1024) ?? null };
  }));
  return found.filter((each) => each !== null);
}
