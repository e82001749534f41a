// `orch teleport TASK`: the agent's own session, continued by hand in the task's worktree. Brings back a worktree that was
// removed and changes nothing in one that is there; what a person does in it is theirs.
import { createClock } from '../effects/clock.ts';
import type { Repository, Workspaces } from '../effects/effects.ts';
import { agentEnvironment } from '../effects/env.ts';
import { branchTip, openRepository, repositoryFolder } from '../effects/git/repository.ts';
import { createProcesses } from '../effects/processes.ts';
import { runInForeground } from '../effects/processes/foreground.ts';
import { createWorkspaces } from '../effects/workspaces.ts';
import { EXIT, OrchError } from '../errors.ts';
import { acquire } from '../journal/lock.ts';
import { resolveRun } from '../journal/run-list.ts';
import { shellWords } from '../lib/shell.ts';
import { safeText } from '../lib/terminal.ts';
import { describeExit } from '../phases/command.ts';
import { requireAgent } from './preflight.ts';
import { loadStatus, requireTask } from './records.ts';
import { requireTakeover, type Takeover } from './takeover.ts';
import { note, print } from './terminal.ts';

export interface TeleportArgs {
  readonly task: string;
  readonly run?: string | undefined;
  readonly print?: boolean | undefined;
}

/** 0, or 1 when the client ended otherwise. Throws OrchError (2, 3) when there is nothing to continue. */
export async function teleportCommand(args: TeleportArgs): Promise<number> {
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  requireTask(await loadStatus(repo.commonDir, run), args.task);
  const takeover = await requireTakeover(repo, run, args.task);
  const isHere = args.print !== true && process.stdin.isTTY && process.stdout.isTTY;
  if (isHere) await requireAgent(takeover.spec, repositoryFolder(repo));
  const env = await bringBack(repo, takeover);
  const { workspace, command: [command = '', ...rest], spec, task } = takeover;
  if (!isHere) {
    const own = Object.keys({ ...spec.env, ...task.env });
    if (own.length > 0) note(`note: the agent also had ${own.join(', ')} set; orch teleport on a terminal sets them, too`);
    print([`cd ${shellWords([workspace.path], 'none')} && ${shellWords(takeover.command, 'none')}`]);
    return EXIT.ok;
  }
  note(`${task.id}: session ${safeText(takeover.sessionId)} in ${safeText(workspace.path)}`);
  const exit = await runInForeground({ command, args: rest, cwd: workspace.path, env });
  await sayWhatBecame(repo, takeover);
  if (exit.kind === 'code' && exit.code === 0) return EXIT.ok;
  note(`${command}: ${safeText(describeExit(exit))}`);
  return EXIT.incomplete;
}

/** Sees that the worktree is there; returns the environment that its agent had, without what orch told it of itself. */
async function bringBack(repo: Repository, takeover: Takeover): Promise<Record<string, string>> {
  const { plan, runDir, isLive } = takeover;
  const workspaces = await createWorkspaces({ repo, root: plan.worktrees.root, owner: { run: plan.run, dir: runDir } });
  // Against a resume, a merge or a clean-up that begins at this moment. A live run has the lock, and has left this task alone.
  const lock = isLive ? null : await acquire({ dir: runDir });
  try {
    await stopOrphans(takeover);
    await recover(workspaces, takeover);
    return await environment(workspaces, takeover);
  } finally {
    await workspaces.flush();
    await lock?.release();
  }
}

/** An agent that outlived its orch would work in the same worktree. */
async function stopOrphans({ plan, runDir, task, state }: Takeover): Promise<void> {
  if (state.now.at === 'settled') return;
  const stopped = await createProcesses({ clock: createClock() }).reap({ run: plan.run, task: task.id, dir: runDir });
  if (stopped > 0) note('note: what the last orch had left running of this task was stopped');
}

async function recover(workspaces: Workspaces, { plan, task, workspace, tip }: Takeover): Promise<void> {
  const { copy, link } = plan.worktrees;
  const recovered = await workspaces.recover(workspace, { head: tip, keepChanges: true, copy, link });
  if (!recovered.ok) {
    throw new OrchError({ code: 'no-worktree', message: `the worktree of ${task.id} is gone and cannot be made again: ${recovered.message}`, hint: `the work is on ${task.branch}`, exitCode: EXIT.preflight });
  }
  for (const line of recovered.notes) note(`note: ${safeText(line)}`);
  if (recovered.made && task.setup.length > 0) note(`note: setup has not run in it: ${safeText(task.setup.join('; '))}`);
}

async function environment(workspaces: Workspaces, { plan, adapter, spec, work, task, workspace, sessionId }: Takeover): Promise<Record<string, string>> {
  const launch = adapter.launch({ spec, work, prompt: '', promptFile: '', reportFile: '', newSessionId: sessionId, resume: sessionId });
  const set = { ...spec.env, ...launch.env, ...(await workspaces.variables(workspace)), ...task.env };
  return agentEnvironment({ parent: process.env, pass: [...plan.passEnv, ...adapter.passEnv], set });
}

/** What orch merges is what the task delivered: who commits by hand should know. */
async function sayWhatBecame(repo: Repository, { task, tip }: Takeover): Promise<void> {
  const now = await branchTip(repo, task.branch);
  if (now !== null && now !== tip) note(`${task.branch} is at ${now.slice(0, 10)} now; orch merge takes what the task delivered, so bring this in with: git merge ${task.branch}`);
}
