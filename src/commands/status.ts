// `orch status [run] [task]`: the document of a run, for people or programs.
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { loadHolder } from '../journal/lock.ts';
import { resolveRun } from '../journal/run-list.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadRun } from '../journal/store.ts';
import { createPalette } from '../lib/color.ts';
import { nearest } from '../lib/nearest.ts';
import type { RunId } from '../plan/plan.ts';
import { statusDocument, type StatusDocument } from '../reporters/status.ts';
import { statusText } from '../reporters/status-text.ts';
import { taskText } from '../reporters/task-text.ts';
import { stateOf } from './session.ts';
import { outputOf, print, printJson } from './terminal.ts';

/** What is known of a run now. `commonDir` is the repository's. */
export async function loadStatus(commonDir: string, run: RunId): Promise<StatusDocument> {
  const loaded = await loadRun(commonDir, run);
  const isLive = (await loadHolder(runPaths(commonDir, run).dir)) !== null;
  return statusDocument(loaded.plan, stateOf(loaded), { run, now: Date.now(), live: isLive });
}

/** A task of a run's document. Throws OrchError with the nearest id. */
export function requireTask(document: StatusDocument, id: string): StatusDocument['tasks'][number] {
  const task = document.tasks.find((candidate) => candidate.id === id);
  if (task !== undefined) return task;
  const close = nearest(id, document.tasks.map((candidate) => candidate.id));
  throw new OrchError({
    code: 'no-task', message: `run ${document.run} has no task ${JSON.stringify(id)}`,
    hint: close === undefined ? `orch status ${document.run} lists its tasks` : `did you mean ${close}?`, exitCode: EXIT.usage,
  });
}

export async function statusCommand(args: { run?: string | undefined; task?: string | undefined; json?: boolean | undefined; watch?: boolean | undefined; color?: boolean | undefined }): Promise<number> {
  const repo = await openRepository(process.cwd());
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
