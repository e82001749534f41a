// `orch resume [run]`.
import { openRepository } from '../effects/git/repository.ts';
import { resolveRun } from '../journal/run-list.ts';
import { requireUsd } from './budget.ts';
import type { ResumeArgs } from './main.ts';
import { createReporting, printSummary, requireReporters } from './reporting.ts';
import { drive } from './drive.ts';
import { resumeRun } from './session.ts';

/** Goes on with a run; returns its exit code. */
export async function resumeCommand(args: Omit<ResumeArgs, '_' | '$0' | 'budget'> & Partial<Pick<ResumeArgs, 'budget'>>): Promise<number> {
  const wanted = requireReporters(args);
  const budgetUsd = args.budget === undefined ? null : requireUsd(args.budget, '--budget');
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  const end = await drive((hooks) => resumeRun({ repo, run, failed: args.failed === true, force: args.force === true, budgetUsd, ...hooks }),
    (plan) => createReporting(wanted, plan, args.color));
  printSummary(end, args.color);
  return end.exitCode;
}
