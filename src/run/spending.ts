// What attempts have cost: the most for each agent and model, for estimates, and sums by the models that really answered.
// Pure parts of `reduce`.
import type { Plan } from '../plan/plan.ts';
import { costKey } from './budget.ts';
import type { PhaseResult } from './events.ts';
import type { RunState, Spending } from './state.ts';

/** The state with one more attempt's costs; `state`: as it was while the attempt ran. */
export function withCosts(plan: Plan, state: RunState, { index, result }: { readonly index: number; readonly result: PhaseResult }): Pick<RunState, 'costUsd' | 'costs' | 'spending'> {
  const { report } = result.detail;
  const { costUsd, costs, spending } = state;
  if (report === undefined) return { costUsd, costs, spending };
  const key = costKey(plan, state, index);
  // An attempt that was broken off may have cost more than anybody has said.
  const isTold = report.costUsd !== null || result.ok;
  const most = key === null || !isTold ? costs : { ...costs, [key]: Math.max(costs[key] ?? 0, report.costUsd ?? 0) };
  if (report.costUsd === null && report.tokens === null) return { costUsd, costs: most, spending };
  const model = report.model ?? 'unknown';
  const before: Spending = spending[model] ?? { attempts: 0, usd: 0, input: 0, output: 0, isEstimate: false };
  const after: Spending = {
    attempts: before.attempts + 1,
    usd: before.usd + (report.costUsd ?? 0),
    input: before.input + (report.tokens === null ? 0 : report.tokens.input + report.tokens.cacheRead + report.tokens.cacheWrite),
    output: before.output + (report.tokens?.output ?? 0),
    isEstimate: before.isEstimate || report.isCostEstimate === true || report.costUsd === null,
  };
  return { costUsd: costUsd + (report.costUsd ?? 0), costs: most, spending: { ...spending, [model]: after } };
}
