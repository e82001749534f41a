// What `${{ needs.* }}` and `${{ run.id }}` stand for when a task starts: the texts, branches and outputs of the tasks
// before it. Pure.
import { fillTask } from '../plan/fill.ts';
import type { Plan, PlannedTask, TaskId } from '../plan/plan.ts';
import { indexOfTask } from '../run/plan-index.ts';
import type { RunState, TaskState } from '../run/state.ts';

type Values = Record<string, { data: string } | { lines: readonly string[] }>;
interface Done {
  readonly task: PlannedTask;
  readonly state: TaskState;
}

/** The task as it is run. `plan`: with all tasks that were added. An output that was not written is empty, as on GitHub. */
export function startedTask(plan: Plan, task: PlannedTask, run: RunState): PlannedTask {
  if (task.late !== true) return task;
  const needs: Values = {};
  for (const [name, tasks] of groupsOf(plan, task.needs)) {
    const done = tasks.flatMap((id): Done[] => {
      const index = indexOfTask(plan, id);
      const [planned, state] = [plan.tasks[index], run.tasks[index]];
      return planned === undefined || state === undefined ? [] : [{ task: planned, state }];
    });
    const [first] = done;
    Object.assign(needs, first !== undefined && first.task.id === name ? valuesOf(name, first) : groupValuesOf(name, done));
  }
  const filled = fillTask(task, { needs: { names: needs }, run: { names: { id: plan.run } } }, 'running');
  if (!filled.ok) throw new Error(`${task.id}: ${filled.message}`);
  return filled.task;
}

/** The needed tasks by the names that templates have for them: their own, and those of the fan-outs that they are of. */
function groupsOf(plan: Plan, needs: readonly TaskId[]): Map<string, TaskId[]> {
  const groups = new Map<string, TaskId[]>();
  for (const id of needs) {
    const of = plan.tasks[indexOfTask(plan, id)]?.of;
    for (const name of of === undefined ? [id] : [id, of]) groups.set(name, [...(groups.get(name) ?? []), id]);
  }
  // A fan-out that made no task has results, too: none.
  for (const { id } of plan.fanOuts ?? []) if (!groups.has(id)) groups.set(id, []);
  return groups;
}

function valuesOf(name: string, { task, state }: Done): Values {
  return {
    [`${name}.result`]: { data: state.report?.result ?? '' },
    [`${name}.branch`]: { data: task.branch },
    [`${name}.outputs.*`]: { data: '' },
    ...Object.fromEntries(Object.entries(state.outputs).map(([output, text]) => [`${name}.outputs.${output}`, { data: text }])),
  };
}

/** Of many: results under headings, branches a line each, an output as a JSON list with a text for each task. */
function groupValuesOf(name: string, done: readonly Done[]): Values {
  const outputs = new Set(done.flatMap(({ state }) => Object.keys(state.outputs)));
  return {
    [`${name}.result`]: { data: done.map(({ task, state }) => `## ${task.id}\n\n${(state.report?.result ?? '').trim()}`).join('\n\n') },
    [`${name}.branch`]: { lines: done.map(({ task }) => task.branch) },
    [`${name}.outputs.*`]: { data: JSON.stringify(done.map(() => '')) },
    ...Object.fromEntries([...outputs].map((output) => [`${name}.outputs.${output}`, { data: JSON.stringify(done.map(({ state }) => state.outputs[output] ?? '')) }])),
  };
}
