// Tasks for a run that is under way: planned by the same code as those of a manifest, from the run's own base, with its
// tasks in view. Creates nothing.
import { loadConfig } from '../config/load.ts';
import type { Repository } from '../effects/effects.ts';
import { repositoryFolder } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { problem } from '../manifest/diagnostic.ts';
import type { KnownTasks, Manifest } from '../manifest/parse.ts';
import type { AgentSpec, Plan, PlannedTask, TaskId } from '../plan/plan.ts';
import { badInput, flagsOf, requireBuilt, requireManifest, requireSettings, type PlanningArgs } from './planning.ts';
import { requireAgents } from './preflight.ts';

/** What `orch add` sends. */
export interface PlannedAddition {
  readonly tasks: readonly PlannedTask[];
  readonly agents: Readonly<Record<string, AgentSpec>>;
  readonly warnings: readonly string[];
}

/** Settings of the whole run, which tasks that come later cannot change. */
const RUN_WIDE = ['base', 'max-parallel', 'max-fail', 'max-wait', 'fail-fast', 'grace', 'merge'] as const;

/** Plans more tasks for a run. `plan`: with all that it has. Throws OrchError: 2 for bad input, 3 for a missing agent. */
export async function requireAddition(repo: Repository, plan: Plan, args: PlanningArgs): Promise<PlannedAddition> {
  if ((args.what ?? []).length === 0 && args.text === undefined) throw new OrchError({ code: 'usage', message: 'there is nothing to add', hint: 'orch add "a prompt" "another", or orch add more.yml', exitCode: EXIT.usage });
  const known = knownIn(plan);
  const { manifest } = await requireManifest(args, known);
  refuseRunWide(manifest);
  const config = await loadConfig({ cwd: args.cwd ?? process.cwd(), topLevel: repo.topLevel, flags: flagsOf(args), env: process.env });
  const settings = requireSettings(config, manifest);
  // An agent of the run stays what it was when the run began.
  const agents = new Map([...settings.agents, ...Object.entries(plan.agents)]);
  const built = await requireBuilt({ repo, manifest, run: plan.run, base: { ...plan.base, branch: plan.target }, args, known, settings: { ...settings, agents, merge: null } });
  const [fanOut] = built.plan.fanOuts ?? [];
  if (fanOut !== undefined) {
    throw badInput([problem(manifest.source.at(['tasks', fanOut.id]), '`foreach.from` makes tasks of what a task of the plan names, and cannot be added', 'use `needs` and `${{ needs.<id>.outputs.<name> }}`, or begin another run')]);
  }
  await requireAgents(Object.values(built.plan.agents), repositoryFolder(repo));
  return { tasks: built.plan.tasks, agents: built.plan.agents, warnings: built.warnings };
}

/** What can be needed: tasks, and the matrices and fan-outs that they are of. */
function knownIn(plan: Plan): KnownTasks {
  const known = new Map<string, TaskId[]>([...plan.tasks, ...(plan.fanOuts ?? [])].map(({ id }) => [id, [id]]));
  const made = new Map<string, TaskId[]>();
  for (const { id, of } of plan.tasks) if (of !== undefined) made.set(of, [...(made.get(of) ?? []), id]);
  return new Map([...known, ...made]);
}

function refuseRunWide({ head, source }: Manifest): void {
  const wrong = RUN_WIDE.filter((key) => head[key] !== undefined);
  if (wrong.length > 0) throw badInput(wrong.map((key) => problem(source.at([key], 'key'), `\`${key}\` is of a whole run, and this one has begun`, 'remove it')));
}
