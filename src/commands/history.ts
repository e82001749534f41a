// What tasks of this repository took before: read from the journals of the newest runs, and bounded, because a plan must
// be shown quickly. A run that cannot be read tells nothing.
import { listRuns } from '../journal/run-list.ts';
import { loadRun } from '../journal/store.ts';
import type { Sample } from '../plan/estimate.ts';
import { tookMs } from '../reporters/progress.ts';
import { grownPlan } from '../run/grown.ts';
import { stateOf } from './records.ts';

const MOST_RUNS = 20;
/** Tasks of all runs together, after the newest one. */
const MOST_TASKS = 3000;

/** Tasks that ran to an end of their own, the newest runs first. */
export async function loadHistory(commonDir: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  let tasks = 0;
  for (const { run, state, tasks: count } of (await listRuns(commonDir)).slice(0, MOST_RUNS)) {
    if (state === 'empty' || state === 'unreadable' || tasks + (count ?? 0) > MOST_TASKS) continue;
    tasks += count ?? 0;
    samples.push(...(await samplesOf(commonDir, run).catch(() => [])));
  }
  return samples;
}

async function samplesOf(commonDir: string, run: string): Promise<Sample[]> {
  const loaded = await loadRun(commonDir, run);
  const state = stateOf(loaded);
  return grownPlan(loaded.plan, state).tasks.flatMap(({ work }, index): Sample[] => {
    const task = state.tasks[index];
    const took = task === undefined ? null : tookMs(task);
    if (task?.now.at !== 'settled' || took === null || (task.now.outcome !== 'completed' && task.now.outcome !== 'failed')) return [];
    const who = work.kind === 'run' ? { agent: null, model: null } : { agent: work.agent, model: work.model };
    return [{ ...who, tookMs: took, costUsd: task.report?.costUsd ?? null }];
  });
}
