// `orch status [run] [task]`: the document of a run, for people or programs; on a terminal that nothing else was asked
// of, the list with keys.
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { createPalette } from '../lib/color.ts';
import { statusText } from '../reporters/status-text.ts';
import { taskText } from '../reporters/task-text.ts';
import { hasFullScreen } from './full-screen.ts';
import { loadStatus, requireTask } from './records.ts';
import { outputOf, print, printJson } from './terminal.ts';

export async function statusCommand(args: { run?: string | undefined; task?: string | undefined; json?: boolean | undefined; watch?: boolean | undefined; color?: boolean | undefined; _?: readonly (string | number)[] }): Promise<number> {
  const repo = await openRepository(process.cwd());
  const isWhole = args.task === undefined && args.json !== true && args.watch !== true;
  if (isWhole && (args.run === undefined || args._?.[0] === 'tasks') && hasFullScreen()) {
    const chosen = args.run === undefined ? await (await import('./choose-run.ts')).chooseRun(repo.commonDir) : await resolveRun(repo.commonDir, args.run);
    return chosen === null ? EXIT.ok : await (await import('./tasks.ts')).showTasks(repo, chosen, args.color);
  }
  const run = await resolveRun(repo.commonDir, args.run);
  if (args.watch === true && args.task !== undefined) throw new OrchError({ code: 'usage', message: '--watch shows a whole run', hint: `orch logs ${args.task} -f follows a task`, exitCode: EXIT.usage });
  const document = await loadStatus(repo.commonDir, run);
  if (args.watch === true && (document.state === 'running' || args.json === true)) {
    const { watchRun } = await import('./watch.ts');
    return await watchRun(repo.commonDir, run, { json: args.json, color: args.color });
  }
  const task = args.task === undefined ? null : requireTask(document, args.task);
  if (args.json === true) {
    printJson(task ?? document);
    return EXIT.ok;
  }
  const output = outputOf(process.stdout, args.color);
  const look = { palette: createPalette(output.color), columns: output.isTTY ? output.columns : null };
  print(task === null ? statusText(document, look) : taskText(document, task));
  return EXIT.ok;
}
