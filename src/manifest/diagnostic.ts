// What is wrong with a text that a person wrote, where, and what to write instead. Values only; nothing here throws.

/** Keys and indexes from the root of a document. */
export type Path = readonly (string | number)[];

/** A spot that a person can go to. `line` and `col` count from 1; 0 = the file has no lines (a flag, a variable). */
export interface Place {
  /** A file's name as the user knows it, or a flag or variable. */
  readonly file: string;
  readonly line: number;
  readonly col: number;
  /** `tasks.api.needs[0]`; '' = the document itself. */
  readonly path: string;
}

export interface Diagnostic extends Place {
  readonly message: string;
  /** What to write instead. */
  readonly hint?: string;
}

/** Where values came from. */
export interface Source {
  /** The place of a value, or of its key; of the nearest parent if there is no such value. */
  at(path: Path, part?: 'key' | 'value'): Place;
}

/** A diagnostic at a value (`part: 'key'` = at its key). */
export function problem(place: Place, message: string, hint?: string): Diagnostic {
  return { ...place, message, ...(hint === undefined ? {} : { hint }) };
}

/** `file:line:col path: message; hint`, in one line. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, col, path, message, hint } = diagnostic;
  const where = line > 0 ? `${file}:${line}:${col}` : file;
  return `${where}${path === '' ? '' : ` ${path}`}: ${message}${hint === undefined ? '' : `; ${hint}`}`;
}

/** One line each, in the order given; at most `limit`, then how many more there are. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], limit = 100): string {
  const lines = diagnostics.slice(0, limit).map(formatDiagnostic);
  if (diagnostics.length > limit) lines.push(`… and ${diagnostics.length - limit} more problems`);
  return lines.join('\n');
}

/** By file as first met, then by position, each problem once. */
export function tidy(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const files = new Map<string, number>();
  const once = new Map<string, Diagnostic>();
  for (const diagnostic of diagnostics) {
    if (!files.has(diagnostic.file)) files.set(diagnostic.file, files.size);
    once.set(`${diagnostic.file}\0${diagnostic.line}\0${diagnostic.col}\0${diagnostic.message}`, diagnostic);
  }
  const order = (file: string): number => files.get(file) ?? 0;
  return [...once.values()].sort((a, b) => order(a.file) - order(b.file) || a.line - b.line || a.col - b.col);
}

/** `tasks.api.needs[0]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += (text === '' ? '' : '.') + (/^[\w-]{1,64}(?:\.[\w-]{1,64})*$/.test(part) ? part : quoted(part));
  }
  return text;
}

/** Text of unknown origin for use in a message: in double quotes, control characters escaped, at most 60 characters. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  // JSON leaves DEL, C1 controls and the bidirectional marks alone; a terminal does not.
  return JSON.stringify(short).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
