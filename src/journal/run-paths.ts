// Where a run keeps its records, spec §7. Pure: names only, nothing is looked at.
import path from 'node:path';
import type { RunId, TaskId } from '../plan/plan.ts';

/** Files of one attempt, absolute. */
export interface AttemptPaths {
  readonly dir: string;
  readonly prompt: string;
  readonly output: string;
  readonly events: string;
  readonly result: string;
}

/** Files of a run, absolute. */
export interface RunPaths {
  readonly run: RunId;
  readonly dir: string;
  readonly plan: string;
  /** Absent when the tasks came from the command line. */
  readonly manifest: string;
  attemptDir(task: TaskId, attempt: number): string;
  attempt(task: TaskId, attempt: number): AttemptPaths;
}

/** Everything of ours in a repository. Inside of `.git`, so that no checkout ever shows it. */
export function stateDir(commonDir: string): string {
  return path.join(commonDir, 'orch');
}

/** The folder that holds one folder for each run. */
export function runsDir(commonDir: string): string {
  return path.join(stateDir(commonDir), 'runs');
}

/** The places of a run, whether it exists or not. */
export function runPaths(commonDir: string, run: RunId): RunPaths {
  const dir = path.join(runsDir(commonDir), run);
  const attemptDir = (task: TaskId, attempt: number): string => path.join(dir, 'tasks', task, `attempt-${attempt}`);
  return {
    run,
    dir,
    plan: path.join(dir, 'plan.json'),
    manifest: path.join(dir, 'manifest.yml'),
    attemptDir,
    attempt: (task, attempt) => attemptPaths(attemptDir(task, attempt)),
  };
}

function attemptPaths(dir: string): AttemptPaths {
  return {
    dir,
    prompt: path.join(dir, 'prompt.md'),
    output: path.join(dir, 'output.log'),
    events: path.join(dir, 'events.ndjson'),
    result: path.join(dir, 'result.json'),
  };
}

/** Whether a name can be a run's: anything else in the folder of runs is being made or is not ours. */
export function isRunId(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name);
}
