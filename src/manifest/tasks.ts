// The tasks of a manifest: from a map or a list to definitions with unique ids, each validated on its own.
import { nearest } from '../lib/nearest.ts';
import { ID, ID_RULE, foldId, refProblem, slug } from '../lib/slug.ts';
import { formatPath, problem, quoted } from './diagnostic.ts';
import type { Diagnostic, Path } from './diagnostic.ts';
import type { SourceDocument } from './document.ts';
import { SYNONYMS, issueDiagnostics } from './issues.ts';
import { listedTaskSchema, taskSchema } from './schema.ts';
import type { TaskFields } from './schema.ts';
import { asMap, needsIn, restoreEnvText, restoreTexts } from './values.ts';

/** A task as it was written: defaults are not applied and templates not expanded. */
export interface TaskDefinition {
  readonly id: string;
  readonly fields: TaskFields;
  /** Where it stands in the manifest. */
  readonly path: Path;
}

/** A task that may still be wrong: then its fields are null, but its id and needs can be checked. */
export interface TaskDraft {
  readonly id: string;
  readonly fields: TaskFields | null;
  readonly path: Path;
  /** null = not said. */
  readonly needs: readonly string[] | null;
}

interface Raw {
  readonly path: Path;
  /** null = to be made from the name or the prompt. */
  readonly id: string | null;
  readonly fields: TaskFields | null;
  readonly task: unknown;
}

interface Tasks {
  readonly document: SourceDocument;
  readonly diagnostics: Diagnostic[];
  /** Whose ids are taken. */
  readonly known: { readonly has: (id: string) => boolean };
}

interface Reading extends Tasks {
  /** A default has the prompt or the command. */
  readonly hasDefaultWork: boolean;
}

/** Reads `tasks` and adds what is wrong with them. */
export function readTasks(from: Tasks): TaskDraft[] {
  const { document, diagnostics } = from;
  const root = asMap(document.value) ?? {};
  const { tasks } = root;
  const defaults = asMap(root['defaults']) ?? {};
  const hasDefaultWork = WORK.some((key) => key in defaults);
  const reading: Reading = { ...from, hasDefaultWork };
  checkOneWork(defaults, ['defaults'], reading);
  if (tasks === undefined) return [];
  const map = asMap(tasks);
  const raws = Array.isArray(tasks)
    ? tasks.map((task, index) => readListed(task, ['tasks', index], reading))
    : map !== null
      ? document.keysOf(map).map((id) => readTask(map[id], { path: ['tasks', id], id }, reading))
      : null;
  if (raws === null || raws.length === 0) {
    diagnostics.push(problem(document.at(['tasks']), raws === null && tasks !== null ? 'must be a map of ids to tasks, or a list of tasks' : 'there are no tasks', 'write a list of prompts, one per line, each after `- `'));
    return [];
  }
  return withIds(raws, reading);
}

function readListed(task: unknown, path: Path, reading: Reading): Raw {
  const id = asMap(task)?.['id'];
  return readTask(task, { path, id: typeof id === 'string' ? id : null }, reading);
}

function readTask(task: unknown, given: { readonly path: Path; readonly id: string | null }, reading: Reading): Raw {
  const { document, diagnostics } = reading;
  const { path } = given;
  if (typeof task === 'string') {
    checkComment(path, reading);
    // The short form is checked as the long one, so that both say the same.
    return { ...given, task, fields: validated({ prompt: task }, path, reading) };
  }
  const map = asMap(task);
  const isListed = typeof path.at(-1) === 'number';
  if (task === undefined) return { ...given, task, fields: null };
  if (map === null) {
    diagnostics.push(problem(document.at(path), task === null ? 'is empty' : 'must be a prompt or a map of fields', typeof task === 'number' ? 'put it in quotes' : 'write `prompt: …`'));
    return { ...given, task, fields: null };
  }
  if (isListed && looksLikeText(map)) {
    diagnostics.push(problem(document.at(path), 'a `: ` in unquoted text begins a map', 'put the prompt in quotes'));
    return { ...given, task, fields: null };
  }
  restoreEnvText(document, map, path);
  restoreTexts(document, asMap(map['strategy'])?.['matrix'], [...path, 'strategy', 'matrix']);
  restoreTexts(document, asMap(map['foreach'])?.['values'], [...path, 'foreach', 'values']);
  checkComment([...path, 'prompt'], reading);
  checkOneWork(map, path, reading);
  if ('run' in map) checkRunFields(map, path, reading);
  if ('strategy' in map && 'foreach' in map) {
    diagnostics.push(problem(document.at([...path, 'foreach'], 'key'), 'a task has either `strategy` or `foreach`, not both', 'make a matrix of both, or two tasks'));
  }
  return { ...given, task, fields: validated(map, path, reading) };
}

/** `- Fix this: it is broken` is one key that nobody would choose. */
function looksLikeText(map: Record<string, unknown>): boolean {
  const [key = '', ...more] = Object.keys(map);
  return more.length === 0 && /[\sA-Z]/.test(key) && typeof map[key] === 'string';
}

