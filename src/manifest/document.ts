// TEXT → VALUES: reads YAML or JSON into plain values (objects have no prototype) that remember where they stand.
// Bounded in bytes, depth and aliases; never throws, never recurses deeper than MAX_NESTING.
import { isAlias, isMap, isScalar, isSeq, Composer, Lexer, LineCounter, Parser } from 'yaml';
import type { Document, Node, Pair, YAMLError, YAMLMap } from 'yaml';
import { formatPath, problem, quoted, tidy } from './diagnostic.ts';
import type { Diagnostic, Path, Place, Source } from './diagnostic.ts';

export const MAX_BYTES = 5 * 1024 * 1024;
/** Open collections at one place of the text, as the parser counts them (a block map in a block list is four). */
const MAX_NESTING = 200;
const MAX_ALIASES = 100;
const MAX_SYNTAX_ERRORS = 20;
/** Above this a 5 MB text is punctuation and not prompts; it bounds time and memory. */
const MAX_LEXEMES = 1_500_000;

/** The values of a text, and where each of them stands. */
export interface SourceDocument extends Source {
  /** null = the text is empty. Maps have no prototype. `undefined` in it = something that could not be read and was complained about. */
  readonly value: unknown;
  /** The keys of a map of this document as the text has them; JavaScript would put those that are numbers first. */
  keysOf(map: object): readonly string[];
  /** The scalar as written, before YAML made a number or a boolean of it; null if it is not a scalar. */
  sourceText(path: Path): string | null;
  /** The `#…` without a space that YAML took for a comment after unquoted text at this path, or null. */
  swallowed(path: Path): string | null;
}

export interface ReadResult {
  /** null = nothing could be read. */
  readonly document: SourceDocument | null;
  readonly diagnostics: readonly Diagnostic[];
}

interface Mark {
  readonly keyOffset: number;
  readonly valueOffset: number;
  readonly text: string | null;
  readonly swallowed: string | null;
}
type Marks = WeakMap<object, Map<string | number, Mark>>;

/** Reads a text. `file` is its name as the user knows it. */
export function readDocument(text: string, file: string): ReadResult {
  const start: Place = { file, line: 1, col: 1, path: '' };
  const bytes = text.length > MAX_BYTES ? text.length : Buffer.byteLength(text);
  if (bytes > MAX_BYTES) {
    return failure(problem(start, `is ${(bytes / 1024 / 1024).toFixed(1)} MB, and at most 5 MB are read`, 'move long prompts into files (`prompt-file`)'));
  }
  const lines = new LineCounter();
  const placeAt = (offset: number, path: Path): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), col: Math.max(1, col), path: formatPath(path) };
  };
  const composed = compose(text, lines);
  if (!composed.ok) return failure(problem(placeAt(composed.offset, []), composed.message, composed.hint));
  const [first, second] = composed.documents;
  const errors = composed.documents.flatMap((document) => document.errors);
  if (errors.length > 0) {
    const shown = errors.slice(0, MAX_SYNTAX_ERRORS).map((error) => syntaxProblem(error, text, placeAt(error.pos[0], [])));
    return { document: null, diagnostics: tidy(shown) };
  }
  if (second !== undefined) {
    return failure(problem(placeAt(second.range[0], []), 'a second document begins here, and only one is read', 'remove the `---` line, or use two files'));
  }
  const marks: Marks = new WeakMap();
  const reader = new ValueReader(text, marks, placeAt);
  const value = reader.root(first?.contents ?? null);
  const rootOffset = first?.contents?.range?.[0] ?? 0;
  return { document: new ReadDocument({ value, marks, rootOffset, placeAt }), diagnostics: reader.diagnostics };
}

function failure(diagnostic: Diagnostic): ReadResult {
  return { document: null, diagnostics: [diagnostic] };
}

type Composed =
  | { readonly ok: true; readonly documents: readonly Document.Parsed[] }
  | { readonly ok: false; readonly offset: number; readonly message: string; readonly hint?: string };

