// The prepare phase: a worktree and a branch that start from the base, or from the merge of the needs' branches, and the
// task's setup commands. Leaves nothing half-made that the next attempt could not take over.
import type { CreateResult } from '../effects/effects.ts';
import type { Sha } from '../plan/plan.ts';
import type { PhaseResult } from '../run/events.ts';
import { indexOfTask } from '../run/plan-index.ts';
import { choose } from './choose.ts';
import { failed, type Job, type PhaseContext } from './context.ts';
import { setUp } from './setup.ts';

export async function prepare(context: PhaseContext, job: Job): Promise<PhaseResult> {
  const { plan, workspaces } = context;
  const { task, action } = job;
  if (task.choose !== undefined) return await choose(context, job);
  const starts = startsOf(context, job);
  const created = await workspaces.create({
    run: plan.run, task: task.id, attempt: action.attempt, branch: task.branch,
    starts: starts.map(({ sha }) => sha), copy: plan.worktrees.copy, link: plan.worktrees.link,
  });
  if (!created.ok) return refusal(created, starts);
  const { workspace, notes } = created;
  const detail = { worktree: workspace.path, start: workspace.start, notes };
  return await setUp(context, job, { workspace, detail });
}

/** The commits that the task starts from, with the names that a conflict is reported by. */
function startsOf({ plan }: PhaseContext, { task, run }: Job): { sha: Sha; name: string }[] {
  const starts = task.needs.flatMap((id) => {
    const head = run.tasks[indexOfTask(plan, id)]?.delivery?.head;
    return head === undefined ? [] : [{ sha: head, name: id }];
  });
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
