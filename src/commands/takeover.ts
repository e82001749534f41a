// Whether a person can go on with a task's session by hand, and with which: everything that stands against it, with the
// reason. Reads only.
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Adapter, AgentWork } from '../agents/adapter.ts';
import { adapterFor } from '../agents/adapters.ts';
import type { Repository, Workspace } from '../effects/effects.ts';
import { branchTip } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { loadHolder } from '../journal/lock.ts';
import { loadRun } from '../journal/store.ts';
import { LineSplitter } from '../lib/lines.ts';
import { startedTask } from '../phases/needs.ts';
import type { AgentSpec, Plan, PlannedTask, RunId, Sha } from '../plan/plan.ts';
import { grownPlan } from '../run/grown.ts';
import type { TaskState } from '../run/state.ts';
import { stateOf } from './records.ts';

/** A task whose agent's session can be continued. */
export interface Takeover {
  readonly plan: Plan;
  readonly runDir: string;
  readonly task: PlannedTask;
  readonly state: TaskState;
  readonly work: AgentWork;
  readonly spec: AgentSpec;
  readonly adapter: Adapter;
  readonly workspace: Workspace;
  /** Where its branch is. */
  readonly tip: Sha;
  readonly sessionId: string;
  /** Program and arguments; a program of the repository is absolute. */
  readonly command: readonly string[];
  /** A process of orch is working on the run. */
  readonly isLive: boolean;
}

/** The session of a task that exists. Throws OrchError (3) with the reason why it cannot be continued, or not now. */
export async function requireTakeover(repo: Repository, run: RunId, id: string): Promise<Takeover> {
  const loaded = await loadRun(repo.commonDir, run);
  const { paths } = loaded;
  const isLive = (await loadHolder(paths.dir)) !== null;
  const runState = stateOf(loaded);
  const plan = grownPlan(loaded.plan, runState);
  const index = plan.tasks.findIndex((each) => each.id === id);
  const [planned, state] = [plan.tasks[index], runState.tasks[index]];
  if (planned === undefined || state === undefined) throw new Error(`the plan has no task ${id}`);
  const { work } = planned;
  const spec = work.kind === 'agent' ? plan.agents[work.agent] : undefined;
  if (work.kind !== 'agent' || spec === undefined) throw refusal(`${id} is a command: there is no agent's session to continue`, `orch logs ${id}`);
  if (isLive) requireLeftAlone({ id, run, state, isPutAway: runState.unreleased.includes(index) });
  if (state.start === null) throw refusal(`${id} has not started: there is no session to continue`, `orch resume ${run}`);
  const adapter = adapterFor(spec.adapter);
  if (!adapter.capabilities.resume) throw refusal(`agent ${spec.name} has no sessions that could be continued`, `its work is on ${planned.branch}: orch diff ${id}`);
  const files = paths.attempt(id, Math.max(1, state.attempts));
  const sandbox = path.join(files.dir, 'sandbox');
  if (await isThere(sandbox)) throw refusal(`the session of ${id} is inside its sandbox, and a program outside cannot continue it`, `the sandbox's home is ${path.join(sandbox, 'home')}; the work is on ${planned.branch}`);
  // What an attempt that was cut off said of itself is not in the run's records.
  const sessionId = (await sessionInLog(files.output, adapter, spec)) ?? state.report?.sessionId ?? null;
  const argv = sessionId === null ? null : adapter.resumeCommand(spec, sessionId);
  if (sessionId === null || argv === null) throw refusal(`the session of ${id} is not known: its agent never named one`, `orch logs ${id}`);
  const tip = await branchTip(repo, planned.branch);
  if (tip === null) throw missingBranch(planned, state);
  const task = startedTask(plan, planned, runState);
  const [program = '', ...args] = argv;
  return {
    plan, runDir: paths.dir, task, state, work, spec, adapter, sessionId, tip, isLive,
    command: [program.includes('/') ? path.resolve(repo.topLevel ?? repo.commonDir, program) : program, ...args],
    workspace: { run, task: id, attempt: Math.max(1, state.attempts), branch: task.branch, path: path.join(plan.worktrees.root, run, id), start: state.start },
  };
}

function refusal(message: string, hint: string): OrchError {
  return new OrchError({ code: 'no-takeover', message, hint, exitCode: EXIT.preflight });
}

/** A run that goes on still owns its tasks, except those that have failed for good. */
function requireLeftAlone({ id, run, state: { now }, isPutAway }: { id: string; run: RunId; state: TaskState; isPutAway: boolean }): void {
  if (now.at === 'running') throw refusal(`${id} is still running (${now.phase})`, `orch logs ${id} -f shows what it does, orch cancel ${id} stops it`);
  if (now.at !== 'settled') throw refusal(`${id} has not ended: run ${run} will go on with it`, `orch status ${run} ${id}`);
  // Its branch is watched until then: what somebody commits there would be taken for tampering, and put back.
  if (now.outcome === 'completed') throw refusal(`${id} has completed, and run ${run} keeps its branch as it is until the run ends`, `orch diff ${id} shows it meanwhile`);
  if (isPutAway) throw refusal(`${id} has just ended, and its worktree is being put away`, 'try again in a moment');
}

function missingBranch({ id, branch }: PlannedTask, { delivery }: TaskState): OrchError {
  const message = `the branch ${branch} of ${id} is missing`;
  if (delivery === null) return refusal(message, 'nothing was delivered; orch resume --failed runs it again');
  return refusal(message, `its work was ${delivery.head}, as long as git has it: git branch ${branch} ${delivery.head}`);
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(() => true, () => false);
}

const LOG_BYTES = 1024 * 1024;

/** The session that an attempt's output names, as far as its beginning does. */
async function sessionInLog(log: string, adapter: Adapter, spec: AgentSpec): Promise<string | null> {
  const handle = await open(log, 'r').catch(() => null);
  if (handle === null) return null;
  try {
    const reader = adapter.read(spec);
    const splitter = new LineSplitter((line) => void reader.line(line, 'stdout'));
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOG_BYTES), 0, LOG_BYTES, 0);
    splitter.push(buffer.subarray(0, bytesRead));
    return reader.verdict({ exit: { kind: 'code', code: 0 }, stdoutTail: '', stderrTail: '', now: 0 }).report.sessionId;
  } finally {
    await handle.close();
  }
}
