// A run of this repository as its records tell it at this moment: read once, and shown by several commands. Reads only.
import { EXIT, OrchError } from '../errors.ts';
import { loadHolder } from '../journal/lock.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadRun, type LoadedRun } from '../journal/store.ts';
import { nearest } from '../lib/nearest.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import { statusDocument, type StatusDocument, type TaskDocument } from '../reporters/status.ts';
import { grownPlan } from '../run/grown.ts';
import { reduce } from '../run/reduce.ts';
import { initialState, type RunState } from '../run/state.ts';

/** One reading of a run. */
export interface Records {
  /** With the tasks that were made while the run went on. */
  readonly plan: Plan;
  readonly state: RunState;
  readonly document: StatusDocument;
}

/** The state that a run's journal gives. */
export function stateOf({ plan, events }: Pick<LoadedRun, 'plan' | 'events'>): RunState {
  return events.reduce<RunState>((state, event) => reduce(plan, state, event), initialState(plan));
}

/** Reads a run of the repository with that common directory. Throws OrchError as `loadRun` does. */
export async function loadRecords(commonDir: string, run: RunId): Promise<Records> {
  const loaded = await loadRun(commonDir, run);
  const state = stateOf(loaded);
  const isLive = (await loadHolder(runPaths(commonDir, run).dir)) !== null;
  return { plan: grownPlan(loaded.plan, state), state, document: statusDocument(loaded.plan, state, { run, now: Date.now(), live: isLive }) };
}

/** What is known of a run now. `commonDir` is the repository's. */
export async function loadStatus(commonDir: string, run: RunId): Promise<StatusDocument> {
  return (await loadRecords(commonDir, run)).document;
}

/** A task of a run's document. Throws OrchError with the nearest id. */
export function requireTask(document: StatusDocument, id: string): TaskDocument {
  const task = document.tasks.find((candidate) => candidate.id === id);
  if (task !== undefined) return task;
  const close = nearest(id, document.tasks.map((candidate) => candidate.id));
  throw new OrchError({
    code: 'no-task', message: `run ${document.run} has no task ${JSON.stringify(id)}`,
    hint: close === undefined ? `orch status ${document.run} lists its tasks` : `did you mean ${close}?`, exitCode: EXIT.usage,
  });
}
