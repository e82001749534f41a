// Tasks that are made while a run goes on: what a task named → the tasks of a fan-out, or why there are none. Pure and
// deterministic; the result is recorded once and never made again.
import { foldId } from '../lib/slug.ts';
import { staysInside, unescapeGlob } from '../lib/glob.ts';
import { quoted } from '../manifest/diagnostic.ts';
import type { Group, Scope, Value } from '../manifest/template.ts';
import { fillTask } from './fill.ts';
import { batchesOf, itemsOfJson, itemsOfLines } from './items.ts';
import type { Item } from './items.ts';
import { memberIds } from './member-ids.ts';
import type { FanOut, Plan, PlannedTask } from './plan.ts';

/** What a task leaves for those that need it. */
export interface Products {
  readonly outputs: Readonly<Record<string, string>>;
  /** The text that its agent ended with. */
  readonly result: string;
}

export type Added = { readonly ok: true; readonly tasks: readonly PlannedTask[] } | { readonly ok: false; readonly message: string };

/** Bytes of all tasks that one fan-out adds, as JSON: they are one line of the journal. */
const MAX_BYTES = 12 * 1024 * 1024;

/** The tasks that a fan-out makes of what its source left. `plan`: with all tasks that were added before. */
export function addedTasks(plan: Plan, fanOut: FanOut, products: Products): Added {
  const read = itemsOf(fanOut, products);
  if (!read.ok) return read;
  const batches = batchesOf(read.items, fanOut, 'data');
  const what = fanOut.from.output === null ? 'its result' : `its output \`${fanOut.from.output}\``;
  if (batches.length > fanOut.maxTasks) {
    return { ok: false, message: `${what} makes ${batches.length} tasks of ${fanOut.id}, and its \`max-tasks\` is ${fanOut.maxTasks}` };
  }
  const taken = new Set(plan.tasks.map(({ id }) => foldId(id)));
  const ids = memberIds(fanOut.id, batches.map(({ label }) => label), (id) => taken.has(id));
  const tasks: PlannedTask[] = [];
  let bytes = 0;
  for (const [index, { scope }] of batches.entries()) {
    const id = ids[index] ?? '';
    const filled = fillTask({ ...fanOut.template, id, branch: `orch/${plan.run}/${id}` }, scopeOf(fanOut, id, scope), 'all');
    const flaw = filled.ok ? flawOf(filled.task) : filled.message;
    if (!filled.ok || flaw !== null) return { ok: false, message: `${what} makes a task ${id} that cannot be: ${flaw ?? ''}` };
    const task = { ...filled.task, name: filled.task.name.trim() || id };
    bytes += Buffer.byteLength(JSON.stringify(task));
    if (bytes > MAX_BYTES) return { ok: false, message: `${what} makes tasks of more than ${MAX_BYTES / 1024 / 1024} MB together` };
    tasks.push(task);
  }
  return { ok: true, tasks };
}

function itemsOf({ from }: FanOut, { outputs, result }: Products): { readonly ok: true; readonly items: readonly Item[] } | { readonly ok: false; readonly message: string } {
  const { output } = from;
  const given = output === null ? lastBlock(result) : Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  if (given === undefined) return { ok: false, message: `it did not write the output ${quoted(output ?? '')} to $ORCH_OUTPUT` };
  if (!/^\s*[[{]/.test(given)) return { ok: true, items: itemsOfLines(given) };
  const read = itemsOfJson(given);
  return read.ok ? read : { ok: false, message: `its ${output === null ? 'result' : `output ${quoted(output)}`} ${read.message}` };
}

/** Agents like to talk around a list; the list is what stands between the last two fences. */
function lastBlock(text: string): string {
  return [...text.matchAll(/^(`{3,})[^\n`]*\n([\s\S]*?)^\1`*\s*$/gm)].at(-1)?.[2] ?? text;
}

function scopeOf({ template }: FanOut, id: string, item: Group): Scope {
  const needs: Record<string, Value> = {};
  // Everything that was checked when the plan was made stays a name; it is filled in when the task starts.
  const open = new Set<string>();
  for (const match of JSON.stringify(template).matchAll(/\$\{\{ needs\.([\w.-]+) \}\}/g)) open.add(match[1] ?? '');
  for (const name of open) needs[name] = { late: `\${{ needs.${name} }}` };
  return { item, task: { names: { id } }, run: { names: { id: { late: '${{ run.id }}' } } }, needs: { names: needs } };
}

function flawOf({ work, paths }: PlannedTask): string | null {
  if ((work.kind === 'run' ? work.command : work.prompt).trim() === '') return 'it has nothing to do';
  const outside = (paths ?? []).find((glob) => !staysInside(unescapeGlob(glob)));
  return outside === undefined ? null : `its path ${quoted(unescapeGlob(outside))} leads out of the repository`;
}
