// `orch diff TASK`: what a task changed, from the commit it started from to the commit that holds its work.
import { diffText } from '../effects/git/inspect.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { loadRun } from '../journal/store.ts';
import { loadStatus, requireTask } from './status.ts';
import { grownPlan } from '../run/grown.ts';
import { stateOf } from './session.ts';
import { note, outputOf } from './terminal.ts';

export async function diffCommand(args: { task: string; run?: string | undefined; stat?: boolean | undefined; color?: boolean | undefined }): Promise<number> {
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  requireTask(await loadStatus(repo.commonDir, run), args.task);
  const loaded = await loadRun(repo.commonDir, run);
  const after = stateOf(loaded);
  const state = after.tasks[grownPlan(loaded.plan, after).tasks.findIndex(({ id }) => id === args.task)];
  if (state?.start == null || state.delivery === null) {
    throw new OrchError({ code: 'nothing-delivered', message: `${args.task} has delivered nothing yet`, hint: `orch status ${run} ${args.task}`, exitCode: EXIT.usage });
  }
  if (state.delivery.filesChanged === 0) note(`${args.task} changed nothing`);
  else process.stdout.write(await diffText(repo, state.start, state.delivery.head, { form: args.stat === true ? 'stat' : 'patch', color: outputOf(process.stdout, args.color).color }));
  return EXIT.ok;
}
