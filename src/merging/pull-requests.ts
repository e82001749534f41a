// Asks for merges by pull request: pushes branches of orch's own and sees that each has a request. What is there already
// is found, never made twice; what somebody else has put on a branch, or turned down, is left alone. Decides over an
// injected host; each step is recorded before it is taken.
import { crashPoint } from '../lib/crash-point.ts';
import type { Sha, TaskId } from '../plan/plan.ts';
import type { Fact, PullRequest } from '../run/events.ts';
import type { RequestText } from './pull-request-text.ts';

export interface BranchRequest {
  /** Without `refs/heads/`. */
  readonly branch: string;
  readonly head: Sha;
  readonly tasks: readonly TaskId[];
  /** Where orch has put this branch before, or was about to. */
  readonly heads: readonly Sha[];
  /** `urlOf`: where a task's work is asked to be merged, as far as that is known by then. */
  readonly text: (urlOf: (task: TaskId) => string | null) => RequestText;
}

/** A pull request, and the commit that its branch was at when it was last looked at. */
export type FoundRequest = PullRequest & { readonly head: Sha };

/** Each rejects with an Error that says what was refused. */
export interface RequestHost {
  heads(branches: readonly string[]): Promise<ReadonlyMap<string, Sha>>;
  push(branches: readonly { readonly branch: string; readonly head: Sha; readonly expected: Sha | null }[]): Promise<ReadonlyMap<string, string>>;
  /** Those of this branch into the target, newest first. */
  find(branch: string): Promise<readonly FoundRequest[]>;
  open(branch: string, text: RequestText): Promise<PullRequest>;
  /** Whether a commit, which the remote has on this branch or for this request, contains another one; false if it cannot be told. */
  contains(commit: Sha, part: Sha, at: { readonly branch: string } | { readonly request: number }): Promise<boolean>;
}

export interface RequestOptions {
  readonly host: RequestHost;
  readonly record: (facts: readonly Fact[]) => Promise<void>;
  readonly stop: AbortSignal;
}

interface Asked {
  readonly branch: BranchRequest;
  /** The one that is good for this head; null = one is to be opened. */
  readonly found: PullRequest | null;
}

/** Pushes and asks, in this order. Every task of these branches is told of by a fact, unless recording fails. */
export async function requestMerges(branches: readonly BranchRequest[], { host, record, stop }: RequestOptions): Promise<void> {
  const urls = new Map<TaskId, string>();
  const refuse = async ({ tasks }: Pick<BranchRequest, 'tasks'>, why: string): Promise<void> => {
    await record(tasks.map((task): Fact => ({ type: 'task-unmerged', task, merge: 'unmerged', message: why })));
  };
  const see = async ({ branch, tasks }: BranchRequest, { number, url, state }: PullRequest, isNew: boolean): Promise<void> => {
    for (const task of tasks) urls.set(task, url);
    await record([{ type: 'pull-request-seen', branch, tasks, request: { number, url, state }, isNew }]);
    if (state === 'closed') await refuse({ tasks }, `its pull request was closed without being merged: ${url}`);
  };
  const asked: Asked[] = [];
  for (const branch of branches) {
    const found = stop.aborted ? STOPPED : await host.find(branch.branch).catch(whyOf);
    if (typeof found === 'string') await refuse(branch, found);
    else {
      // Another head than the one that was merged or turned down is another question.
      const open = found.find(({ state }) => state === 'open') ?? null;
      const settled = open === null ? await settledFor(branch, found, host) : null;
      if (settled !== null) await see(branch, settled, false);
      else asked.push({ branch, found: open });
    }
  }
  const refused = await pushAll(asked.map(({ branch }) => branch), { host, record, stop });
  for (const { branch, found } of asked) {
    const why = refused.get(branch.branch);
    if (why !== undefined) await refuse(branch, why);
    else if (found !== null) await see(branch, found, false);
    else if (stop.aborted) await refuse(branch, STOPPED);
    else {
      const opened = await host.open(branch.branch, branch.text((task) => urls.get(task) ?? null)).catch(whyOf);
      crashPoint('pull-request-opened');
      if (typeof opened === 'string') await refuse(branch, `pushed, but no pull request could be opened: ${opened}`);
      else await see(branch, opened, true);
    }
  }
}

/** The newest one that was merged or turned down with all of a branch's work, whatever others have put on top of it. */
async function settledFor({ head }: BranchRequest, found: readonly FoundRequest[], host: RequestHost): Promise<PullRequest | null> {
  for (const request of found) if (request.head === head || (await host.contains(request.head, head, { request: request.number }))) return request;
  return null;
}

const STOPPED = 'stopped before its pull request was opened';

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns why not, for the branches that are not on the remote. */
async function pushAll(branches: readonly BranchRequest[], { host, record, stop }: RequestOptions): Promise<ReadonlyMap<string, string>> {
  if (branches.length === 0) return new Map();
  const all = (why: string): ReadonlyMap<string, string> => new Map(branches.map(({ branch }) => [branch, why]));
  const heads = stop.aborted ? STOPPED : await host.heads(branches.map(({ branch }) => branch)).catch(whyOf);
  if (typeof heads === 'string') return all(heads);
  const refused = new Map<string, string>();
  const pushes: { branch: string; head: Sha; expected: Sha | null; request: BranchRequest }[] = [];
  for (const request of branches) {
    const at = heads.get(request.branch) ?? null;
    const where = { branch: request.branch };
    if (at !== null && (at === request.head || (await host.contains(at, request.head, where)))) continue;
    // A commit that orch did not put there is somebody's work.
    const isOurs = at === null || request.heads.includes(at) || (await host.contains(request.head, at, where));
    if (isOurs) pushes.push({ branch: request.branch, head: request.head, expected: at, request });
    else refused.set(request.branch, `not pushed: ${request.branch} of the remote has commits that orch did not put there (${at.slice(0, 12)})`);
  }
  if (pushes.length === 0) return refused;
  await record(pushes.map(({ branch, head, request }): Fact => ({ type: 'pull-request-pushing', branch, head, tasks: request.tasks })));
  crashPoint('pull-request-pushing');
  const answer = stop.aborted ? STOPPED : await host.push(pushes.map(({ branch, head, expected }) => ({ branch, head, expected }))).catch(whyOf);
  crashPoint('pull-request-pushed');
  for (const { branch } of pushes) {
    const why = typeof answer === 'string' ? answer : answer.get(branch);
    if (why !== undefined) refused.set(branch, `not pushed: ${why}`);
  }
  return refused;
}
