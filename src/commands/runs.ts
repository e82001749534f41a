// `orch runs`: every run of this repository, newest first.
import { openRepository } from '../effects/git/repository.ts';
import { EXIT } from '../errors.ts';
import { listRuns, type RunSummary } from '../journal/run-list.ts';
import { padToWidth, safeText } from '../lib/terminal.ts';
import { plural } from '../lib/text.ts';
import { isoTime } from '../lib/time.ts';
import { print, printJson } from './terminal.ts';

export async function runsCommand(args: { json?: boolean | undefined }): Promise<number> {
  const repo = await openRepository(process.cwd());
  const runs = await listRuns(repo.commonDir);
  if (args.json === true) printJson(runs.map(documentOf));
  else if (runs.length === 0) print(['no runs yet: orch run begins one']);
  else print(runs.map((run) => `${padToWidth(safeText(run.run), 44)} ${padToWidth(stateOf(run), 20)} ${padToWidth(run.tasks === null ? '' : plural(run.tasks, 'task'), 12)} ${isoTime(run.startedAt ?? run.changedAt)}`));
  return EXIT.ok;
}

function stateOf(run: RunSummary): string {
  switch (run.state) {
    case 'finished':
      return run.exitCode === 0 ? 'completed' : `finished, exit ${run.exitCode}`;
    case 'unfinished':
    case 'empty':
      return run.holder === null ? 'interrupted' : 'running';
    case 'unreadable':
      return 'unreadable';
    default:
      return run.state satisfies never;
  }
}

function documentOf(run: RunSummary): Record<string, unknown> {
  return { run: run.run, name: run.name, state: stateOf(run), exitCode: run.exitCode, tasks: run.tasks, startedAt: isoTime(run.startedAt), lastEventAt: isoTime(run.lastEventAt) };
}
