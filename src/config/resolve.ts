// Flag > variable > manifest > .orchestrator.yml > default, in one place. Pure.
import path from 'node:path';
import { tidy } from '../manifest/diagnostic.ts';
import type { Diagnostic, Place, Source } from '../manifest/diagnostic.ts';
import type { Manifest } from '../manifest/parse.ts';
import type { AgentFields, ConfigValues, ManifestHead, MergeFields } from '../manifest/schema.ts';
import type { MaxFail, MergeSettings } from '../plan/plan.ts';
import type { Layer, Settings } from '../plan/settings.ts';
import { resolveAgents } from './agents.ts';
import type { Config } from './load.ts';
import type { OverrideValues } from './overrides.ts';

const DEFAULTS = { base: 'HEAD', maxParallel: 4, maxWaitMs: 30 * 60_000, graceMs: 10_000, root: '../{repo}.orch' } as const;
const NOWHERE: Source = { at: () => ({ file: 'default', line: 0, col: 0, path: '' }) };
const TASK_DEFAULTS: Layer = {
  kind: 'default', source: NOWHERE, path: [],
  fields: {
    agent: 'claude', timeout: 30 * 60_000, 'idle-timeout': null, retries: 0, 'retry-on': ['timeout', 'verify', 'agent'],
    'continue-on-error': false, args: [], 'allowed-tools': [], setup: [], verify: [],
  },
};

export type ResolveResult = { readonly ok: true; readonly settings: Settings } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** One place that says settings, most important first in a list. */
interface Voice {
  readonly values: OverrideValues;
  readonly source: Source;
}

/** Puts everything that was said in order. `manifest` null = there is none to consider (`orch status`, `orch doctor`). */
export function resolveSettings(config: Config, manifest: Manifest | null): ResolveResult {
  const file = config.file;
  const values: ConfigValues = file?.values ?? {};
  const voices: Voice[] = [config.flags, config.variables];
  if (manifest !== null) voices.push({ values: manifest.head as OverrideValues, source: manifest.source });
  if (file !== null) voices.push({ values: values as OverrideValues, source: file.source });
  const origins = new Map<string, Place>();
  const said = <Name extends keyof OverrideValues>(name: Name): OverrideValues[Name] | undefined => {
    const voice = voices.find((one) => one.values[name] !== undefined);
    if (voice !== undefined) origins.set(name, voice.source.at([name]));
    return voice?.values[name];
  };
  const diagnostics: Diagnostic[] = [];
  const agents = resolveAgents({ manifest, config: file }, diagnostics);
  if (diagnostics.length > 0) return { ok: false, diagnostics: tidy(diagnostics) };
  const worktrees = values.worktrees ?? {};
  const settings: Settings = {
    name: manifest?.head.name ?? values.name ?? stem(manifest?.file),
    base: said('base') ?? DEFAULTS.base,
    maxParallel: said('max-parallel') ?? DEFAULTS.maxParallel,
    maxFail: maxFailOf(voices, origins),
    maxWaitMs: said('max-wait') ?? DEFAULTS.maxWaitMs,
    graceMs: said('grace') ?? DEFAULTS.graceMs,
    over: [config.flags, config.variables].map(({ kind, source, values: { agent, model, timeout } }) => ({ kind, source, path: [], fields: { agent, model, timeout } })),
    under: [...manifestLayers(manifest), ...configLayers(config), TASK_DEFAULTS],
    agents,
    worktrees: {
      root: worktrees.root ?? DEFAULTS.root,
      rootPlace: (worktrees.root === undefined ? NOWHERE : (file?.source ?? NOWHERE)).at(['worktrees', 'root']),
      copy: worktrees.copy ?? [],
      link: worktrees.link ?? [],
      setup: setupOf(manifest, config),
      keep: worktrees.keep ?? 'failed',
    },
    passEnv: values.env?.pass ?? [],
    isolation: { kind: values.isolation ?? 'process', network: values.sandbox?.network ?? 'on', credential: values.sandbox?.credential ?? null, read: values.sandbox?.read ?? [] },
    notify: values.notify === undefined ? null : { command: values.notify.command ?? null, desktop: values.notify.desktop ?? null },
    merge: mergeOf(manifest, config),
    budget: budgetOf(manifest, config),
    prices: Object.fromEntries(Object.entries(values.prices ?? {}).map(([name, price]) => [name, { input: price.input, output: price.output, cacheRead: price['cache-read'] ?? price.input, cacheWrite: price['cache-write'] ?? price.input }])),
    origins,
  };
  return { ok: true, settings };
}

