// `orch diff TASK`: what a task changed, from the commit it started from to the commit that holds its work.
import { diffText } from '../effects/git/inspect.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { indexOfTask } from '../run/plan-index.ts';
import { loadRecords, requireTask } from './records.ts';
import { note, outputOf } from './terminal.ts';

export async function diffCommand(args: { task: string; run?: string | undefined; stat?: boolean | undefined; color?: boolean | undefined }): Promise<number> {
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  const { plan, state, document } = await loadRecords(repo.commonDir, run);
  requireTask(document, args.task);
  const task = state.tasks[indexOfTask(plan, args.task)];
  if (task?.start == null || task.delivery === null) {
    throw new OrchError({ code: 'nothing-delivered', message: `${args.task} has delivered nothing yet`, hint: `orch status ${run} ${args.task}`, exitCode: EXIT.usage });
  }
  if (task.delivery.filesChanged === 0) note(`${args.task} changed nothing`);
  else process.stdout.write(await diffText(repo, task.start, task.delivery.head, { form: args.stat === true ? 'stat' : 'patch', color: outputOf(process.stdout, args.color).color }));
  return EXIT.ok;
}
