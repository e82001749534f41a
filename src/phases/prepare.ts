// The prepare phase: a worktree and a branch that start from the base, or from the merge of the needs' branches, and the
// task's setup commands. Leaves nothing half-made that the next attempt could not take over.
import type { CreateResult } from '../effects/effects.ts';
import type { Sha } from '../plan/plan.ts';
import type { PhaseResult } from '../run/events.ts';
import { indexOfTask } from '../run/plan-index.ts';
import { choose } from './choose.ts';
import { branchOf, failed, type Job, type PhaseContext } from './context.ts';
import { setUp } from './setup.ts';

export async function prepare(context: PhaseContext, job: Job): Promise<PhaseResult> {
  const { plan, workspaces } = context;
  const { task, action, state } = job;
  if (task.choose !== undefined) return await choose(context, job);
  if (action.attempt > 1) context.reopened?.set(`refs/heads/${task.branch}`, job.run.seq);
  const starts = await startsOf(context, job);
  const created = await workspaces.create({
    run: plan.run, task: task.id, attempt: action.attempt, branch: branchOf(task, state),
    starts: starts.map(({ sha }) => sha), copy: plan.worktrees.copy, link: plan.worktrees.link,
  });
  if (!created.ok) return refusal(created, starts);
  const { workspace, notes } = created;
  const detail = { worktree: workspace.path, start: workspace.start, notes };
  const ready = await setUp(context, job, { workspace, detail });
  if (!ready.ok || state.resolving === null) return ready;
  const begun = await workspaces.beginMerge(workspace, state.resolving.delivery.head);
  return begun.ok ? ready : failed('workspace', 'never', `the conflict could not be set up: ${begun.message}`, detail);
}

/** The commits that the task starts from, with the names that a conflict is reported by. */
async function startsOf({ plan, targetTip }: PhaseContext, { task, state, run }: Job): Promise<{ sha: Sha; name: string }[]> {
  const target = run.mergeAs?.target ?? plan.target;
  const isFromTarget = task.base === 'target' || state.conflicts > 0;
  const tip = isFromTarget && target !== null ? await targetTip(target) : null;
  const starts = task.needs.flatMap((id) => {
    const need = run.tasks[indexOfTask(plan, id)];
    // The target has it, perhaps as another commit.
    const isThere = tip !== null && need?.merge?.status === 'merged';
    return need?.delivery == null || isThere ? [] : [{ sha: need.delivery.head, name: id }];
  });
  if (tip !== null && target !== null) return [{ sha: tip, name: target }, ...(state.resolving === null ? starts : [])];
  return starts.length === 0 ? [{ sha: plan.base.sha, name: plan.base.ref }] : starts;
}

function refusal(created: Extract<CreateResult, { ok: false }>, starts: readonly { sha: Sha; name: string }[]): PhaseResult {
  if (created.kind === 'conflict') {
    const names = starts.filter(({ sha }) => created.between.includes(sha)).map(({ name }) => name);
    const files = created.files.slice(0, 5).join(', ') + (created.files.length > 5 ? `, and ${created.files.length - 5} more` : '');
    return failed('needs-conflict', 'never', `the branches of ${names.join(' and ')} conflict in ${files}`);
  }
  return failed('workspace', created.transient ? 'infrastructure' : 'never', created.message);
}
