// TEXT → MANIFEST: one value that is right in itself, or everything that is wrong with the text. Pure; never throws.
// Agents and templates depend on the configuration and are checked when the plan is built.
import { problem, tidy } from './diagnostic.ts';
import type { Diagnostic, Path, Source } from './diagnostic.ts';
import { readDocument } from './document.ts';
import type { SourceDocument } from './document.ts';
import { issueDiagnostics } from './issues.ts';
import { checkNeeds } from './needs.ts';
import { headSchema, taskSchema } from './schema.ts';
import type { ManifestHead } from './schema.ts';
import { readTasks } from './tasks.ts';
import type { TaskDefinition } from './tasks.ts';
import { asMap, headProblems, needsIn, restoreHeadText } from './values.ts';

/** A manifest that is right in itself. */
export interface Manifest {
  /** The file's name as the user knows it; null = prompts of a command line. */
  readonly file: string | null;
  readonly source: Source;
  /** Everything but the tasks. */
  readonly head: ManifestHead;
  /** In the order of the file. */
  readonly tasks: readonly TaskDefinition[];
}

/** Names that can be needed, each with the ids of the tasks that it stands for. */
export type KnownTasks = ReadonlyMap<string, readonly string[]>;
const NOTHING_KNOWN: KnownTasks = new Map();

export type ParseResult = { readonly ok: true; readonly manifest: Manifest } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Reads a manifest in YAML or JSON, of at most 5 MB. */
export function parseManifest(text: string, options: { readonly file: string; /** Tasks that are there already: may be needed, and their ids are taken. */ readonly known?: KnownTasks }): ParseResult {
  const read = readDocument(text, options.file);
  if (read.document === null) return { ok: false, diagnostics: read.diagnostics };
  const { document } = read;
  const diagnostics = [...read.diagnostics];
  const map = asMap(document.value);
  if (map === null) {
    const isList = Array.isArray(document.value);
    const message = isList ? 'is a list, and a manifest is a map' : document.value === null ? 'is empty' : 'is not a manifest';
    return { ok: false, diagnostics: tidy([...diagnostics, problem(document.at([]), message, isList ? 'put `tasks:` above the list' : WHAT_A_MANIFEST_IS)]) };
  }
  const head = readHead(document, map, diagnostics);
  const { known = NOTHING_KNOWN } = options;
  const drafts = 'tasks' in map ? readTasks({ document, diagnostics, known }) : [];
  if (!('tasks' in map)) diagnostics.push(problem(document.at([]), 'has no `tasks`', WHAT_A_MANIFEST_IS));
  checkNeeds({ tasks: drafts, defaults: needsIn(map['defaults']), source: document, known }, diagnostics);
  if (head === null || diagnostics.length > 0) return { ok: false, diagnostics: tidy(diagnostics) };
  const tasks = drafts.flatMap(({ id, fields, path }) => (fields === null ? [] : [{ id, fields, path }]));
  return { ok: true, manifest: { file: options.file, source: document, head, tasks } };
}

const WHAT_A_MANIFEST_IS = 'write `tasks:` and below it a list of prompts';

const CONFIG_ONLY: ReadonlySet<string> = new Set(['worktrees', 'isolation', 'sandbox', 'notify']);

/** Where a key belongs that is right elsewhere. */
function elsewhere(key: string, path: Path): string | undefined {
  if (path[0] === 'defaults' && key === 'id') return 'every task has its own id';
  if (path[0] === 'defaults' && (key === 'strategy' || key === 'foreach')) return 'it makes tasks of one task: put it there';
  if (path.length > 0) return undefined;
  if (CONFIG_ONLY.has(key)) return `\`${key}\` belongs in .orchestrator.yml`;
  return key in taskSchema.shape ? `it is a field of tasks: put it under a task, or under \`defaults:\` for all of them` : undefined;
}

function readHead(document: SourceDocument, map: Record<string, unknown>, diagnostics: Diagnostic[]): ManifestHead | null {
  restoreHeadText(document, map);
  const checked = headSchema.safeParse(map);
  if (!checked.success) {
    diagnostics.push(...issueDiagnostics(checked.error.issues, { source: document, schema: headSchema, path: [], elsewhere }));
    return null;
  }
  const { tasks: _, ...head } = checked.data;
  diagnostics.push(...headProblems(document, head));
  return head;
}