/** Token by token, so that a text that is too deep is refused before the (recursive) composer sees it. */
function compose(text: string, lines: LineCounter): Composed {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, schema: 'core', resolveKnownTags: false, merge: false, logLevel: 'silent' });
  const documents: Document.Parsed[] = [];
  let lexemes = 0;
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') errors += 1;
      documents.push(...composer.next(token));
    }
    lexemes += 1;
    if (parser.stack.length > MAX_NESTING) return { ok: false, offset: parser.offset, message: 'is nested too deeply here' };
    if (lexemes > MAX_LEXEMES || documents.length > 1 || errors > MAX_SYNTAX_ERRORS) break;
  }
  if (lexemes > MAX_LEXEMES) return { ok: false, offset: parser.offset, message: 'has too many elements', hint: 'use several manifests' };
  for (const token of parser.end()) documents.push(...composer.next(token));
  documents.push(...composer.end());
  return { ok: true, documents };
}

function syntaxProblem(error: YAMLError, text: string, place: Place): Diagnostic {
  const message = error.message.replace(/\s+/g, ' ').trim();
  const lower = message.charAt(0).toLowerCase() + message.slice(1);
  if (error.code === 'BLOCK_AS_IMPLICIT_KEY') return problem(place, 'a `: ` in unquoted text begins a map', 'put the text in quotes, or use `|` and an indented block');
  if (error.code === 'TAB_AS_INDENT') return problem(place, 'a tab cannot indent', 'use spaces');
  if (error.code === 'BAD_SCALAR_START') return problem(place, `unquoted text cannot begin with ${quoted(text.charAt(error.pos[0]))}`, 'put it in quotes');
  if (lower.startsWith('missing closing')) return problem(place, 'a quoted text is not closed before here', 'add the closing quote');
  const lineStart = text.lastIndexOf('\n', error.pos[0] - 1) + 1;
  if (/^\s*(?:- |\? |[^\s:]+: )*\*/.test(text.slice(lineStart, error.pos[0]))) return problem(place, 'unquoted text cannot begin with "*"', 'put it in quotes');
  if (error.code === 'UNEXPECTED_TOKEN') return problem(place, lower, 'if this belongs to a text, put the whole text in quotes');
  return problem(place, lower);
}

interface Located {
  readonly value: unknown;
  readonly marks: Marks;
  readonly rootOffset: number;
  readonly placeAt: (offset: number, path: Path) => Place;
}

class ReadDocument implements SourceDocument {
  readonly value: unknown;
  readonly #located: Located;
  constructor(located: Located) {
    this.value = located.value;
    this.#located = located;
  }

  at(path: Path, part: 'key' | 'value' = 'value'): Place {
    const { mark, depth } = this.#mark(path);
    const usesKey = (part === 'key' && depth === path.length) || mark?.valueOffset === undefined;
    return this.#located.placeAt((usesKey ? mark?.keyOffset : mark.valueOffset) ?? this.#located.rootOffset, path);
  }

  keysOf(map: object): readonly string[] {
    return [...(this.#located.marks.get(map)?.keys() ?? [])].map(String);
  }

  sourceText(path: Path): string | null {
    const { mark, depth } = this.#mark(path);
    return depth === path.length ? (mark?.text ?? null) : null;
  }

  swallowed(path: Path): string | null {
    const { mark, depth } = this.#mark(path);
    return depth === path.length ? (mark?.swallowed ?? null) : null;
  }

  /** The mark of the longest part of the path that exists. */
  #mark(path: Path): { readonly mark: Mark | undefined; readonly depth: number } {
    let value: unknown = this.value;
    let mark: Mark | undefined;
    let depth = 0;
    for (const part of path) {
      const next = typeof value === 'object' && value !== null ? this.#located.marks.get(value)?.get(part) : undefined;
      if (next === undefined) break;
      mark = next;
      value = (value as Record<string | number, unknown>)[part];
      depth += 1;
    }
    return { mark, depth };
  }
}

/** Nodes to values. An anchor's value is shared, not copied, so that aliases cost nothing. */
class ValueReader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #text: string;
  readonly #marks: Marks;
  readonly #placeAt: (offset: number, path: Path) => Place;
  readonly #anchors = new Map<string, { value: unknown; isOpen: boolean }>();
  #aliases = 0;

  constructor(text: string, marks: Marks, placeAt: (offset: number, path: Path) => Place) {
    this.#text = text;
    this.#marks = marks;
    this.#placeAt = placeAt;
  }

  root(node: Node | null): unknown {
    return this.#value(node, []);
  }

