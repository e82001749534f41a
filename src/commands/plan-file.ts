// `orch run plan.json`: a plan is run exactly as it was made. Only the run's id may change, because ids are used once.
import { readFile, stat } from 'node:fs/promises';
import { looksLikePlan, parsePlan } from '../config/plan-file.ts';
import type { Repository } from '../effects/effects.ts';
import { isAncestor, openRepository, resolveBase } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { freeRunId } from '../journal/store.ts';
import { formatDiagnostics } from '../manifest/diagnostic.ts';
import type { Plan, PlannedTask, RunId } from '../plan/plan.ts';
import type { Planned, PlanningArgs } from './planning.ts';

/** A plan larger than this was not made by `orch plan`. */
const MAX_BYTES = 512 * 1024 * 1024;

/** The text of a plan, or null when the words name something else. */
export async function loadPlanText(words: readonly string[]): Promise<string | null> {
  const [file, ...more] = words;
  if (file === undefined || more.length > 0 || !/\.json$/i.test(file)) return null;
  const size = await stat(file).then((found) => (found.isFile() ? found.size : null), () => null);
  if (size === null || size > MAX_BYTES) return null;
  const text = await readFile(file, 'utf8');
  return looksLikePlan(text) ? text : null;
}

/** Flags that would make another plan of it. */
const PLANNING_FLAGS = ['max-parallel', 'timeout', 'agent', 'model', 'base', 'only', 'skip', 'fail-fast', 'max-wait', 'budget', 'merge', 'into'] as const;

/** The plan of a file, ready to run. Throws OrchError: 2 for a file that is no plan, 3 when its base moved or is gone. */
export async function requirePlanFile(text: string, args: PlanningArgs & { readonly runId: RunId | null }): Promise<Planned> {
  const file = args.what?.[0] ?? '';
  const flag = PLANNING_FLAGS.find((name) => args[name] !== undefined);
  if (flag !== undefined) throw new OrchError({ code: 'usage', message: `--${flag} would change ${file}, and a plan is run as it is`, hint: 'make a new plan with it: orch plan -o', exitCode: EXIT.usage });
  const parsed = parsePlan(text, file);
  if (!parsed.ok) throw new OrchError({ code: 'bad-input', message: formatDiagnostics(parsed.diagnostics), exitCode: EXIT.usage });
  const repo = await openRepository(args.cwd ?? process.cwd());
  const warnings = await checkBase(repo, parsed.plan, { file, allowMoved: args['allow-moved-base'] === true });
  const run = args.runId ?? (await freeRunId(repo.commonDir, parsed.plan.run));
  return { repo, plan: underRun(parsed.plan, run), manifestText: null, warnings };
}

async function checkBase(repo: Repository, { base }: Plan, { file, allowMoved }: { file: string; allowMoved: boolean }): Promise<string[]> {
  if (!(await isAncestor(repo, base.sha, base.sha))) {
    throw new OrchError({ code: 'base-gone', message: `${file} begins at commit ${base.sha}, which this repository does not have`, hint: 'fetch it, or make a new plan: orch plan -o', exitCode: EXIT.preflight });
  }
  const now = await resolveBase(repo, base.ref).catch((error: unknown) => {
    if (error instanceof OrchError) return null;
    throw error;
  });
  if (now?.sha === base.sha) return [];
  const how = now === null ? `${base.ref} is not there any more` : `${base.ref} has moved from ${base.sha.slice(0, 12)} to ${now.sha.slice(0, 12)}`;
  if (allowMoved) return [`${how} since ${file} was made; the tasks begin at the old commit`];
  throw new OrchError({
    code: 'base-moved', message: `${how} since ${file} was made`, exitCode: EXIT.preflight,
    hint: 'make a new plan: orch plan -o; or run this one on the old commit with --allow-moved-base',
  });
}

/** The same plan under another id; what a task is told of its run is filled in when it starts. */
function underRun(plan: Plan, run: RunId): Plan {
  if (run === plan.run) return plan;
  const renamed = (task: PlannedTask): PlannedTask => ({ ...task, branch: `orch/${run}/${task.id}` });
  return {
    ...plan, run, tasks: plan.tasks.map(renamed),
    ...(plan.fanOuts === undefined ? {} : { fanOuts: plan.fanOuts.map((fanOut) => ({ ...fanOut, template: renamed(fanOut.template) })) }),
  };
}
