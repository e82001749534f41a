// `npm start`: the main job in a scratch repository, with the embedded agent. Everything but the agent is real.
import { mkdtemp, realpath } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { copy, outputFile } from 'fs-extra';
import { diffText, logOneline } from '../effects/git/inspect.ts';
import { createScratchRepository } from '../effects/git/scratch.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { asset } from './assets.ts';
import { runCommand } from './run.ts';
import { loadStatus } from './records.ts';
import { note, outputOf, print } from './terminal.ts';

export async function demoCommand(): Promise<number> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'orch-demo-')));
  const repository = path.join(folder, 'project');
  await copy(asset('templates', 'demo', 'project'), repository);
  await copy(asset('templates', 'demo', 'tasks.yml'), path.join(repository, 'tasks.yml'));
  // YAML reads JSON, and JSON quotes whatever this machine's paths contain.
  const command = [process.execPath, asset('dist', 'demo-agent.js')];
  await outputFile(path.join(repository, '.orchestrator.yml'), `${JSON.stringify({ agents: { demo: { command, prompt: 'stdin', output: 'claude-stream-json' } } }, null, 2)}\n`);
  await createScratchRepository(repository, 'A small project');
  process.chdir(repository);
  note(`a scratch repository: ${repository}\n`);
  const code = await runCommand({});
  if (code === EXIT.ok) await showBranches(repository);
  return code;
}

/** What a person would look at first: the branches, and one of the diffs. */
async function showBranches(repository: string): Promise<void> {
  const repo = await openRepository(repository);
  const { commonDir } = repo;
  const run = await resolveRun(commonDir, undefined);
  const { tasks } = await loadStatus(commonDir, run);
  print(['', 'What is on the branches now:']);
  for (const task of tasks) {
    if (task.base !== null && task.head !== null) print((await logOneline(repo, task.base, task.head)).map((line) => `  ${task.branch}  ${line}`));
  }
  const total = tasks.find(({ id }) => id === 'total');
  if (total?.base != null && total.head !== null) print(['', 'One of them, `orch diff total`:', '', await diffText(repo, total.base, total.head, { form: 'patch', color: outputOf(process.stdout, undefined).color })]);
  print(['Look around: orch status · orch logs tests · git log --oneline --all', `in ${repository}`]);
}