function validated(map: Record<string, unknown>, path: Path, { document, diagnostics }: Reading): TaskFields | null {
  const isListed = typeof path.at(-1) === 'number';
  const schema = isListed ? listedTaskSchema : taskSchema;
  const checked = schema.safeParse(map);
  if (checked.success) return checked.data;
  const elsewhere = (key: string): string | undefined => (key === 'id' && !isListed ? 'in a map of tasks the key is the id' : undefined);
  diagnostics.push(...issueDiagnostics(checked.error.issues, { source: document, schema, path, elsewhere }));
  return null;
}

const WORK = ['prompt', 'prompt-file', 'run'] as const;

function checkOneWork(map: Record<string, unknown>, path: Path, { document, diagnostics, hasDefaultWork }: Reading): void {
  const present = WORK.filter((key) => key in map);
  const [first, second] = present;
  if (second !== undefined) {
    diagnostics.push(problem(document.at([...path, second], 'key'), `a task has either \`${first}\` or \`${second}\`, not both`, 'remove one of them, or make two tasks'));
  } else if (first === undefined && path[0] === 'tasks' && !hasDefaultWork && !hasMisspelt(map)) {
    diagnostics.push(problem(document.at(path), 'has nothing to do', 'write `prompt: …`, `prompt-file: …` or `run: …`'));
  }
}

/** `promt` is complained about as an unknown key, which says enough. */
function hasMisspelt(map: Record<string, unknown>): boolean {
  return Object.keys(map).some((key) => !(key in listedTaskSchema.shape) && (nearest(key, WORK) !== undefined || SYNONYMS.get(key) === 'run'));
}

function checkRunFields(map: Record<string, unknown>, path: Path, { document, diagnostics }: Reading): void {
  for (const key of ['context', 'agent', 'model', 'effort', 'escalate', 'best-of', 'score', 'args', 'max-turns', 'permission-mode', 'allowed-tools']) {
    if (key in map) diagnostics.push(problem(document.at([...path, key], 'key'), `\`${key}\` means nothing to a \`run\` task, which has no agent`, 'remove it'));
  }
}

/** `- Fix issue #12`: YAML would read `Fix issue` and nobody would notice. */
function checkComment(path: Path, { document, diagnostics }: Reading): void {
  const swallowed = document.swallowed(path);
  if (swallowed !== null) diagnostics.push(problem(document.at(path), `${quoted(swallowed)} is a comment in YAML and not part of the prompt`, 'put the prompt in quotes, or a space after `#` if it is a comment'));
}

function withIds(raws: readonly Raw[], reading: Reading): TaskDraft[] {
  const { document, diagnostics, known } = reading;
  const taken = new Map<string, Path>();
  for (const { id, path } of raws) {
    if (id === null) continue;
    const idPath = typeof path.at(-1) === 'number' ? [...path, 'id'] : path;
    checkId(id, idPath, reading);
    if (known.has(foldId(id))) diagnostics.push(problem(document.at(idPath, typeof path.at(-1) === 'number' ? 'value' : 'key'), `the run has a task ${quoted(id)} already`, 'give this one another id'));
    const twin = taken.get(foldId(id));
    if (twin === undefined) taken.set(foldId(id), path);
    else {
      const { line } = document.at(twin, 'key');
      diagnostics.push(problem(document.at(idPath, typeof path.at(-1) === 'number' ? 'value' : 'key'), `the id ${quoted(id)} is already that of ${formatPath(twin)} on line ${line}`, 'give one of them another id'));
    }
  }
  const counts = new Map<string, number>();
  return raws.map(({ id, path, fields, task }, index) => {
    const needs = 'needs' in (asMap(task) ?? {}) ? needsIn(task) : null;
    return { id: id ?? madeId(fields, { index, taken, counts, path, known }), fields, path, needs };
  });
}

function checkId(id: string, path: Path, { document, diagnostics }: Reading): void {
  const flaw = ID.test(id) ? refProblem(id) : `must be ${ID_RULE}`;
  if (flaw === null) return;
  const instead = slug(id, 64);
  const place = document.at(path, typeof path[1] === 'number' ? 'value' : 'key');
  diagnostics.push(problem(place, `the id ${quoted(id)} ${flaw}`, instead === '' || instead === id ? undefined : `write for example \`${instead}\``));
}

interface Making {
  readonly index: number;
  readonly taken: Map<string, Path>;
  readonly counts: Map<string, number>;
  readonly path: Path;
  readonly known: Tasks['known'];
}

/** The slug of what a person would call the task; `-2`, `-3` … in the order of the list where that is taken. */
function madeId(fields: TaskFields | null, { index, taken, counts, path, known }: Making): string {
  const file = fields?.['prompt-file']?.replace(/^.*\//, '').replace(/\.\w+$/, '');
  const base = slug(fields?.name ?? fields?.prompt ?? file ?? fields?.run ?? '') || `task-${index + 1}`;
  let count = counts.get(base) ?? 0;
  let id = '';
  do {
    count += 1;
    id = count === 1 ? base : `${base}-${count}`;
  } while (taken.has(id) || known.has(id));
  counts.set(base, count);
  taken.set(id, path);
  return id;
}
