// `foreach` → batches of items, each of which becomes a task: from files of the base, lines, JSON or values. Pure.
import { globMatcher } from '../lib/glob.ts';
import type { ForeachFields } from '../manifest/schema.ts';
import type { Group, Value } from '../manifest/template.ts';
import type { Label } from './member-ids.ts';

/** One item: a text, or a map of texts. */
export type Item = string | Readonly<Record<string, string>>;

/** What one task is about. */
export interface Batch {
  readonly label: Label;
  /** What `${{ item… }}` stands for in it. */
  readonly scope: Group;
}

/** How items become tasks; the part of `foreach` that does not say where they come from. */
export type Batching = Pick<ForeachFields, 'exclude' | 'batch' | 'group-by'>;

/** Whether items are files of the repository or data, and whether the author wrote them into the manifest. */
export type ItemKind = 'file' | 'data' | 'written';

/** The items as batches; equal items count once. */
export function batchesOf(items: readonly Item[], { exclude = [], batch, 'group-by': groupBy }: Batching, kind: ItemKind): Batch[] {
  const isExcluded = exclude.length === 0 ? () => false : globMatcher(exclude);
  const once = new Map(items.map((item) => [textOf(item), item]));
  const kept = [...once].filter(([text]) => !isExcluded(text)).map(([, item]) => item);
  if (groupBy === undefined) return chunks(kept, batch ?? 1).map((part) => ({ label: labelOf(part), scope: scopeOf(part, kind) }));
  const folders = new Map<string, Item[]>();
  for (const item of kept) {
    const folder = folderOf(textOf(item));
    const files = folders.get(folder);
    if (files === undefined) folders.set(folder, [item]);
    else files.push(item);
  }
  return [...folders].flatMap(([folder, files]) =>
    // Without `batch`, a folder is one task.
    chunks(files, batch ?? files.length).map((part, index) => {
      const text = `${folder === '.' ? 'root' : folder}${index === 0 ? '' : `-${index + 1}`}`;
      return { label: { text, key: `${folder}\0${index}` }, scope: scopeOf(part, kind) };
    }),
  );
}

/** The items of a JSON text, or what is wrong with it. */
export function itemsOfJson(text: string): { readonly ok: true; readonly items: readonly Item[] } | { readonly ok: false; readonly message: string } {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    return { ok: false, message: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (!Array.isArray(list)) return { ok: false, message: `must be a list, not ${kindOf(list)}` };
  const items: Item[] = [];
  for (const [index, value] of list.entries()) {
    const item = itemOf(value);
    if (item === null) return { ok: false, message: `[${index}] is ${kindOf(value)}; an item is a text, a number, \`true\`, \`false\` or one map of these` };
    items.push(item);
  }
  return { ok: true, items };
}

/** The items of a text with one on each line; empty lines count for nothing. */
export function itemsOfLines(text: string): readonly Item[] {
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
}

function itemOf(value: unknown): Item | null {
  const text = scalarText(value);
  if (text !== null) return text.includes('\0') ? null : text;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const parts = Object.entries(value).map(([name, part]) => [name, scalarText(part)] as const);
  return parts.length > 0 && parts.every(([, part]) => part !== null && !part.includes('\0')) ? (Object.fromEntries(parts) as Record<string, string>) : null;
}

function scalarText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'nothing' : typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}

function textOf(item: Item): string {
  return typeof item === 'string' ? item : JSON.stringify(item);
}

function folderOf(file: string): string {
  const end = file.lastIndexOf('/');
  return end === -1 ? '.' : file.slice(0, end);
}

function nameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1).replace(/(?!^)\.[^.]*$/, '');
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < list.length; at += size) parts.push(list.slice(at, at + size));
  return parts;
}

function labelOf(part: readonly Item[]): Label {
  const [first = ''] = part;
  return { text: typeof first === 'string' ? first : Object.values(first).join(' '), key: part.map(textOf).join('\0') };
}

/** `item`; of files `item.file`, `item.files`, `item.dir`, `item.name` (without folder and ending); of maps `item.<name>`. */
function scopeOf(part: readonly Item[], kind: ItemKind): Group {
  const [first = ''] = part;
  const texts = part.map(textOf);
  const one = (text: string): Value => (kind === 'written' ? text : { data: text });
  if (kind === 'file') {
    const files: Value = { words: texts };
    const only = part.length === 1 ? one(texts[0] ?? '') : null;
    return { names: { '': only ?? files, ...(only === null ? {} : { file: only, name: one(nameOf(texts[0] ?? '')) }), files, dir: one(folderOf(texts[0] ?? '')) } };
  }
  if (part.length > 1) return { names: { '': { lines: texts } } };
  if (typeof first === 'string') return { names: { '': one(first) } };
  return { names: { '': one(textOf(first)), ...Object.fromEntries(Object.entries(first).map(([name, text]) => [name, one(text)])) } };
}
