// TEXT → CONFIGURATION: `.orchestrator.yml` as one value that is right in itself, or everything that is wrong with it. Pure.
import { tidy } from './diagnostic.ts';
import type { Diagnostic, Path, Source } from './diagnostic.ts';
import { readDocument } from './document.ts';
import { issueDiagnostics } from './issues.ts';
import { configSchema, taskSchema } from './schema.ts';
import type { ConfigValues } from './schema.ts';
import { asMap, headProblems, restoreHeadText } from './values.ts';

/** A configuration file that is right in itself. */
export interface ConfigFile {
  readonly file: string;
  readonly source: Source;
  readonly values: ConfigValues;
}

export type ParseConfigResult = { readonly ok: true; readonly config: ConfigFile } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const NOT_IN_DEFAULTS: ReadonlySet<string> = new Set(['prompt', 'prompt-file', 'run', 'name', 'needs', 'id', 'strategy', 'foreach']);

/** Where a key belongs that is right elsewhere. */
function elsewhere(key: string, path: Path): string | undefined {
  if (path.length === 0 && key === 'tasks') return `\`${key}\` belongs in a manifest such as tasks.yml`;
  if (path.length === 0 && key in taskSchema.shape) return 'it is a field of tasks: put it under `defaults:`';
  if (path[0] === 'env') return 'only `pass` stands here; variables for tasks belong in `env:` of a manifest, or in `defaults.env`';
  if (path[0] === 'defaults' && NOT_IN_DEFAULTS.has(key)) return `\`${key}\` belongs to a task of a manifest`;
  return undefined;
}

/** Reads `.orchestrator.yml`. An empty file is an empty configuration. */
export function parseConfig(text: string, options: { readonly file: string }): ParseConfigResult {
  const read = readDocument(text, options.file);
  if (read.document === null) return { ok: false, diagnostics: read.diagnostics };
  const { document } = read;
  const diagnostics = [...read.diagnostics];
  const map = document.value ?? {};
  restoreHeadText(document, { ...asMap(map), env: undefined });
  const checked = configSchema.safeParse(map);
  if (!checked.success) diagnostics.push(...issueDiagnostics(checked.error.issues, { source: document, schema: configSchema, path: [], elsewhere }));
  else diagnostics.push(...headProblems(document, checked.data));
  if (!checked.success || diagnostics.length > 0) return { ok: false, diagnostics: tidy(diagnostics) };
  return { ok: true, config: { file: options.file, source: document, values: checked.data } };
}
