// Agents by name: the built-in ones, refined by `.orchestrator.yml` and the manifest, and those that users define. Pure.
import { knownAdapters } from '../agents/adapters.ts';
import { splitCommand } from '../lib/argv.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic, Place, Source } from '../manifest/diagnostic.ts';
import type { Manifest } from '../manifest/parse.ts';
import type { ConfigFile } from '../manifest/parse-config.ts';
import type { AgentFields } from '../manifest/schema.ts';
import type { AgentSpec } from '../plan/plan.ts';

const BUILT_IN: readonly AgentSpec[] = knownAdapters.filter((name) => name !== 'command')
  .map((name) => ({ name, adapter: name, command: [name], prompt: 'stdin', output: 'text', args: [], env: {} }));

interface Said {
  readonly fields: AgentFields;
  readonly source: Source;
}

/** Every agent that may be named; adds a diagnostic for each definition that cannot be. */
export function resolveAgents(from: { readonly manifest: Manifest | null; readonly config: ConfigFile | null }, diagnostics: Diagnostic[]): ReadonlyMap<string, AgentSpec> {
  const agents = new Map(BUILT_IN.map((spec) => [spec.name, spec]));
  const said = new Map<string, Said[]>();
  const add = (definitions: Readonly<Record<string, AgentFields>> | undefined, source: Source | undefined): void => {
    if (definitions === undefined || source === undefined) return;
    for (const [name, fields] of Object.entries(definitions)) said.set(name, [...(said.get(name) ?? []), { fields, source }]);
  };
  add(from.manifest?.head.agents, from.manifest?.source);
  add(from.config?.values.agents, from.config?.source);
  for (const [name, definitions] of said) {
    const spec = specOf(name, definitions, diagnostics);
    if (spec !== null) agents.set(name, spec);
  }
  return agents;
}

/** `definitions`: most important first; `env` is merged by key, everything else is taken whole. */
function specOf(name: string, definitions: readonly Said[], diagnostics: Diagnostic[]): AgentSpec | null {
  const builtIn = BUILT_IN.find((spec) => spec.name === name);
  const pick = <Key extends keyof AgentFields>(key: Key): { value: NonNullable<AgentFields[Key]>; place: Place } | undefined => {
    for (const { fields, source } of definitions) {
      const value = fields[key];
      if (value !== undefined) return { value, place: source.at(['agents', name, key]) };
    }
    return undefined;
  };
  const [prompt, output] = [pick('prompt'), pick('output')];
  if (builtIn !== undefined) {
    for (const [key, wrong] of [['prompt', prompt], ['output', output]] as const) {
      if (wrong !== undefined) diagnostics.push(problem(wrong.place, `\`${key}\` cannot be chosen for the built-in agent ${quoted(name)}`, 'remove it, or define an agent of another name'));
    }
  }
  const command = pick('command');
  if (command === undefined && builtIn === undefined) {
    const place = definitions[0]?.source.at(['agents', name], 'key');
    if (place !== undefined) diagnostics.push(problem(place, `the agent ${quoted(name)} has no \`command\``, 'write `command: [program, --flag]`'));
    return null;
  }
  const words = command === undefined ? (builtIn?.command ?? []) : commandWords(command, diagnostics);
  const env = Object.assign({}, ...definitions.map(({ fields }) => fields.env ?? {}).toReversed()) as Record<string, string>;
  return {
    name,
    adapter: builtIn?.adapter ?? 'command',
    command: words,
    prompt: builtIn?.prompt ?? prompt?.value ?? 'stdin',
    output: builtIn?.output ?? output?.value ?? 'text',
    args: pick('args')?.value ?? [],
    env,
  };
}

function commandWords({ value, place }: { value: string | readonly string[]; place: Place }, diagnostics: Diagnostic[]): readonly string[] {
  if (typeof value !== 'string') {
    if (value[0]?.trim() === '') diagnostics.push(problem(place, 'the program is empty'));
    return value;
  }
  const split = splitCommand(value);
  if (split.ok) return split.words;
  diagnostics.push(problem(place, `cannot be started without a shell: ${split.why}`, `write \`[sh, -c, ${quoted(value)}]\``));
  return [];
}
