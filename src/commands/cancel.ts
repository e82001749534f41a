// `orch cancel [task…|--all]`: tasks end, of a live run or of one that was stopped.
import type { Repository } from '../effects/effects.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import { askRun, type Granted } from './control.ts';
import { recordInRun } from './session.ts';
import { note, print } from './terminal.ts';

export interface CancelArgs {
  readonly task?: readonly string[] | undefined;
  readonly all?: boolean | undefined;
  readonly run?: string | undefined;
}

export async function cancelCommand({ task = [], all = false, run: wanted }: CancelArgs): Promise<number> {
  if (all === (task.length > 0)) throw new OrchError({ code: 'usage', message: all ? '--all and tasks are two answers to one question' : 'say which tasks', hint: 'orch cancel TASK…, or orch cancel --all', exitCode: EXIT.usage });
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, wanted);
  const { tasks, notes } = await cancelTasks(repo, run, all ? 'all' : task);
  for (const line of notes) note(`note: ${line}`);
  print([`cancelled: ${tasks.join(', ')}`]);
  return EXIT.ok;
}

/** Cancels tasks of a run, whether it is live or not. Throws OrchError when there is nothing to cancel. */
export async function cancelTasks(repo: Repository, run: RunId, tasks: readonly TaskId[] | 'all'): Promise<Granted> {
  const request = { type: 'cancel', tasks } as const;
  return (await askRun(repo.commonDir, run, request)) ?? (await recordInRun({ repo, run, request, onNotice: note }));
}
