// `best-of`: one task of the manifest → its candidates, which are tasks like any other, and behind them a task of the
// manifest's own id that takes the best one's work and asks no agent. Pure.
import { foldId } from '../lib/slug.ts';
import { problem } from '../manifest/diagnostic.ts';
import type { Variant } from '../manifest/schema.ts';
import { expandedIds } from './expand.ts';
import type { Member } from './expand.ts';
import { pick, placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import { memberIds } from './member-ids.ts';
import type { PlannedTask, TaskId } from './plan.ts';
import { renderField } from './render.ts';
import type { Layer } from './settings.ts';
import { draftOf, layersOf, pickWork, planTask } from './task.ts';
import type { PlanContext } from './task.ts';

/** The tasks that a member stands for: itself, or its candidates and the task that chooses. */
export function plannedTasks(member: Member, context: PlanContext): readonly PlannedTask[] {
  const layers = layersOf(member, context);
  const [wanted, score] = [pick(layers, 'best-of'), pick(layers, 'score')];
  if (score !== undefined && wanted === undefined) context.diagnostics.push(problem(placeOf(score), 'compares the attempts of `best-of`, and the task has none', 'add `best-of: 3`, or remove it'));
  if (wanted === undefined || pickWork(layers)?.key === 'run') return [planTask(member, context)];
  if (member.kind === 'template') {
    context.diagnostics.push(problem(placeOf(wanted), 'cannot be used with `foreach: { from: … }`', 'make the list when the plan is made, or leave out `best-of`'));
    return [planTask(member, context)];
  }
  const command = score === undefined ? null : renderField(score, draftOf(member, context).now, { reader: 'shell' });
  const ids = candidateIds(member, wanted, context);
  const planned = ids.map((id, index) => planTask({ ...member, id, layer: layerOf(wanted, index) }, context));
  const candidates = planned.map(({ of: _of, ...one }, index): PlannedTask => ({
    ...one, name: one.name === one.id ? one.id : `${one.name} (${index + 1} of ${ids.length})`, candidateOf: member.id, ...(command === null ? {} : { score: command }),
  }));
  return [...candidates, ...planned.slice(0, 1).map((one) => choiceOf(member.id, one, ids))];
}

/** The task that chooses: named and forgiven as its candidates, with nothing to do of its own. */
function choiceOf(id: TaskId, { name, of, branch, continueOnError, timeoutMs, ...first }: PlannedTask, ids: readonly TaskId[]): PlannedTask {
  return {
    id, name: name === first.id ? id : name, branch: branch.replace(/[^/]*$/, id), continueOnError, ...(of === undefined ? {} : { of }),
    work: { kind: 'run', command: `# the best of ${ids.join(', ')}` }, choose: ids, needs: ids,
    env: {}, setup: [], verify: [], expect: 'any', paths: null, timeoutMs, idleTimeoutMs: null, retries: 0, retryOn: [], concurrency: null,
  };
}

function candidateIds(member: Member, { value }: Picked<readonly Variant[]>, { expansion }: PlanContext): readonly TaskId[] {
  const taken = expandedIds(expansion);
  return memberIds(member.id, value.map((_, index) => ({ text: String(index + 1), key: String(index) })), (id) => taken.has(foldId(id)));
}

/** What a variant says goes before what its task says, and behind the command line. */
function layerOf({ value, source, kind, path }: Picked<readonly Variant[]>, index: number): Layer {
  return { kind, source, path: [...path, index], fields: value[index] ?? {} };
}
