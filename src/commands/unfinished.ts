// Earlier runs of the manifest that is about to be run, which were stopped before their end: said, and on a terminal
// offered. A new run and an old one are never mixed.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { Repository } from '../effects/effects.ts';
import { listRuns } from '../journal/run-list.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadPlan } from '../journal/store.ts';
import { isStopped } from '../reporters/status.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import type { Planned } from './planning.ts';
import { note } from './terminal.ts';

/** How many of the latest runs are looked at. */
const LATEST = 20;

/** The run to go on with instead, if the user wants that; null = begin the new one. */
export async function unfinishedRun(planned: Planned, isAsking: boolean): Promise<RunId | null> {
  const { repo, plan, manifestText } = planned;
  const found = plan.manifest === null || plan.manifest === '-' ? null : await latestUnfinished(repo, plan);
  if (found === null) return null;
  const isSame = manifestText !== null && manifestText === (await readFile(runPaths(repo.commonDir, found).manifest, 'utf8').catch(() => null));
  if (isSame && isAsking && process.stdin.isTTY && process.stderr.isTTY) {
    const ask = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await ask.question(`${found} of this manifest was stopped before its end. Go on with it? [Y/n] `);
    ask.close();
    if (!/^n/i.test(answer.trim())) return found;
    return null;
  }
  note(`note: ${found} of ${isSame ? 'this manifest' : 'this manifest, which has changed since,'} was stopped before its end: orch resume ${found} goes on with it; this is a new run`);
  return null;
}

async function latestUnfinished(repo: Repository, plan: Plan): Promise<RunId | null> {
  for (const { run, state, exitCode, holder } of (await listRuns(repo.commonDir)).slice(0, LATEST)) {
    const isUnfinished = state === 'unfinished' || state === 'empty' || (state === 'finished' && isStopped(exitCode));
    if (!isUnfinished || holder !== null) continue;
    const old = await loadPlan(repo.commonDir, run).catch(() => null);
    if (old !== null && old.manifest === plan.manifest && old.name === plan.name) return run;
  }
  return null;
}
