// Templates of a task's fields: every text with its place, so that what is wrong with it can be found. Pure.
import { escaped, lineAndColumn, render } from '../manifest/template.ts';
import type { RenderOptions, Scope, Value } from '../manifest/template.ts';
import { problem } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import { placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import type { Layer } from './settings.ts';

/** How the texts of one task are filled in, and what became of it. */
export interface Filling {
  readonly scope: Scope;
  readonly diagnostics: Diagnostic[];
  /** The texts stay templates, because some of their names have no value yet. */
  readonly template: boolean;
  /** A name without a value is an error: the text is needed before the task starts. */
  readonly isStrict?: boolean;
  /** Set when such a name was met. */
  isLate: boolean;
}

/** What is special about a text. */
export type TextKind = Pick<RenderOptions, 'reader'>;

/** The text of a field, filled in; '' and a diagnostic if that cannot be done. */
export function renderField({ value, ...at }: Picked<string>, filling: Filling, kind: TextKind = {}): string {
  const { scope, diagnostics, template } = filling;
  const rendered = render(value, scope, { ...kind, template });
  if (rendered.ok) {
    filling.isLate ||= rendered.isLate;
    if (rendered.isLate && filling.isStrict === true) diagnostics.push(problem(placeOf({ value, ...at }), 'is needed before the task starts, and a name in it is known only then'));
    return template && !value.includes('${{') ? escaped(value) : rendered.text;
  }
  for (const { message, hint } of rendered.problems) diagnostics.push(problem(placeOf({ value, ...at }), message, hint));
  return '';
}

/** The same for a list of texts. */
export function renderList(list: Picked<readonly string[]> | undefined, filling: Filling, kind: TextKind = {}): readonly string[] {
  if (list === undefined) return [];
  return list.value.map((value, index) => renderField({ ...list, value, path: [...list.path, index] }, filling, kind));
}

/** The content of a prompt file; places are in that file. */
export function renderFile(file: { readonly name: string; readonly text: string }, filling: Filling): string {
  const rendered = render(file.text, filling.scope, { template: filling.template });
  if (rendered.ok) {
    filling.isLate ||= rendered.isLate;
    return rendered.text;
  }
  for (const { offset, message, hint } of rendered.problems) {
    filling.diagnostics.push(problem({ file: file.name, path: '', ...lineAndColumn(file.text, offset) }, message, hint));
  }
  return '';
}

/** All variables of a task: as values for other texts, and as texts for the plan. */
export interface RenderedEnv {
  readonly values: Readonly<Record<string, Value>>;
  readonly texts: Readonly<Record<string, string>>;
}

/** The variables of a task, by key. `layers`: most important first; a value may read the variables of less important layers. */
export function renderEnv(layers: readonly Layer[], filling: Filling): RenderedEnv {
  let values: Record<string, Value> = {};
  const texts: Record<string, string> = {};
  for (const { fields, source, kind, path } of layers.toReversed()) {
    if (fields.env === undefined) continue;
    const below: Scope = { ...filling.scope, env: { names: values } };
    const own: Record<string, Value> = {};
    for (const [name, value] of Object.entries(fields.env)) {
      const variable: Filling = { ...filling, scope: below, isLate: false };
      const text = renderField({ value, source, kind, path: [...path, 'env', name] }, variable);
      filling.isLate ||= variable.isLate;
      texts[name] = text;
      const plain = variable.isLate || !filling.template ? null : render(value, below);
      own[name] = variable.isLate ? { late: text } : plain?.ok === true ? plain.text : text;
    }
    values = Object.assign({}, values, own);
  }
  return { values, texts };
}
