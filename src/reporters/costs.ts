// What a run has cost, for its summary: by model, by the dearest tasks, and for each change that was merged or delivered. Pure.
import type { Palette } from '../lib/color.ts';
import { formatUsd, plural } from '../lib/text.ts';
import { padToWidth, safeText } from '../lib/terminal.ts';
import type { Plan } from '../plan/plan.ts';
import { isCandidate } from '../run/candidates.ts';
import type { RunState } from '../run/state.ts';

const MOST_TASKS = 5;

/** The lines under `Cost`; none where the total says it all. `plan`: with all tasks. */
export function costLines(plan: Plan, state: RunState, palette: Palette): string[] {
  const models = Object.entries(state.spending).filter(([, { usd, input, output }]) => usd > 0 || input + output > 0).sort(([, a], [, b]) => b.usd - a.usd);
  const tasks = plan.tasks
    .map(({ id }, index) => ({ id, usd: state.tasks[index]?.report?.costUsd ?? 0, attempts: state.tasks[index]?.attempts ?? 0 }))
    .filter(({ usd }) => usd > 0).sort((a, b) => b.usd - a.usd);
  if (models.length < 2 && tasks.length < 2) return [];
  const dear = tasks.slice(0, MOST_TASKS);
  const width = Math.max(...[...models.map(([model]) => model), ...dear.map(({ id }) => id)].map((name) => name.length));
  const row = (name: string, usd: string, rest: string): string => `  ${padToWidth(safeText(name), width)}  ${usd.padStart(8)}${rest === '' ? '' : `  ${palette.dim(rest)}`}`;
  const more = tasks.length - MOST_TASKS;
  return [
    '', palette.bold('Cost'),
    ...models.map(([model, { usd, isEstimate, attempts, input, output }]) => row(model, `${isEstimate ? '≈' : ''}${formatUsd(usd)}`, [plural(attempts, 'attempt'), ...(input + output > 0 ? [`${count(input)} tokens in, ${count(output)} out`] : [])].join(', '))),
    ...dear.map(({ id, usd, attempts }) => row(id, formatUsd(usd), attempts > 1 ? plural(attempts, 'attempt') : '')),
    ...(more > 0 ? [`  … and ${plural(more, 'task')} more`] : []),
    ...perChange(plan, state),
  ];
}

/** A change that was paid for and is not there costs the others. */
function perChange(plan: Plan, state: RunState): string[] {
  const delivered = state.tasks.filter(({ now, delivery }, index) => !isCandidate(plan, index) && now.at === 'settled' && now.outcome === 'completed' && delivery !== null && delivery.commits > 0);
  const merged = delivered.filter(({ merge }) => merge?.status === 'merged').length;
  const changes = merged > 0 ? merged : delivered.length;
  return changes === 0 || state.costUsd === 0 ? [] : [`  ${formatUsd(state.costUsd / changes)} for each of ${plural(changes, merged > 0 ? 'merged change' : 'delivered change')}`];
}

function count(tokens: number): string {
  return tokens >= 1e6 ? `${(tokens / 1e6).toFixed(1)}M` : tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens);
}

/** `$0.60`, with a limit `$0.60 of $1.00`. */
export function spentText({ budget }: Plan, { costUsd, budgetUsd }: RunState): string {
  const limit = budgetUsd ?? budget?.usd ?? null;
  return limit === null ? (costUsd > 0 ? formatUsd(costUsd) : '') : `${formatUsd(costUsd)} of ${formatUsd(limit)}`;
}

/** What the attempts that were under way took beyond the limit, if they did. */
export function overshootText({ budget }: Plan, { costUsd, budgetUsd }: RunState): string {
  const over = costUsd - (budgetUsd ?? budget?.usd ?? costUsd);
  return over > 0.000_001 ? `; what was under way went ${formatUsd(over)} over` : '';
}
