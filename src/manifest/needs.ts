// Who needs whom: every need exists, none is the task itself, and there is no cycle. Never recurses.
import { nearest } from '../lib/nearest.ts';
import { foldId } from '../lib/slug.ts';
import { cyclesOf, stagesOf } from '../lib/graph.ts';
import { problem, quoted } from './diagnostic.ts';
import type { Diagnostic, Source } from './diagnostic.ts';
import type { TaskDraft } from './tasks.ts';

/** Comparing one unknown name with thousands of ids is slow; after so many, the reader has seen the point. */
const MAX_SUGGESTIONS = 20;
const MAX_CYCLE_NAMES = 12;

interface Needing {
  readonly tasks: readonly TaskDraft[];
  /** `defaults.needs`. */
  readonly defaults: readonly string[];
  readonly source: Source;
  /** What else may be needed. */
  readonly known: { readonly has: (name: string) => boolean };
}

/** Adds what is wrong with the needs of all tasks. */
export function checkNeeds({ tasks, defaults, source, known }: Needing, diagnostics: Diagnostic[]): void {
  const indexes = new Map<string, number>();
  tasks.forEach((task, index) => indexes.set(foldId(task.id), index));
  let suggestions = 0;
  const edges = tasks.map((task, own) =>
    (task.needs ?? defaults).flatMap((need, position) => {
      const index = indexes.get(foldId(need));
      const found = index === undefined ? undefined : tasks[index];
      if (index !== undefined && index !== own && found?.id === need) return [index];
      if (found === undefined && known.has(need)) return [];
      const place = source.at([...(task.needs === null ? ['defaults', 'needs'] : [...task.path, 'needs']), position]);
      if (index === own) {
        diagnostics.push(problem(place, `the task ${quoted(task.id)} needs itself`, 'remove it'));
        return [];
      }
      suggestions += 1;
      const meant = found?.id ?? (suggestions <= MAX_SUGGESTIONS ? nearest(need, tasks.map(({ id }) => id)) : undefined);
      diagnostics.push(problem(place, `there is no task ${quoted(need)}`, meant === undefined ? undefined : `did you mean \`${meant}\`?`));
      return [];
    }),
  );
  for (const cycle of cyclesOf(edges, stagesOf(edges).stuck)) {
    const first = tasks[cycle[0] ?? 0];
    if (first === undefined) continue;
    const names = [...cycle, cycle[0] ?? 0].map((index) => tasks[index]?.id ?? '');
    const shown = names.length <= MAX_CYCLE_NAMES ? names : [...names.slice(0, MAX_CYCLE_NAMES - 2), `… ${names.length - MAX_CYCLE_NAMES + 1} more …`, ...names.slice(-1)];
    diagnostics.push(problem(source.at([...first.path, 'needs']), `these tasks need each other: ${shown.join(' → ')}`, 'remove one of these needs'));
  }
}
