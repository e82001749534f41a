// What manifests and configuration files have in common around the schema: values repaired before it, rules after it.
import { problem } from './diagnostic.ts';
import type { Diagnostic, Path, Source } from './diagnostic.ts';
import type { SourceDocument } from './document.ts';
import type { ConfigValues, ManifestHead } from './schema.ts';

/** The value as a map, or null if it is not one. */
export function asMap(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

/** `env: { PORT: 8080, ON: true }`: what YAML made a number or a boolean becomes the text that was written (`1.10` stays `1.10`). */
export function restoreEnvText(document: SourceDocument, holder: unknown, path: Path): void {
  const env = asMap(asMap(holder)?.['env']);
  if (env === null) return;
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'number' || typeof value === 'boolean') env[name] = document.sourceText([...path, 'env', name]) ?? String(value);
  }
}

/** The same for everything in a list or map, however deep: `version: [1.10]` is `1.10` and not `1.1`. */
export function restoreTexts(document: SourceDocument, holder: unknown, path: Path, seen = new Set<unknown>()): void {
  // An alias is the same object again, and aliases of aliases are exponentially many.
  if (typeof holder !== 'object' || holder === null || seen.has(holder)) return;
  seen.add(holder);
  for (const [name, value] of Object.entries(holder)) {
    const at = [...path, Array.isArray(holder) ? Number(name) : name];
    if (typeof value === 'number' || typeof value === 'boolean') (holder as Record<string, unknown>)[name] = document.sourceText(at) ?? String(value);
    else restoreTexts(document, value, at, seen);
  }
}

/** The same for every `env` of a manifest or configuration outside its tasks. */
export function restoreHeadText(document: SourceDocument, map: Record<string, unknown>): void {
  restoreEnvText(document, map, []);
  restoreEnvText(document, map['defaults'], ['defaults']);
  for (const [name, agent] of Object.entries(asMap(map['agents']) ?? {})) restoreEnvText(document, agent, ['agents', name]);
}

/** The needs of a task that may be wrong otherwise. */
export function needsIn(task: unknown): readonly string[] {
  const needs = asMap(task)?.['needs'];
  return typeof needs === 'string' ? [needs] : Array.isArray(needs) ? needs.filter((need) => typeof need === 'string') : [];
}

/** Rules that no single value can break. */
export function headProblems(source: Source, head: ManifestHead | ConfigValues): Diagnostic[] {
  const limit = head['max-fail'];
  if (head['fail-fast'] === true && limit !== undefined && !(limit.kind === 'count' && limit.count === 1)) {
    return [problem(source.at(['max-fail'], 'key'), 'contradicts `fail-fast: true`, which is `max-fail: 1`', 'remove one of them')];
  }
  return [];
}
