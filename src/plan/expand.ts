// One task of the manifest → the tasks of the plan that it stands for: itself, a task for each combination of its matrix,
// or one for each batch of its items. What another task is to list becomes a template of tasks. Pure and deterministic.
import { globMatcher } from '../lib/glob.ts';
import { foldId } from '../lib/slug.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic, Path, Source } from '../manifest/diagnostic.ts';
import { MAX_FAN_OUT } from '../manifest/limits.ts';
import type { ForeachFields, MatrixFields } from '../manifest/schema.ts';
import type { TaskDefinition } from '../manifest/tasks.ts';
import type { Group, Scope, Value } from '../manifest/template.ts';
import { inputKey } from './inputs.ts';
import type { PlanInputs } from './inputs.ts';
import { batchesOf, itemsOfJson, itemsOfLines } from './items.ts';
import type { Batch, Item, ItemKind } from './items.ts';
import { axesOf, combinationsOf, countOf } from './matrix.ts';
import { memberIds } from './member-ids.ts';
import type { Label } from './member-ids.ts';
import type { TaskId } from './plan.ts';
import type { Layer } from './settings.ts';

/** A task of the plan before its fields are settled. */
export interface Member {
  readonly id: TaskId;
  readonly definition: TaskDefinition;
  /** What its templates may read besides `env`, `needs`, `task`, `run` and `base`. */
  readonly scope: Scope;
  /** `one` = the definition itself; `member` = of a matrix or a foreach; `template` = of tasks that are made while the run goes on. */
  readonly kind: 'one' | 'member' | 'template';
  /** What goes before its own fields. */
  readonly layer?: Layer;
}

/** All ids that are taken, folded. */
export function expandedIds({ members, idsOf }: Expansion): ReadonlySet<string> {
  return new Set([...members.map(({ id }) => foldId(id)), ...[...idsOf.keys()].map(foldId)]);
}

export interface Expansion {
  /** In the order of the manifest. */
  readonly members: readonly Member[];
  /** Ids by the id of the definition: what a `needs` on it means. A template has its own id. */
  readonly idsOf: ReadonlyMap<string, readonly TaskId[]>;
}

/** What expansion goes by. Problems are added to `diagnostics`. */
export interface Expanding {
  readonly source: Source;
  readonly inputs: PlanInputs;
  readonly diagnostics: Diagnostic[];
  /** Tasks that are there already: what else may be needed, and whose ids are taken. */
  readonly known?: ReadonlyMap<string, readonly TaskId[]>;
}

/** `item` and its parts, when they are not known yet. */
const LATE_ITEM: Group = { names: { '': { late: '${{ item }}' }, '*': { late: '${{ item.* }}' } } };

export function expand(tasks: readonly TaskDefinition[], expanding: Expanding): Expansion {
  const { known = new Map<string, readonly TaskId[]>() } = expanding;
  const taken = new Set([...known.keys(), ...tasks.map(({ id }) => id)].map(foldId));
  const members: Member[] = [];
  const idsOf = new Map(known);
  for (const definition of tasks) {
    const made = membersOf(definition, expanding, (id) => taken.has(id));
    for (const { id } of made) taken.add(foldId(id));
    members.push(...made);
    idsOf.set(definition.id, made.map(({ id }) => id));
  }
  return { members, idsOf };
}

function membersOf(definition: TaskDefinition, expanding: Expanding, isTaken: (id: TaskId) => boolean): Member[] {
  const { id, fields } = definition;
  if (fields.strategy !== undefined) return named(definition, combinations(definition, fields.strategy.matrix, expanding), isTaken);
  if (fields.foreach === undefined) return [{ id, definition, scope: {}, kind: 'one' }];
  if (fields.foreach.from !== undefined) return [{ id, definition, scope: { item: LATE_ITEM }, kind: 'template' }];
  const made = batches(definition, fields.foreach, expanding);
  return named(definition, made.map(({ label, scope }) => ({ label, scope: { item: scope } })), isTaken);
}

function named(definition: TaskDefinition, made: readonly { readonly label: Label; readonly scope: Scope }[], isTaken: (id: TaskId) => boolean): Member[] {
  const ids = memberIds(definition.id, made.map(({ label }) => label), isTaken);
  return made.map(({ scope }, index) => ({ id: ids[index] ?? '', definition, scope, kind: 'member' }));
}

