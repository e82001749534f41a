// Prompts of a command line as a manifest. Pure.
import { slug } from '../lib/slug.ts';
import type { Path, Source } from './diagnostic.ts';
import { parseManifest } from './parse.ts';
import type { KnownTasks, ParseResult } from './parse.ts';

/** One task per prompt, named after the first; problems name the argument: `prompt 2: is empty`. */
export function manifestOfPrompts(prompts: readonly string[], known?: KnownTasks): ParseResult {
  const parsed = parseManifest(JSON.stringify({ tasks: prompts }), { file: 'prompts', ...(known === undefined ? {} : { known }) });
  if (!parsed.ok) {
    const diagnostics = parsed.diagnostics.map((one) => {
      const index = /^tasks\[(\d+)\]/.exec(one.path)?.[1];
      return { ...one, file: fileOf(['tasks', Number(index)]), line: 0, col: 0, path: '' };
    });
    return { ok: false, diagnostics };
  }
  const source: Source = { at: (path) => ({ file: fileOf(path), line: 0, col: 0, path: '' }) };
  const name = slug(prompts[0] ?? '', 24) || 'prompts';
  return { ok: true, manifest: { ...parsed.manifest, file: null, source, head: { name } } };
}

function fileOf([, index]: Path): string {
  return Number.isInteger(index) ? `prompt ${Number(index) + 1}` : 'prompts';
}
