// `orch add "prompt"… | file.yml`: more tasks for a live run.
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { loadRun } from '../journal/store.ts';
import { grownPlan } from '../run/grown.ts';
import { requireAddition } from './adding.ts';
import { askRun } from './control.ts';
import type { PlanningArgs } from './planning.ts';
import { stateOf } from './records.ts';
import { note, print } from './terminal.ts';

/** Plans tasks and gives them to the run; returns when they are on disk there. */
export async function addCommand(args: PlanningArgs & { readonly run?: string | undefined }): Promise<number> {
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  const loaded = await loadRun(repo.commonDir, run);
  const plan = grownPlan(loaded.plan, stateOf(loaded));
  const { tasks, agents, warnings } = await requireAddition(repo, plan, args);
  const granted = await askRun(repo.commonDir, run, { type: 'add', tasks, agents });
  if (granted === null) throw new OrchError({ code: 'not-live', message: `nobody is working on run ${run}: tasks can be added to a live run only`, hint: 'orch run begins another one', exitCode: EXIT.preflight });
  for (const line of [...warnings, ...granted.notes]) note(`note: ${line}`);
  print([`added to ${run}: ${granted.tasks.join(', ')}`]);
  return EXIT.ok;
}
