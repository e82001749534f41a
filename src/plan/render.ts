// Templates of a task's fields: every text with its place, so that what is wrong with it can be found. Pure.
import { lineAndColumn, render } from '../manifest/template.ts';
import type { Scope } from '../manifest/template.ts';
import { problem } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import { placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import type { Layer } from './settings.ts';

/** The text of a field, filled in; '' and a diagnostic if that cannot be done. */
export function renderField({ value, ...at }: Picked<string>, scope: Scope, diagnostics: Diagnostic[]): string {
  const rendered = render(value, scope);
  if (rendered.ok) return rendered.text;
  for (const { message, hint } of rendered.problems) diagnostics.push(problem(placeOf({ value, ...at }), message, hint));
  return '';
}

/** The same for a list of texts. */
export function renderList(list: Picked<readonly string[]> | undefined, scope: Scope, diagnostics: Diagnostic[]): readonly string[] {
  if (list === undefined) return [];
  return list.value.map((value, index) => renderField({ ...list, value, path: [...list.path, index] }, scope, diagnostics));
}

/** The content of a prompt file; places are in that file. */
export function renderFile(file: { readonly name: string; readonly text: string }, scope: Scope, diagnostics: Diagnostic[]): string {
  const rendered = render(file.text, scope);
  if (rendered.ok) return rendered.text;
  for (const { offset, message, hint } of rendered.problems) {
    diagnostics.push(problem({ file: file.name, path: '', ...lineAndColumn(file.text, offset) }, message, hint));
  }
  return '';
}

/** All variables of a task, by key. `layers`: most important first; a value may read the variables of less important layers. */
export function renderEnv(layers: readonly Layer[], scope: Scope, diagnostics: Diagnostic[]): Readonly<Record<string, string>> {
  let env: Readonly<Record<string, string>> = {};
  for (const { fields, source, kind, path } of layers.toReversed()) {
    if (fields.env === undefined) continue;
    const below: Scope = { ...scope, env };
    const own = Object.entries(fields.env).map(([name, value]) => [name, renderField({ value, source, kind, path: [...path, 'env', name] }, below, diagnostics)]);
    env = Object.assign({}, env, Object.fromEntries(own)) as Readonly<Record<string, string>>;
  }
  return env;
}
