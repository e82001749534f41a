// `orch retry TASK…`: tasks that did not complete are tried again, in the live run or by going on with one that has ended.
import { openRepository } from '../effects/git/repository.ts';
import { OrchError, EXIT } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { loadRun } from '../journal/store.ts';
import { control } from '../run/control.ts';
import { askRun } from './control.ts';
import type { RetryArgs } from './main.ts';
import { resumeAndReport } from './resume.ts';
import { stateOf } from './session.ts';
import { note, print } from './terminal.ts';

/** Returns 0 when a live run has taken them up, else the exit code of the run that goes on. */
export async function retryCommand(args: Omit<RetryArgs, '_' | '$0'>): Promise<number> {
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  const request = { type: 'retry', tasks: args.task } as const;
  const granted = await askRun(repo.commonDir, run, request);
  if (granted !== null) {
    for (const line of granted.notes) note(`note: ${line}`);
    print([`tried again: ${granted.tasks.join(', ')}`]);
    return EXIT.ok;
  }
  const loaded = await loadRun(repo.commonDir, run);
  // What stops a live run from beginning anything is over once it has ended.
  const { answer } = control(loaded.plan, { ...stateOf(loaded), cancelling: null, merging: null }, request);
  if (!answer.ok) throw new OrchError(answer);
  for (const line of answer.notes) note(`note: ${line}`);
  return await resumeAndReport({ repo, run, failed: false, force: false, tasks: answer.tasks }, args);
}
