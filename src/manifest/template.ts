// `${{ name }}` in texts: what it means is in the scope that the caller hands in; anything else is a problem with an
// offset. `$${{` is a literal `${{`, and so is `${{ '${{' }}`. No operators, no functions: a name, with dots. Pure; what
// is filled in is never read again. A text may be filled in twice: names that have no value yet stay names.
import { escapeGlob } from '../lib/glob.ts';
import { nearest } from '../lib/nearest.ts';
import { ShellScanner, shellText, shellWords } from '../lib/shell.ts';
import { quoted } from './diagnostic.ts';

/**
 * What a name stands for. A string is what the author wrote, and goes anywhere as it is. The others come from files,
 * commands or other tasks: in a shell text they stay data. `words` are joined by spaces, quoted where that is ambiguous,
 * `lines` by line ends. `late` is a template that is filled in later.
 */
export type Value =
  | string
  | { readonly data: string }
  | { readonly words: readonly string[] }
  | { readonly lines: readonly string[] }
  | { readonly late: string };

/** Names to values: `base`, or `env.HOME` of a group. In a group, `api.outputs.*` stands for any last part. */
export type Scope = Readonly<Record<string, Value | Group>>;
/** A group has no prototype or is a plain object; its keys may have dots. */
export interface Group {
  readonly names: Readonly<Record<string, Value>>;
}

export interface TemplateProblem {
  /** Where `${{` begins in the template, in UTF-16 units. */
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

export type Rendered =
  /** `isLate`: a value was not known yet; `text` is a template if that was asked for, and useless otherwise. */
  | { readonly ok: true; readonly text: string; readonly isLate: boolean }
  | { readonly ok: false; readonly problems: readonly TemplateProblem[] };

export interface RenderOptions {
  /** Who reads the text: data in it is quoted as its place in a shell command demands, or as a glob does. Default: people. */
  readonly reader?: 'shell' | 'glob';
  /** The result is a template: whatever in it looks like one is escaped. */
  readonly template?: boolean;
}

/** Where names have a meaning that have none here. */
const ONLY_IN: ReadonlyMap<string, string> = new Map([
  ['matrix', 'only in a task with `strategy.matrix`'],
  ['strategy', 'only as `matrix.…`, in a task with `strategy.matrix`'],
  ['item', 'only in a task with `foreach`'],
  ['needs', 'only in a task with `needs`, in its `prompt`, `context`, `run`, `args`, `env`, `setup` and `verify`'],
]);

const NAME = /^[A-Za-z_][\w-]*(?:\.[\w-]+)*$/;
const LITERAL = /^'((?:[^']|'')*)'$/;

/** Fills in a template. */
export function render(template: string, scope: Scope, options: RenderOptions = {}): Rendered {
  if (!template.includes('${{')) return { ok: true, text: template, isLate: false };
  const problems: TemplateProblem[] = [];
  const writer = new Writer(options);
  let from = 0;
  for (let open = template.indexOf('${{'); open !== -1; open = template.indexOf('${{', from)) {
    if (open > from && template.charAt(open - 1) === '$') {
      writer.literal(`${template.slice(from, open - 1)}\${{`);
      from = open + 3;
      continue;
    }
    writer.literal(template.slice(from, open));
    const close = endOf(template, open + 3);
    if (close === -1) {
      problems.push({ offset: open, message: '`${{` is not closed', hint: 'write `}}` after the name, or `$${{` for the characters themselves' });
      return { ok: false, problems };
    }
    const found = lookUp(template.slice(open + 3, close).trim(), scope);
    if (found.ok) writer.value(found.value);
    else problems.push({ offset: open, ...found.problem });
    from = close + 2;
  }
  writer.literal(template.slice(from));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, text: writer.text(), isLate: writer.isLate };
}

/** A text as a template that gives this text. */
export function escaped(text: string): string {
  return text.replaceAll('${{', () => '$${{');
}

/** Where `}}` is, outside of a literal. */
function endOf(template: string, from: number): number {
  const literal = /^\s*'(?:[^']|'')*'/.exec(template.slice(from, from + 10_000));
  return template.indexOf('}}', from + (literal?.[0].length ?? 0));
}

/** Puts a text together from what was written and what it stands for. */
class Writer {
  isLate = false;
  readonly #scanner: ShellScanner | null;
  readonly #isTemplate: boolean;
  readonly #isGlob: boolean;
  #text = '';
  /** Literal text that may yet grow: `$` and `{{` could meet in it. */
  #open = '';

  constructor({ reader, template = false }: RenderOptions) {
    this.#scanner = reader === 'shell' ? new ShellScanner() : null;
    this.#isGlob = reader === 'glob';
    this.#isTemplate = template;
  }

  literal(text: string): void {
    this.#scanner?.feed(text);
    this.#open += text;
  }

