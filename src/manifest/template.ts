// `${{ name }}` in texts: what it means is in the scope that the caller hands in; anything else is a problem with an
// offset. `$${{` is a literal `${{`. No operators, no functions: a name, with dots. Pure; the output is never read again.
import { nearest } from '../lib/nearest.ts';
import { quoted } from './diagnostic.ts';

/** What names mean: `base` → text, or `env.HOME` → text of a group. */
export type Scope = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

export interface TemplateProblem {
  /** Where `${{` begins in the template, in UTF-16 units. */
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

export type Rendered = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problems: readonly TemplateProblem[] };

/** Names that have a meaning where it does not apply yet. */
const ONLY_IN: ReadonlyMap<string, string> = new Map([
  ['matrix', 'only in a task with `strategy.matrix`, which this version does not support'],
  ['strategy', 'only in a task with `strategy.matrix`, which this version does not support'],
  ['item', 'only in a task with `foreach`, which this version does not support'],
  ['needs', 'only in later versions: this one does not hand results from task to task'],
]);

const NAME = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*$/;

/** Fills in a template. */
export function render(template: string, scope: Scope): Rendered {
  if (!template.includes('${{')) return { ok: true, text: template };
  const problems: TemplateProblem[] = [];
  let text = '';
  let from = 0;
  for (let open = template.indexOf('${{'); open !== -1; open = template.indexOf('${{', from)) {
    if (open > from && template.charAt(open - 1) === '$') {
      text += `${template.slice(from, open - 1)}\${{`;
      from = open + 3;
      continue;
    }
    text += template.slice(from, open);
    const close = template.indexOf('}}', open + 3);
    if (close === -1) {
      problems.push({ offset: open, message: '`${{` is not closed', hint: 'write `}}` after the name, or `$${{` for the characters themselves' });
      return { ok: false, problems };
    }
    const found = lookUp(template.slice(open + 3, close).trim(), scope);
    if (typeof found === 'string') text += found;
    else problems.push({ offset: open, ...found });
    from = close + 2;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, text: text + template.slice(from) };
}

function lookUp(expression: string, scope: Scope): string | Omit<TemplateProblem, 'offset'> {
  if (expression === '') return { message: '`${{ }}` has no name in it', hint: 'write `$${{` for the characters themselves' };
  const known = namesOf(scope);
  if (!NAME.test(expression)) {
    return { message: `${quoted(expression)} is not a name`, hint: `only names are read: ${known.slice(0, 6).join(', ')}` };
  }
  const [root = '', ...rest] = expression.split('.');
  const value = Object.hasOwn(scope, root) ? scope[root] : undefined;
  if (value === undefined) return unknownRoot(root, expression, known);
  const key = rest.join('.');
  if (typeof value === 'string') return key === '' ? value : { message: `\`${root}\` has no parts`, hint: `write \`\${{ ${root} }}\`` };
  const text = Object.hasOwn(value, key) ? value[key] : undefined;
  if (text !== undefined) return text;
  if (key === '') return { message: `\`${root}\` alone is not a text`, hint: `known: ${known.filter((name) => name.startsWith(`${root}.`)).join(', ') || 'nothing'}` };
  const meant = nearest(key, Object.keys(value));
  const hint = meant !== undefined ? `did you mean \`${root}.${meant}\`?` : root === 'env' ? 'add it to an `env:` of the manifest' : `known: ${known.join(', ')}`;
  return { message: `unknown name ${quoted(expression)}`, hint };
}

function unknownRoot(root: string, expression: string, known: readonly string[]): Omit<TemplateProblem, 'offset'> {
  const onlyIn = ONLY_IN.get(root);
  if (onlyIn !== undefined) return { message: `\`${expression}\` is known ${onlyIn}` };
  const meant = nearest(expression, known) ?? nearest(root, known.map((name) => name.replace(/\..*/, '')));
  return { message: `unknown name ${quoted(expression)}`, hint: meant === undefined ? `known: ${known.slice(0, 6).join(', ')}` : `did you mean \`${meant}\`?` };
}

/** Every name that the scope gives a meaning. */
function namesOf(scope: Scope): string[] {
  return Object.entries(scope).flatMap(([root, value]) => (typeof value === 'string' ? [root] : Object.keys(value).map((key) => `${root}.${key}`)));
}

/** Line and column of an offset in a text, from 1. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly col: number } {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, col: offset - before.lastIndexOf('\n') };
}
