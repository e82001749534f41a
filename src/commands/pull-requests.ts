// Puts the parts of asking for merges by pull request together: the remote and its host, what is pushed, what is said.
// A host that cannot be used is found before a run or a merge begins.
import type { Repository } from '../effects/effects.ts';
import { chooseForge, createForge, type Forge } from '../effects/forge.ts';
import { commitsOf } from '../effects/git/merge-history.ts';
import { remoteOf, type Remote } from '../effects/git/remote.ts';
import { branchTip, isAncestor, repositoryFolder } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { Redactor, secretsOf } from '../lib/redact.ts';
import { deliveredBranches } from '../merging/branches.ts';
import { requestMerges, type BranchRequest, type RequestHost } from '../merging/pull-requests.ts';
import { runRequestText, taskRequestText, type LeftOut, type RequestedTask, type RequestText } from '../merging/pull-request-text.ts';
import type { WaitingMerge } from '../merging/desk.ts';
import { waitingBranch } from '../merging/run-merge.ts';
import type { Plan, Sha, TaskId } from '../plan/plan.ts';
import type { Fact } from '../run/events.ts';
import { mergeNeeds } from '../run/merges.ts';
import type { RunState } from '../run/state.ts';

/** A remote that has the target, and the program that opens requests there. */
export interface RequestPlace {
  readonly remote: Remote;
  readonly forge: Forge;
}

export interface RequestParts {
  readonly plan: Plan;
  readonly state: RunState;
  readonly repo: Repository;
  /** The run's folder. */
  readonly dir: string;
  readonly stop: AbortSignal;
  readonly record: (facts: readonly Fact[]) => Promise<void>;
}

/** Of one question to the network. */
const ANSWER_MS = 5 * 60_000;

