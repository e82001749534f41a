// Whom a commit names as its co-author. Pure.
import type { MergeSettings, Plan, PlannedTask } from '../plan/plan.ts';

/** How programs sign the commits that they make themselves. */
const KNOWN: ReadonlyMap<string, string> = new Map([['claude', 'Claude <noreply@anthropic.com>']]);

/** `Name <email>` of a task's agent; null for shell commands, and when agents are not to be named. */
export function coAuthorOf(plan: Plan, task: PlannedTask | undefined, { coAuthor }: MergeSettings): string | null {
  if (coAuthor === undefined || task?.work.kind !== 'agent') return null;
  if (coAuthor !== true) return coAuthor;
  const { agent } = task.work;
  return KNOWN.get(plan.agents[agent]?.adapter ?? agent) ?? `${agent} <${agent}@localhost>`;
}
