// The only phase of a task that chooses among candidates: its branch is put where the best one's is. Nothing runs.
import type { PhaseResult } from '../run/events.ts';
import { choiceOf } from '../run/best-of.ts';
import { failed, type Job, type PhaseContext } from './context.ts';

export async function choose(context: PhaseContext, { task, run }: Job): Promise<PhaseResult> {
  const choice = choiceOf(context.plan, run, task);
  const winner = choice.kind === 'winner' ? run.tasks[choice.index] : undefined;
  if (choice.kind !== 'winner' || winner === undefined) throw new Error(`${task.id} chooses before it can`);
  const { delivery, report, outputs, start, log } = winner;
  const ref = `refs/heads/${task.branch}`;
  if (delivery !== null) {
    const refusal = await context.workspaces.publish(task.branch, delivery.head);
    if (refusal !== null) return failed('workspace', 'never', `its branch could not be made: ${refusal}`);
    context.integrity.moved(ref, delivery.head);
  }
  return {
    ok: true,
    detail: {
      outputs, notes: [choice.text],
      ...(start === null ? {} : { start }),
      ...(delivery === null ? {} : { delivery: { ...delivery, ref } }),
      ...(log === null ? {} : { log }),
      // What it cost is told of the candidates.
      ...(report === null ? {} : { report: { ...report, costUsd: null, tokens: null, turns: null } }),
    },
  };
}