/** Where pull requests into this branch go. Throws OrchError (3) with what is missing. */
export async function requireRequestPlace(repo: Repository, target: string, limits: { readonly env?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {}): Promise<RequestPlace> {
  const call = { cwd: repositoryFolder(repo), env: {}, timeoutMs: ANSWER_MS, ...limits };
  const remote = await remoteOf(repo, target, call);
  if (remote === null) throw refuse('no-remote', `pull requests need a remote, and ${target} has none`, 'git remote add origin URL; or leave out `via`');
  const choice = await chooseForge(remote.urls, call);
  if (!choice.ok) throw refuse('no-forge', choice.message, choice.hint);
  const heads = await remote.heads([target]).catch((error: Error) => error);
  if (heads instanceof Error) throw refuse('remote-unreachable', heads.message, `try it: git ls-remote ${remote.name}`);
  if (!heads.has(target)) throw refuse('no-remote-target', `remote ${remote.name} has no branch ${target} that a pull request could be merged into`, `git push ${remote.name} ${target}; or name another one: into`);
  return { remote, forge: createForge(choice, call) };
}

function refuse(code: string, message: string, hint: string): OrchError {
  return new OrchError({ code, message, hint, exitCode: EXIT.preflight });
}

/** One request for the branch where the merged result waits; `leftOut` was not merged. Returns notes. */
export async function requestWaiting(parts: RequestParts, waiting: readonly WaitingMerge[], leftOut: readonly LeftOut[]): Promise<readonly string[]> {
  const { plan, state, repo } = parts;
  const branch = waitingBranch(plan.run);
  const head = await branchTip(repo, branch);
  const tasks = waiting.map(({ task }) => task);
  if (head === null) throw new Error(`${branch} is not there although results wait on it`);
  const text = (): RequestText => runRequestText({
    run: plan.run, name: plan.name, head, verify: state.merging?.settings.verify ?? [],
    tasks: tasks.map((id) => requestedTask(plan, state, id)), leftOut,
  });
  return await request(parts, [{ branch, head, tasks, heads: headsOf(parts, tasks, branch), text }]);
}

/** One request for each task's own branch, as it was delivered. Returns the fact that ends the merge. */
export async function requestEach(parts: RequestParts): Promise<Fact> {
  const { plan, state, repo, record } = parts;
  const { merging } = state;
  if (merging === null) throw new Error('no merge is under way');
  const has = (await commitsOf(repo, merging.target, plan.base.sha)) ?? new Set<Sha>();
  const branches = needsFirst(plan, state, merging.tasks).flatMap((id) => deliveredBranches(plan, state, [id]));
  await record(branches.filter(({ tip }) => has.has(tip)).map(({ id, tip }): Fact => ({ type: 'task-merged', task: id, commit: tip })));
  const requests = branches.filter(({ tip }) => !has.has(tip)).map(({ id, tip, needs }): BranchRequest => {
    const branch = plan.tasks.find((task) => task.id === id)?.branch ?? '';
    return {
      branch, head: tip, tasks: [id], heads: headsOf(parts, [id], branch),
      text: (urlOf) => taskRequestText(plan.run, requestedTask(plan, state, id), needs.map((need) => ({ id: need, url: urlOf(need) }))),
    };
  });
  return { type: 'merge-finished', notes: await request(parts, requests) };
}

async function request(parts: RequestParts, branches: readonly BranchRequest[]): Promise<readonly string[]> {
  const { plan, state, repo, stop, dir } = parts;
  const target = state.merging?.target ?? '';
  const redact = redactor();
  const record = async (facts: readonly Fact[]): Promise<void> => {
    await parts.record(facts.map((fact) => (fact.type === 'task-unmerged' ? { ...fact, message: redact(fact.message) } : fact)));
  };
  if (branches.length === 0) return [];
  const place = await requireRequestPlace(repo, target, { signal: stop, env: { ORCH_RUN_ID: plan.run, ORCH_RUN_DIR: dir } }).catch((error: unknown) => {
    if (error instanceof OrchError) return error;
    throw error;
  });
  if (place instanceof OrchError) {
    await record(branches.flatMap(({ tasks }) => tasks.map((task): Fact => ({ type: 'task-unmerged', task, merge: 'unmerged', message: place.message }))));
    return place.hint === undefined ? [] : [redact(place.hint)];
  }
  const { remote, forge } = place;
  const host: RequestHost = {
    heads: async (names) => await remote.heads(names),
    push: async (pushes) => await remote.push(plan.run, pushes),
    find: async (branch) => await forge.find(branch, target),
    open: async (branch, text) => await forge.open({ branch, target, title: redact(text.title), body: redact(text.body) }),
    async contains(commit, part, at) {
      const isHere = commit !== '' && (await isAncestor(repo, commit, commit));
      if (!isHere) await remote.fetch('branch' in at ? `refs/heads/${at.branch}` : forge.refOf(at.request));
      return await isAncestor(repo, part, commit);
    },
  };
  await requestMerges(branches, { host, record, stop });
  return [];
}

/** Takes out what variables that are named like secrets hold. */
function redactor(): (text: string) => string {
  const secrets = secretsOf(Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))));
  return (text) => {
    const stream = new Redactor(secrets);
    return Buffer.concat([stream.push(Buffer.from(text)), stream.end()]).toString();
  };
}

/** Each after those whose work it contains, so that it can name their requests. */
function needsFirst(plan: Plan, state: RunState, tasks: readonly TaskId[]): readonly TaskId[] {
  const done = new Set<TaskId>();
  const visit = (id: TaskId): void => {
    if (done.has(id)) return;
    for (const need of mergeNeeds(plan, state, id)) if (tasks.includes(need)) visit(need);
    done.add(id);
  };
  for (const id of tasks) visit(id);
  return [...done];
}

function headsOf({ plan, state }: RequestParts, tasks: readonly TaskId[], branch: string): readonly Sha[] {
  const wanted = new Set(tasks);
  return plan.tasks.flatMap(({ id }, index) => {
    const known = state.tasks[index]?.pullRequest;
    return wanted.has(id) && known?.branch === branch ? known.heads : [];
  });
}

function requestedTask(plan: Plan, state: RunState, id: TaskId): RequestedTask {
  const index = plan.tasks.findIndex((task) => task.id === id);
  const task = plan.tasks[index];
  const known = state.tasks[index];
  const { filesChanged = 0, insertions = 0, deletions = 0 } = known?.delivery ?? {};
  return {
    id, name: task?.name ?? id, attempt: known?.attempts ?? 1, prompt: task?.work.kind === 'agent' ? task.work.prompt : null,
    filesChanged, insertions, deletions, verify: known?.verified === true ? (task?.verify ?? []) : [],
  };
}