function combinations({ path }: TaskDefinition, matrix: MatrixFields, { source, diagnostics }: Expanding): { label: Label; scope: Scope }[] {
  const at = [...path, 'strategy', 'matrix'];
  const wrong = (message: string, hint: string): [] => {
    diagnostics.push(problem(source.at(at), message, hint));
    return [];
  };
  const count = countOf(matrix);
  if (count > MAX_FAN_OUT) return wrong(`has ${count} combinations, and one task stands for at most ${MAX_FAN_OUT}`, 'use fewer values, or several tasks');
  const made = combinationsOf(matrix);
  if (made.length === 0) return wrong('has no combination left', 'exclude fewer of them');
  const all = new Set(made.flatMap((one) => Object.keys(one)));
  const own = axesOf(matrix).map(([name]) => name);
  // The same values twice would be the same task twice.
  return [...new Map(made.map((one) => [JSON.stringify(one), one])).entries()].map(([key, one]) => {
    const names = own.every((name) => name in one) && own.length > 0 ? own : Object.keys(one);
    const values: Record<string, Value> = Object.fromEntries([...all].map((name) => [name, one[name] ?? '']));
    return { label: { text: names.map((name) => one[name] ?? '').join(' '), key }, scope: { matrix: { names: values } } };
  });
}

function batches(definition: TaskDefinition, foreach: ForeachFields, expanding: Expanding): readonly Batch[] {
  const { source, diagnostics } = expanding;
  const path: Path = [...definition.path, 'foreach'];
  const before = diagnostics.length;
  const { items, kind } = itemsOf(foreach, path, expanding);
  const made = batchesOf(items, foreach, kind);
  if (made.length > MAX_FAN_OUT) {
    diagnostics.push(problem(source.at(path), `makes ${made.length} tasks, and one task stands for at most ${MAX_FAN_OUT}`, 'put several items into one task with `batch`'));
    return [];
  }
  if (made.length === 0 && diagnostics.length === before) {
    diagnostics.push(problem(source.at(path), items.length === 0 ? 'has no items' : 'has no item that is not excluded'));
  }
  return made;
}

function itemsOf(foreach: ForeachFields, path: Path, { source, inputs, diagnostics }: Expanding): { readonly items: readonly Item[]; readonly kind: ItemKind } {
  const { files, lines, json, values } = foreach;
  if (values !== undefined) return { items: values, kind: 'written' };
  if (files !== undefined) return { items: filesOf(files, [...path, 'files'], { source, inputs, diagnostics }), kind: 'file' };
  const [kind, name] = lines === undefined ? (['file', json ?? ''] as const) : (['run', lines] as const);
  const place = source.at([...path, lines === undefined ? 'json' : 'lines']);
  const input = inputs.texts.get(inputKey({ kind, name })) ?? { ok: false, message: 'was not read' };
  if (!input.ok) {
    diagnostics.push(problem(place, `${quoted(name)} ${input.message}`));
    return { items: [], kind: 'data' };
  }
  if (kind === 'run') return { items: itemsOfLines(input.text), kind: 'data' };
  const read = itemsOfJson(input.text);
  if (!read.ok) diagnostics.push(problem(place, `${quoted(name)} ${read.message}`, 'write for example `["a", "b"]` into it'));
  return { items: read.ok ? read.items : [], kind: 'data' };
}

/** A glob that matches nothing is a slip, and would go unnoticed among others. */
function filesOf(globs: readonly string[], path: Path, { source, inputs, diagnostics }: Expanding): readonly string[] {
  const tree = inputs.tree ?? [];
  for (const [index, glob] of globs.entries()) {
    if (glob.startsWith('!')) continue;
    const matches = globMatcher([glob]);
    if (!tree.some((file) => matches(file))) {
      diagnostics.push(problem(source.at([...path, index]), `${quoted(glob)} matches no file of the base commit`, 'only committed files count; `**` stands for folders, `*` for a name'));
    }
  }
  return tree.filter(globMatcher(globs));
}
