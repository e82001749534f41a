// What a task needs, as ids of the plan and as names for its templates. Pure.
import { nearest } from '../lib/nearest.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import { MAX_ADDED } from '../manifest/limits.ts';
import { fromOf } from '../manifest/schema.ts';
import type { Group, Value } from '../manifest/template.ts';
import type { Expansion, Member } from './expand.ts';
import { placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import type { FanOut, TaskId } from './plan.ts';

type Needs = Picked<readonly string[]> | undefined;

/** Ids of tasks and templates, each once, never the task's own. */
export function neededIds(member: Member, needs: Needs, { idsOf }: Expansion): readonly TaskId[] {
  const ids = (needs?.value ?? []).flatMap((need) => idsOf.get(need) ?? []);
  return [...new Set(ids)].filter((id) => id !== member.id);
}

/** `needs.<id>.result`, `.branch` and `.outputs.<any name>` of everything that is needed; all of it is known later. */
export function needsGroup(needs: Needs): Group | null {
  if (needs === undefined || needs.value.length === 0) return null;
  const names: Record<string, Value> = {};
  for (const id of needs.value) {
    for (const part of ['result', 'branch', 'outputs.*']) names[`${id}.${part}`] = { late: `\${{ needs.${id}.${part} }}` };
  }
  return { names };
}

/** The fan-out of a template: where its items come from. null and a diagnostic when they cannot come from there. */
export function fanOutOf(member: Member, { needs, expansion, from }: { needs: Needs; expansion: Expansion; from: Picked<string> }, diagnostics: Diagnostic[]): Omit<FanOut, 'template'> | null {
  const { foreach } = member.definition.fields;
  const { task, output } = fromOf(from.value);
  const ids = expansion.idsOf.get(task);
  if (needs?.value.includes(task) !== true) {
    const meant = ids === undefined ? nearest(task, expansion.idsOf.keys()) : undefined;
    const hint = meant === undefined ? `add \`needs: ${task}\`` : `did you mean \`${meant}\`?`;
    diagnostics.push(problem(placeOf(from), ids === undefined ? `there is no task ${quoted(task)}` : `reads ${quoted(task)}, which the task does not need`, hint));
    return null;
  }
  const source = expansion.members.find(({ id }) => id === ids?.[0]);
  if (ids?.length !== 1 || source === undefined || source.kind === 'template') {
    diagnostics.push(problem(placeOf(from), `${quoted(task)} stands for several tasks, and items come from one`, 'put a task between them that makes one list of theirs'));
    return null;
  }
  return {
    id: member.id,
    from: { task: source.id, output },
    exclude: foreach?.exclude ?? [],
    batch: foreach?.batch ?? 1,
    maxTasks: foreach?.['max-tasks'] ?? MAX_ADDED,
  };
}
