// Plans from manifests in memory: what the world would be asked for is given as maps.
import { flagOverrides, variableOverrides } from '../../../src/config/overrides.ts';
import { resolveSettings } from '../../../src/config/resolve.ts';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import { parseConfig } from '../../../src/manifest/parse-config.ts';
import { parseManifest } from '../../../src/manifest/parse.ts';
import { buildPlan } from '../../../src/plan/build.ts';
import type { PlanRequest } from '../../../src/plan/build.ts';
import { inputKey } from '../../../src/plan/inputs.ts';
import type { InputText } from '../../../src/plan/inputs.ts';
import type { Plan, PlannedTask } from '../../../src/plan/plan.ts';

export interface World {
  /** Files of the base commit. */
  readonly files?: Readonly<Record<string, string>>;
  /** What commands print; a number = the exit code of one that fails. */
  readonly commands?: Readonly<Record<string, string | number>>;
  readonly prompts?: Readonly<Record<string, string>>;
  readonly config?: string;
  readonly only?: readonly string[];
}

export const SHA = 'a'.repeat(40);

export function requestOf(text: string, world: World = {}): PlanRequest {
  const parsed = parseManifest(text, { file: 'tasks.yml' });
  const config = parseConfig(world.config ?? 'agents: { mine: { command: x } }', { file: '.orchestrator.yml' });
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics));
  if (!config.ok) throw new Error(formatDiagnostics(config.diagnostics));
  const resolved = resolveSettings({ file: config.config, flags: flagOverrides({}, []), variables: variableOverrides({}, []) }, parsed.manifest);
  if (!resolved.ok) throw new Error(formatDiagnostics(resolved.diagnostics));
  const texts = new Map<string, InputText>([
    ...Object.entries(world.files ?? {}).map(([name, content]) => [inputKey({ kind: 'file', name }), { ok: true, text: content }] as const),
    ...Object.entries(world.commands ?? {}).map(([name, said]) => [inputKey({ kind: 'run', name }), typeof said === 'string' ? { ok: true, text: said } as const : { ok: false, message: `exited with ${said}` } as const] as const),
  ]);
  return {
    manifest: parsed.manifest, settings: resolved.settings, run: 'r-1', base: { ref: 'HEAD', sha: SHA, branch: 'main' },
    files: new Map(Object.entries(world.prompts ?? {})), inputs: { tree: Object.keys(world.files ?? {}), texts }, select: { only: world.only ?? [], skip: [] },
    repo: { root: '/w/repo', name: 'repo' }, capabilities: () => ({ model: true, maxTurns: true, permissionMode: ['plan'], allowedTools: true }),
  };
}

export function planned(text: string, world: World = {}): Plan {
  const result = buildPlan(requestOf(text, world));
  if (!result.ok) throw new Error(formatDiagnostics(result.diagnostics) || result.warnings.join('\n'));
  return result.plan;
}

/** What is wrong: of the text alone, or of the plan. */
export function complaints(text: string, world: World = {}): string {
  const parsed = parseManifest(text, { file: 'tasks.yml' });
  if (!parsed.ok) return formatDiagnostics(parsed.diagnostics);
  const result = buildPlan(requestOf(text, world));
  return result.ok ? 'nothing wrong' : formatDiagnostics(result.diagnostics);
}

export const ids = (plan: Plan): string[] => plan.tasks.map(({ id }) => id);

/** The prompt or command of a task. */
export function workOf(task: PlannedTask | undefined): string {
  return task === undefined ? '' : task.work.kind === 'run' ? task.work.command : task.work.prompt;
}