  value(value: Value): void {
    const quoting = this.#scanner?.quoting ?? null;
    if (typeof value === 'string') this.literal(value);
    else if (this.#isGlob && !('late' in value)) this.literal(globOf('data' in value ? [value.data] : 'words' in value ? value.words : value.lines));
    else if ('data' in value) this.literal(shellText(value.data, quoting ?? 'as-is'));
    else if ('words' in value) this.literal(shellWords(value.words, quoting ?? 'none'));
    else if ('lines' in value) this.literal(quoting === 'none' ? shellWords(value.lines, quoting) : shellText(value.lines.join('\n'), quoting ?? 'as-is'));
    else {
      this.isLate = true;
      // A `$` before `${{` would read as an escape.
      const dollars = /\$+$/.exec(this.#open)?.[0] ?? '';
      this.#text += escaped(this.#open.slice(0, this.#open.length - dollars.length)) + (dollars === '' ? '' : `\${{ '${dollars}' }}`) + value.late;
      this.#open = '';
    }
  }

  text(): string {
    return this.#text + (this.#isTemplate ? escaped(this.#open) : this.#open);
  }
}

/** Any of these paths. */
function globOf(paths: readonly string[]): string {
  return paths.length === 1 ? escapeGlob(paths[0] ?? '') : `{${paths.map(escapeGlob).join(',')}}`;
}

type Found = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problem: Omit<TemplateProblem, 'offset'> };
const no = (message: string, hint?: string): Found => ({ ok: false, problem: { message, ...(hint === undefined ? {} : { hint }) } });

function lookUp(expression: string, scope: Scope): Found {
  if (expression === '') return no('`${{ }}` has no name in it', 'write `$${{` for the characters themselves');
  const literal = LITERAL.exec(expression)?.[1];
  if (literal !== undefined) return { ok: true, value: literal.replaceAll("''", "'") };
  const known = namesOf(scope);
  if (!NAME.test(expression)) return no(`${quoted(expression)} is not a name`, `only names are read: ${known.slice(0, 6).join(', ')}`);
  const [root = '', ...rest] = expression.split('.');
  const value = Object.hasOwn(scope, root) ? scope[root] : undefined;
  if (value === undefined) return unknownRoot(root, expression, known);
  const key = rest.join('.');
  if (typeof value !== 'object' || !('names' in value)) return key === '' ? { ok: true, value } : no(`\`${root}\` has no parts`, `write \`\${{ ${root} }}\``);
  const found = inGroup(value, key);
  if (found !== undefined) return { ok: true, value: found };
  if (key === '') return no(`\`${root}\` alone is not a text`, `known: ${known.filter((name) => name.startsWith(`${root}.`)).join(', ') || 'nothing'}`);
  return no(`unknown name ${quoted(expression)}`, partHint(root, key, value) ?? `known: ${known.slice(0, 20).join(', ')}`);
}

function inGroup({ names }: Group, key: string): Value | undefined {
  if (Object.hasOwn(names, key)) return names[key];
  const anyLast = key.replace(/[^.]*$/, '*');
  const value = Object.hasOwn(names, anyLast) ? names[anyLast] : undefined;
  // What is late keeps the name that was asked for.
  return typeof value === 'object' && 'late' in value ? { late: value.late.replace('*', () => key.slice(anyLast.length - 1)) } : value;
}

function partHint(root: string, key: string, { names }: Group): string | undefined {
  const meant = nearest(key, Object.keys(names));
  if (meant !== undefined && !meant.includes('*')) return `did you mean \`${meant === '' ? root : `${root}.${meant}`}\`?`;
  if (root === 'env') return 'add it to an `env:` of the manifest';
  const task = root === 'needs' ? /^(.+)\.(?:result|branch|outputs\.[^.]+)$/.exec(key)?.[1] : undefined;
  if (task !== undefined) return `a task reads only what it needs: add \`needs: ${task}\``;
  return undefined;
}

function unknownRoot(root: string, expression: string, known: readonly string[]): Found {
  const onlyIn = ONLY_IN.get(root);
  if (onlyIn !== undefined) return no(`\`${expression}\` is known ${onlyIn}`);
  const meant = nearest(expression, known) ?? nearest(root, known.map((name) => name.replace(/\..*/, '')));
  return no(`unknown name ${quoted(expression)}`, meant === undefined ? `known: ${known.slice(0, 6).join(', ')}` : `did you mean \`${meant}\`?`);
}

/** Every name that the scope gives a meaning; a group's own value has the key ''. */
function namesOf(scope: Scope): string[] {
  return Object.entries(scope).flatMap(([root, value]) =>
    typeof value === 'object' && 'names' in value ? Object.keys(value.names).map((key) => (key === '' ? root : `${root}.${key}`)) : [root],
  );
}

/** Line and column of an offset in a text, from 1. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly col: number } {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, col: offset - before.lastIndexOf('\n') };
}
