// `orch wait [run|task]`: until it has ended; then its exit code.
import { openRepository } from '../effects/git/repository.ts';
import { loadHolder } from '../journal/lock.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadRun } from '../journal/store.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import { grownPlan } from '../run/grown.ts';
import type { RunState } from '../run/state.ts';
import { follow } from './follow.ts';
import { stateOf } from './records.ts';
import { note } from './terminal.ts';

export interface WaitArgs {
  readonly what?: string | undefined;
  readonly run?: string | undefined;
}

/** The run's exit code; for a task 0 if it completed, else 1. */
export async function waitCommand(args: WaitArgs): Promise<number> {
  const { commonDir } = await openRepository(process.cwd());
  const { run, task } = await requireWaited(commonDir, args);
  const { dir } = runPaths(commonDir, run);
  const loaded = await loadRun(commonDir, run);
  const nowOf = (state: RunState) => state.tasks[grownPlan(loaded.plan, state).tasks.findIndex(({ id }) => id === task)]?.now;
  const { state } = await follow({
    commonDir, run, listener: null, from: 'now', signal: new AbortController().signal,
    isOver: async (state) => (task !== null && nowOf(state)?.at === 'settled') || (await loadHolder(dir)) === null,
  });
  if (task === null && state.exitCode !== null) return state.exitCode;
  const now = nowOf(state);
  if (now?.at === 'settled') return now.outcome === 'completed' ? EXIT.ok : EXIT.incomplete;
  note(`${run} was stopped before ${task === null ? 'its end' : `${task} had ended`}: orch resume ${run} goes on with it`);
  return EXIT.incomplete;
}

/** A word is a run or, if it names none, a task of the newest one (or of `--run`). */
async function requireWaited(commonDir: string, { what, run: named }: WaitArgs): Promise<{ run: RunId; task: TaskId | null }> {
  if (what === undefined) return { run: await resolveRun(commonDir, named), task: null };
  const asRun = named === undefined ? await resolveRun(commonDir, what).catch((error: unknown) => error) : null;
  if (asRun === what) return { run: what, task: null };
  const run = await resolveRun(commonDir, named);
  const loaded = await loadRun(commonDir, run);
  if (grownPlan(loaded.plan, stateOf(loaded)).tasks.some(({ id }) => id === what)) return { run, task: what };
  // The beginning of a run's id says less than the whole id of a task.
  if (typeof asRun === 'string') return { run: asRun, task: null };
  if (asRun !== null && !(asRun instanceof OrchError)) throw asRun;
  throw new OrchError({ code: 'no-such', message: `${JSON.stringify(what)} is neither a run nor a task of ${run}`, hint: 'orch runs and orch status list them', exitCode: EXIT.usage });
}