  #complain(offset: number, path: Path, message: string, hint?: string): void {
    this.diagnostics.push(problem(this.#placeAt(offset, path), message, hint));
  }

  #value(node: Node | null | undefined, path: Path): unknown {
    if (node === null || node === undefined) return null;
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) return this.#alias(node.source, offset, path);
    if (node.tag !== undefined && !/^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/.test(node.tag)) {
      this.#complain(offset, path, `has the tag ${quoted(node.tag.replace('tag:yaml.org,2002:', '!!'))}, and tags are not read`, 'remove it, or put text in quotes');
      return undefined;
    }
    const anchor = (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined ? { value: null as unknown, isOpen: true } : null;
    if (anchor !== null) this.#anchors.set((node as { anchor?: string }).anchor ?? '', anchor);
    const value = isMap(node) ? this.#map(node, path) : isSeq(node) ? this.#list(node.items, path) : isScalar(node) ? node.value : null;
    if (anchor !== null) Object.assign(anchor, { value, isOpen: false });
    return value;
  }

  #alias(name: string, offset: number, path: Path): unknown {
    this.#aliases += 1;
    const anchor = this.#anchors.get(name);
    if (this.#aliases > MAX_ALIASES) {
      if (this.#aliases === MAX_ALIASES + 1) this.#complain(offset, path, `is alias number ${this.#aliases}, and at most ${MAX_ALIASES} are read`, 'use `defaults`');
    } else if (anchor === undefined) {
      this.#complain(offset, path, `unknown alias ${quoted(`*${name}`)}`, `text that begins with \`*\` must be in quotes: ${quoted(`*${name}`)}`);
    } else if (anchor.isOpen) this.#complain(offset, path, `the alias ${quoted(`*${name}`)} contains itself`);
    else return anchor.value;
    return undefined;
  }

  #map(node: YAMLMap, path: Path): object {
    const result = Object.create(null) as Record<string, unknown>;
    const marks = new Map<string | number, Mark>();
    this.#marks.set(result, marks);
    for (const pair of node.items as Pair<Node | null, Node | null>[]) {
      const keyOffset = pair.key?.range?.[0] ?? node.range?.[0] ?? 0;
      const key = this.#key(pair.key, keyOffset, path);
      if (key === null) continue;
      const earlier = marks.get(key);
      if (earlier !== undefined) {
        const { line } = this.#placeAt(earlier.keyOffset, path);
        this.#complain(keyOffset, [...path, key], `duplicate key ${quoted(key)}, first on line ${line}`, 'remove or rename one of them');
        continue;
      }
      result[key] = this.#value(pair.value, [...path, key]);
      marks.set(key, this.#markOf(pair.value, keyOffset));
    }
    return result;
  }

  #list(items: readonly unknown[], path: Path): unknown[] {
    const result: unknown[] = [];
    const marks = new Map<string | number, Mark>();
    this.#marks.set(result, marks);
    items.forEach((item, index) => {
      const node = item as Node | null;
      result.push(this.#value(node, [...path, index]));
      marks.set(index, this.#markOf(node, node?.range?.[0] ?? 0));
    });
    return result;
  }

  #key(key: Node | null, offset: number, path: Path): string | null {
    if (!isScalar(key) || key.tag !== undefined || key.source === '') {
      this.#complain(offset, path, 'a key must be text');
      return null;
    }
    const text = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
    if (text === '__proto__') {
      this.#complain(offset, path, '`__proto__` cannot be used as a name');
      return null;
    }
    if (text === '<<') {
      this.#complain(offset, path, 'merge keys (`<<`) are not read', 'put what tasks have in common under `defaults:`');
      return null;
    }
    return text;
  }

  #markOf(node: Node | null, keyOffset: number): Mark {
    const range = node?.range;
    if (!isScalar(node) || range === null || range === undefined) {
      return { keyOffset, valueOffset: range?.[0] ?? keyOffset, text: null, swallowed: null };
    }
    const after = node.type === 'PLAIN' ? /^[ \t]+(#[^\s#]\S*)/.exec(this.#text.slice(range[1], range[1] + 200)) : null;
    return { keyOffset, valueOffset: range[0], text: node.source ?? null, swallowed: after?.[1] ?? null };
  }
}
