// What every phase is given: the plan, the effects, and where an attempt's files are. Types and small derivations only.
import { EXIT, OrchError } from '../errors.ts';
import type { Adapter } from '../agents/adapter.ts';
import type { Clock, Files, Integrity, Processes, Repository, Sandbox, Workspace, Workspaces } from '../effects/effects.ts';
import type { Plan, PlannedTask, Sha, TaskId } from '../plan/plan.ts';
import type { Action, AgentOutput, Fact, FailureReason, PhaseDetail, PhaseResult, RetryClass } from '../run/events.ts';
import type { Stop } from '../run/driver.ts';
import type { RunState, TaskState } from '../run/state.ts';

/** Paths of one attempt's files, all absolute. */
export interface AttemptPaths {
  readonly dir: string;
  readonly prompt: string;
  readonly log: string;
  /** How the agent ended, before anything is made of it. */
  readonly ended: string;
  readonly result: string;
  /** The git commands that the agent ran. */
  readonly trace: string;
  /** What the client says that it used, where it writes that to a file. */
  readonly report: string;
  /** `$ORCH_OUTPUT`. */
  readonly output: string;
}

export interface PhaseContext {
  readonly plan: Plan;
  /** Branches whose tasks were run again after they had settled: the run's events by then. */
  readonly reopened?: Map<string, number>;
  /** Where the branch that is merged into is, or what waits for it; null = there is none. */
  readonly targetTip: (target: string) => Promise<Sha | null>;
  /** The folder of the run's records. */
  readonly runDir: string;
  readonly repo: Repository;
  readonly clock: Clock;
  readonly files: Files;
  readonly processes: Processes;
  readonly workspaces: Workspaces;
  readonly integrity: Integrity;
  readonly adapterOf: (adapter: string) => Adapter;
  readonly attemptPaths: (task: TaskId, attempt: number) => AttemptPaths;
  /** The environment of a child: the allow-list of ours, and `set` over it. `pass` are further names to inherit. */
  readonly environment: (set: Readonly<Record<string, string>>, pass: readonly string[]) => Record<string, string>;
  /** What the processes of an attempt may touch; null = all that the user may. */
  readonly sandboxOf: (workspace: Workspace, paths: AttemptPaths) => Promise<Sandbox | null>;
  readonly newId: () => string;
  readonly onOutput: (output: AgentOutput) => void;
  readonly onSignal: (signal: Extract<Fact, { type: 'provider-signal' }>) => void;
}

/** One phase of one attempt. */
export interface Job {
  readonly action: Action;
  readonly task: PlannedTask;
  readonly state: TaskState;
  readonly run: RunState;
  readonly stop: Stop;
}

/** A failure as a value. */
export function failed(reason: FailureReason, retry: RetryClass, message: string, detail: PhaseDetail = {}): PhaseResult {
  return { ok: false, reason, retry, message, detail };
}

const NO_ROOM = /ENOSPC|EDQUOT|EROFS|EIO\b|No space left|Out of disk ?space|quota exceeded|Read-only file system|Input\/output error/i;

/** Throws OrchError (exit 74) when a message says that the disk is full, read-only or broken: the run stops, and can go on. */
export function requireRoom(run: string, message: string): void {
  if (NO_ROOM.test(message)) throw new OrchError({ code: 'no-room', message, hint: `make room or mend the disk, then: orch resume ${run}`, exitCode: EXIT.stateNotWritable });
}

/** The workspace that an earlier phase of this attempt made, or null when none is known. */
export function workspaceOf({ plan }: PhaseContext, { task, state, action }: Pick<Job, 'task' | 'state' | 'action'>): Workspace | null {
  if (state.worktree === null || state.start === null) return null;
  return { run: plan.run, task: task.id, attempt: action.attempt, branch: branchOf(task, state), path: state.worktree, start: state.start };
}

/** The branch that a task's attempts work on: work that is being resolved stays on the task's own. */
export function branchOf({ branch }: PlannedTask, { resolving }: TaskState): string {
  return resolving === null ? branch : `${branch}+resolved`;
}

/** The variables that every command of an attempt sees (spec §7). */
export async function attemptVariables(context: PhaseContext, { task, action }: Pick<Job, 'task' | 'action'>, workspace: Workspace): Promise<Record<string, string>> {
  const paths = context.attemptPaths(task.id, action.attempt);
  return {
    ...(await context.workspaces.variables(workspace)),
    ...task.env,
    ORCH_RUN_ID: context.plan.run,
    ORCH_RUN_DIR: context.runDir,
    ORCH_TASK_ID: task.id,
    ORCH_ATTEMPT: String(action.attempt),
    ORCH_BRANCH: workspace.branch,
    ORCH_BASE: workspace.start,
    ORCH_PROMPT_FILE: paths.prompt,
    ORCH_OUTPUT: paths.output,
  };
}

/** The sandbox of an attempt as part of a process, where there is one. */
export async function sandboxed(context: PhaseContext, workspace: Workspace, paths: AttemptPaths): Promise<{ readonly sandbox?: Sandbox }> {
  const sandbox = await context.sandboxOf(workspace, paths);
  return sandbox === null ? {} : { sandbox };
}
