// What an agent made of its git folder: where its HEAD is, what it left half-done, what it stashed. Reads files, believes
// none of them for longer than it takes to compare.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Sha } from '../../plan/plan.ts';
import { operationAmong } from '../git/repository.ts';
import { textOf } from '../small-file.ts';

export interface AgentState {
  /** A full reference, a sha (detached), or null (missing or nonsense). */
  readonly head: string | null;
  /** Names in the git folder; null when there is no such folder. */
  readonly names: readonly string[] | null;
  /** `merge`, `rebase`, …; null = nothing under way. */
  readonly operation: string | null;
  /** Changes whenever the agent's index file is written. */
  readonly indexStamp: string;
}

/** Reads the state of a worktree's git folder. */
export function agentState(admin: string): AgentState {
  const names = namesIn(admin);
  return { names, indexStamp: stampOf(path.join(admin, 'index')), operation: operationAmong(names ?? []), head: headOf(textOf(path.join(admin, 'HEAD'))) };
}

function namesIn(folder: string): string[] | null {
  try {
    return readdirSync(folder);
  } catch {
    return null;
  }
}

function headOf(text: string | null): string | null {
  return /^(?:ref: )?(refs\/\S+|[0-9a-f]{40,64})\n?$/.exec(text ?? '')?.[1] ?? null;
}

/** Identifies one state of a file; `none` when there is no file. */
export function stampOf(file: string): string {
  try {
    const info = statSync(file, { bigint: true });
    return `${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`;
  } catch {
    return 'none';
  }
}

/** Commits in MERGE_HEAD: they may be on no reference. */
export function mergeHeads(admin: string): Sha[] {
  return (textOf(path.join(admin, 'MERGE_HEAD')) ?? '').split('\n').filter((line) => /^[0-9a-f]{40,64}$/.test(line));
}

/** The commit that HEAD was on last, by its reflog: for a branch that was deleted under it. */
export function lastHead(admin: string): Sha | null {
  const lines = (textOf(path.join(admin, 'logs', 'HEAD')) ?? '').trimEnd().split('\n').toReversed();
  // Deleting the branch is an entry too, to nothing.
  const commits = lines.flatMap((line) => /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) /.exec(line)?.slice(1).toReversed() ?? []);
  return commits.find((sha) => !/^0+$/.test(sha)) ?? null;
}

/** Stashes whose message names this branch. The list of stashes is one for the whole repository. */
export function stashesOf(commonDir: string, branch: string): Sha[] {
  return stashLog(commonDir).filter(({ message }) => message.startsWith(`WIP on ${branch}:`) || message.startsWith(`On ${branch}:`)).map(({ sha }) => sha);
}

/** The list of stashes of a repository. */
export function stashLog(commonDir: string): { readonly sha: Sha; readonly message: string }[] {
  const log = textOf(path.join(commonDir, 'logs', 'refs', 'stash')) ?? '';
  return log.split('\n').flatMap((line) => {
    const [head = '', message = ''] = line.split('\t');
    const sha = /^[0-9a-f]{40,64} ([0-9a-f]{40,64}) /.exec(head)?.[1];
    return sha === undefined ? [] : [{ sha, message }];
  });
}

/** The commit of a loose branch file; null when it is packed, missing or symbolic, so that git must be asked. */
export function looseBranch(commonDir: string, branch: string): Sha | null {
  return /^([0-9a-f]{40,64})\n$/.exec(textOf(path.join(commonDir, 'refs', 'heads', branch)) ?? '')?.[1] ?? null;
}
