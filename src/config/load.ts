// Finds `.orchestrator.yml` and checks it, the flags and the variables. The only file that knows cosmiconfig.
import path from 'node:path';
// The package's front door runs `.config/config.js` of the current directory, which is the repository's code, before it
// looks at any option. The class behind the door does not.
import * as explorerModule from 'cosmiconfig/dist/Explorer.js';
import { EXIT, OrchError } from '../errors.ts';
import { formatDiagnostics, problem } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import { parseConfig } from '../manifest/parse-config.ts';
import type { ConfigFile } from '../manifest/parse-config.ts';
import { flagOverrides, variableOverrides } from './overrides.ts';
import type { Flags, Overrides } from './overrides.ts';

/** Everything that is said outside the manifest, checked; `resolveSettings` puts it in order. */
export interface Config {
  /** null = there is none. */
  readonly file: ConfigFile | null;
  readonly flags: Overrides;
  readonly variables: Overrides;
}

export interface ConfigRequest {
  /** Absolute. */
  readonly cwd: string;
  /** `git rev-parse --show-toplevel`; null = look in `cwd` alone. */
  readonly topLevel: string | null;
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const PLACES = ['.orchestrator.yml', '.orchestrator.yaml', '.orchestrator.json'];

interface FoundText {
  readonly config?: { readonly text: string };
  readonly filepath: string;
}
interface TextExplorer {
  load(filepath: string): Promise<FoundText | null>;
}
type ExplorerClass = new (options: Readonly<Record<string, unknown>>) => TextExplorer;

/** Reads the configuration. Throws `OrchError` (exit 2) that lists everything that is wrong in it. */
export async function loadConfig(request: ConfigRequest): Promise<Config> {
  const diagnostics: Diagnostic[] = [];
  const flags = flagOverrides(request.flags, diagnostics);
  const variables = variableOverrides(request.env, diagnostics);
  const found = await findText(request);
  let file: ConfigFile | null = null;
  if (found !== null) {
    const parsed = parseConfig(found.text, { file: found.file });
    if (parsed.ok) file = parsed.config;
    else diagnostics.push(...parsed.diagnostics);
  }
  if (diagnostics.length > 0) throw configError(diagnostics);
  return { file, flags, variables };
}

/** The nearest file from `cwd` up to the top level, however many package.json files lie between. */
async function findText({ cwd, topLevel }: ConfigRequest): Promise<{ text: string; file: string } | null> {
  const explorer = textExplorer();
  for (const directory of directoriesUp(cwd, topLevel ?? cwd)) {
    const found: { text: string; file: string }[] = [];
    for (const place of PLACES) {
      const target = path.join(directory, place);
      const file = path.relative(cwd, target);
      const text = await readText(explorer, target, file);
      if (text !== null) found.push({ text, file });
    }
    const [first, second] = found;
    if (first !== undefined && second !== undefined) {
      throw configError([problem({ file: second.file, line: 0, col: 0, path: '' }, `there is also ${first.file}`, 'remove one of them')]);
    }
    if (first !== undefined) return first;
  }
  return null;
}

function asText(_: string, text: string): { text: string } {
  return { text };
}

function textExplorer(): TextExplorer {
  const { Explorer } = explorerModule as unknown as { Explorer: ExplorerClass };
  const loaders = Object.fromEntries(['.yml', '.yaml', '.json'].map((extension) => [extension, asText]));
  return new Explorer({ moduleName: 'orchestrator', searchPlaces: PLACES, loaders, cache: false, transform: (result: unknown) => result, searchStrategy: 'none' });
}

async function readText(explorer: TextExplorer, target: string, file: string): Promise<string | null> {
  try {
    const found = await explorer.load(target);
    return found?.config?.text ?? '';
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    // A configuration that cannot be read must not count as none.
    throw configError([problem({ file, line: 0, col: 0, path: '' }, `cannot be read (${code ?? String(error)})`)]);
  }
}

function directoriesUp(from: string, to: string): string[] {
  const [first, last] = [path.resolve(from), path.resolve(to)];
  // Through a symbolic link the two may not meet: then both ends are looked at, and nothing between.
  if (path.relative(last, first).split(path.sep).includes('..')) return [first, last];
  const directories = [first];
  for (let directory = first; directory !== last; ) {
    directory = path.dirname(directory);
    directories.push(directory);
  }
  return directories;
}

function configError(diagnostics: readonly Diagnostic[]): OrchError {
  return new OrchError({ code: 'config', message: formatDiagnostics(diagnostics), exitCode: EXIT.usage });
}
