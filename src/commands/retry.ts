// `orch retry TASK…`: tasks that did not complete are tried again, in the live run or by going on with one that has ended.
import type { Repository } from '../effects/effects.ts';
import { openRepository } from '../effects/git/repository.ts';
import { OrchError, EXIT } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { loadRun } from '../journal/store.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import { control } from '../run/control.ts';
import { askRun, type Granted } from './control.ts';
import { beginDetached } from './front.ts';
import type { RetryArgs } from './main.ts';
import { resumeAndReport } from './resume.ts';
import { stateOf } from './records.ts';
import { note, print } from './terminal.ts';

/** Returns 0 when a live run has taken them up, else the exit code of the run that goes on. */
export async function retryCommand(args: Omit<RetryArgs, '_' | '$0'>): Promise<number> {
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  const granted = await askRun(repo.commonDir, run, { type: 'retry', tasks: args.task });
  const { tasks, notes } = granted ?? (await requireRetry(repo, run, args.task));
  for (const line of notes) note(`note: ${line}`);
  if (granted === null) return await resumeAndReport({ repo, run, failed: false, force: false, tasks }, args);
  print([`tried again: ${tasks.join(', ')}`]);
  return EXIT.ok;
}

/** Tries tasks again without showing it here: a run that has ended goes on in the background. Throws OrchError when it refuses. */
export async function retryTasks(repo: Repository, run: RunId, wanted: readonly TaskId[]): Promise<Granted> {
  const { commonDir } = repo;
  const granted = await askRun(commonDir, run, { type: 'retry', tasks: wanted });
  if (granted !== null) return granted;
  const found = await requireRetry(repo, run, wanted);
  await beginDetached({ commonDir, order: { run, failed: false, force: false, tasks: found.tasks, budgetUsd: null, versions: {}, reporters: [] } });
  return found;
}

/** What a run that has ended would say. */
async function requireRetry({ commonDir }: Repository, run: RunId, tasks: readonly TaskId[]): Promise<Granted> {
  const loaded = await loadRun(commonDir, run);
  // What keeps a live run from beginning anything is over once it has ended.
  const { answer } = control(loaded.plan, { ...stateOf(loaded), cancelling: null, merging: null }, { type: 'retry', tasks });
  if (!answer.ok) throw new OrchError(answer);
  return answer;
}
