// The budget as the command line and the environment say it, and what of a plan it can see.
import { adapterFor } from '../agents/adapters.ts';
import { EXIT, OrchError } from '../errors.ts';
import { formatDiagnostics, problem } from '../manifest/diagnostic.ts';
import type { AgentSpec, Plan } from '../plan/plan.ts';
import type { Settings } from '../plan/settings.ts';

const MOST_USD = 1_000_000;

/** An amount of US dollars; throws OrchError (usage) for anything else. `what`: where it was said. */
export function requireUsd(text: string, what: string): number {
  const usd = /^\$?\d+(?:\.\d+)?$/.test(text) ? Number(text.replace('$', '')) : Number.NaN;
  if (usd > 0 && usd <= MOST_USD) return usd;
  throw new OrchError({ code: 'usage', message: `${what} ${JSON.stringify(text)}: not an amount of US dollars`, hint: 'write for example 20 or 0.5', exitCode: EXIT.usage });
}

/** `--budget`, or else ORCH_BUDGET, in the place of the limit of the run; a limit of each task stays. */
export function withBudgetFlag(settings: Settings, { flag, variable }: { readonly flag: string | undefined; readonly variable: string | undefined }): Settings {
  const [text, what] = flag === undefined ? [variable, 'ORCH_BUDGET'] : [flag, '--budget'];
  if (text === undefined || text === '') return settings;
  return { ...settings, budget: { usdPerTask: settings.budget?.usdPerTask ?? null, usd: requireUsd(text, what), place: { file: what, line: 0, col: 0, path: '' } } };
}

/** What the budget does not see, as warnings. Throws OrchError when it would see nothing at all. */
export function requireCosts(plan: Plan, { budget }: Settings): string[] {
  const agents = Object.values(plan.agents);
  if (budget === null || agents.length === 0) return [];
  const blind = agents.filter((agent) => !tellsCosts(agent));
  if (blind.length === agents.length) {
    const message = `sees nothing: ${blind.map(({ name }) => name).join(', ')} does not tell what it costs`;
    throw new OrchError({ code: 'bad-input', message: formatDiagnostics([problem(budget.place, message, 'remove it, or let the agent print a claude stream (`output: claude-stream-json`)')]), exitCode: EXIT.usage });
  }
  const deaf = budget.usdPerTask === null ? [] : agents.filter((agent) => tellsCosts(agent) && !adapterFor(agent.adapter).capabilities.budget);
  return [
    ...blind.map(({ name }) => `the agent ${name} does not tell what it costs: the budget does not see it`),
    ...deaf.map(({ name }) => `the agent ${name} cannot be told a limit: usd-per-task is looked at between its attempts`),
  ];
}

/** Money, or tokens that a price table can make money of. */
function tellsCosts({ adapter, output }: AgentSpec): boolean {
  return adapter !== 'command' || output !== 'text';
}
