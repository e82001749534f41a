// `orch resume [run]`.
import { openRepository } from '../effects/git/repository.ts';
import { resolveRun } from '../journal/run-list.ts';
import { announceEnd } from './announce.ts';
import { requireUsd } from './budget.ts';
import type { ResumeArgs } from './main.ts';
import { loadReporting, printSummary, requireReporters, type ReportingFlags } from './reporting.ts';
import { drive } from './drive.ts';
import { hasFront, requireDetachable, runDetached, runInFront } from './front.ts';
import { resumeRun, type ResumeOptions } from './session.ts';

/** Goes on with a run; returns its exit code. */
export async function resumeCommand(args: Omit<ResumeArgs, '_' | '$0' | 'budget'> & Partial<Pick<ResumeArgs, 'budget'>>): Promise<number> {
  const budgetUsd = args.budget === undefined ? null : requireUsd(args.budget, '--budget');
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  return await resumeAndReport({ repo, run, failed: args.failed === true, force: args.force === true, budgetUsd }, args);
}

/** The same for `orch retry`, which names the tasks. */
export async function resumeAndReport(options: ResumeOptions, args: ReportingFlags & { readonly detach?: boolean | undefined }): Promise<number> {
  const wanted = requireReporters(args);
  if (args.detach === true) requireDetachable(args);
  if (args.detach === true || hasFront(wanted)) {
    const { repo: { commonDir }, run, failed, force, tasks = null, budgetUsd = null } = options;
    return await (args.detach === true ? runDetached : runInFront)({ commonDir, order: { run, failed, force, tasks, budgetUsd, versions: {} }, wanted, color: args.color });
  }
  const createReporting = await loadReporting(wanted);
  const end = await drive((hooks) => resumeRun({ ...options, ...hooks }),
    (plan) => createReporting(plan, args.color));
  printSummary(end, args.color);
  await announceEnd(options.repo, end, { hasTerminal: process.stderr.isTTY });
  return end.exitCode;
}
