// `orch run`: plan, check what can be checked beforehand, run.
import { EXIT } from '../errors.ts';
import { announceEnd } from './announce.ts';
import type { RunArgs } from './main.ts';
import { printPlan } from './plan.ts';
import { requirePlan } from './planning.ts';
import { preflight } from './preflight.ts';
import { loadReporting, printSummary, requireReporters } from './reporting.ts';
import { createRun } from '../journal/store.ts';
import { drive } from './drive.ts';
import { hasFront, requireDetachable, runDetached, runInFront } from './front.ts';
import { note } from './terminal.ts';
import { unfinishedRun } from './unfinished.ts';

/** Runs a manifest or prompts; returns the run's exit code. */
export async function runCommand(args: Partial<RunArgs>): Promise<number> {
  const wanted = requireReporters(args);
  if (args.detach === true) requireDetachable(args);
  const planning = requirePlan(args);
  // What comes after planning is loaded while git answers the questions of planning.
  const loading = import('./session.ts');
  const planned = await planning;
  if (args['dry-run'] === true) {
    await printPlan(planned, args);
    return EXIT.ok;
  }
  const { repo, plan, manifestText, warnings } = planned;
  const earlier = await unfinishedRun(planned, args.yes !== true);
  if (earlier !== null) {
    const { resumeCommand } = await import('./resume.ts');
    return await resumeCommand({ run: earlier, failed: false, force: false, detach: args.detach, reporter: args.reporter, json: args.json, color: args.color });
  }
  const isHere = args.detach !== true && !hasFront(wanted);
  const trial = isHere ? (await loading).tryContainment() : null;
  const versions = await preflight(repo, plan);
  for (const warning of warnings) note(`note: ${warning}`);
  if (!isHere) {
    const { commonDir } = repo;
    await createRun({ commonDir, plan, manifestText });
    const order = { run: plan.run, failed: false, force: false, tasks: null, budgetUsd: null, versions };
    return await (args.detach === true ? runDetached : runInFront)({ commonDir, order, wanted, color: args.color });
  }
  const { startRun } = await loading;
  const createReporting = await loadReporting(wanted);
  const end = await drive((hooks) => startRun({ repo, plan, manifestText, versions, ...(trial === null ? {} : { trial }), ...hooks }), (frozen) => createReporting(frozen, args.color));
  printSummary(end, args.color);
  await announceEnd(repo, end, { hasTerminal: process.stderr.isTTY });
  return end.exitCode;
}