/** Taken whole from the manifest, or else from the configuration. */
function mergeOf(manifest: Manifest | null, { file }: Config): Settings['merge'] {
  const said = manifest?.head.merge ?? file?.values.merge;
  const source = manifest?.head.merge === undefined ? file?.source : manifest.source;
  return said === undefined || source === undefined ? null : { ...mergeSettings(said), when: said.when ?? 'never', into: said.into ?? null, place: source.at(['merge']) };
}

/** Taken whole from the manifest, or else from the configuration. */
function budgetOf(manifest: Manifest | null, { file }: Config): Settings['budget'] {
  const said = manifest?.head.budget ?? file?.values.budget;
  const source = manifest?.head.budget === undefined ? file?.source : manifest.source;
  return said === undefined || source === undefined ? null : { usd: said.usd ?? null, usdPerTask: said['usd-per-task'] ?? null, place: source.at(['budget']) };
}

/** What prepares a worktree that is no task's. */
function setupOf(manifest: Manifest | null, { file }: Config): readonly string[] {
  const said = manifest?.head.defaults?.setup ?? file?.values.defaults?.setup ?? file?.values.worktrees?.setup ?? [];
  return said.some((command) => command.includes('${{')) ? [] : said;
}

/** What `merge` says, with the defaults of what it does not say. */
export function mergeSettings(said: MergeFields): MergeSettings {
  return {
    strategy: said.strategy ?? 'merge', verify: said.verify ?? [], onConflict: said['on-conflict'] ?? 'park', batch: said.batch ?? 'auto',
    conflicts: Object.entries(said.conflicts ?? {}).map(([paths, resolve]) => ({ paths, resolve })),
    ...(said.via === undefined ? {} : { pullRequest: said['one-per'] ?? 'run' }),
    ...(said['co-author'] === undefined || said['co-author'] === false ? {} : { coAuthor: said['co-author'] }),
  };
}

function stem(file: string | null | undefined): string {
  if (file === undefined || file === null) return 'run';
  return file === '-' ? 'stdin' : path.basename(file).replace(/\.\w+$/, '');
}

/** `fail-fast: true` is a limit of 1; `false` takes back only that, not a `max-fail` that was said below it. */
function maxFailOf(voices: readonly Voice[], origins: Map<string, Place>): MaxFail | null {
  let isFailFastRefused = false;
  for (const { values, source } of voices) {
    const isFailFast = values['fail-fast'] === true && !isFailFastRefused;
    const limit: MaxFail | undefined = isFailFast ? { kind: 'count', count: 1 } : values['max-fail'];
    if (limit !== undefined) {
      origins.set('max-fail', source.at([isFailFast ? 'fail-fast' : 'max-fail']));
      return limit;
    }
    isFailFastRefused ||= values['fail-fast'] === false;
  }
  return null;
}

function manifestLayers(manifest: Manifest | null): Layer[] {
  if (manifest === null) return [];
  const { head, source } = manifest;
  const { agent, model, env } = head;
  return [
    { kind: 'manifest', source, path: ['defaults'], fields: head.defaults ?? {} },
    { kind: 'manifest', source, path: [], fields: { agent, model, env }, agentFields: agentFieldsOf(head) },
  ];
}

function configLayers({ file }: Config): Layer[] {
  if (file === null) return [];
  const { values, source } = file;
  const { agent, model } = values;
  return [
    { kind: 'config', source, path: ['defaults'], fields: values.defaults ?? {} },
    { kind: 'config', source, path: [], fields: { agent, model }, agentFields: agentFieldsOf(values) },
    { kind: 'config', source, path: ['worktrees'], fields: { setup: values.worktrees?.setup } },
  ];
}

function agentFieldsOf(values: ManifestHead | ConfigValues): ReadonlyMap<string, AgentFields> {
  return new Map(Object.entries(values.agents ?? {}));
}
