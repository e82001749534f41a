// What a task asks of its agent, against what there is: unknown agents and wishes that an adapter cannot honour. Pure.
import { nearest } from '../lib/nearest.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import type { AgentSpec } from './plan.ts';
import { placeOf } from './layers.ts';
import type { Picked } from './layers.ts';

/** What an adapter can honour; the part of src/agents' Capabilities that a manifest can ask for. */
export interface AdapterCapabilities {
  readonly model: boolean;
  readonly maxTurns: boolean;
  readonly allowedTools: boolean;
  /** Absent = it cannot be told. */
  readonly effort?: boolean;
  /** The names that it knows. */
  readonly permissionMode: readonly string[];
}

/** The agent of that name, or null and a diagnostic. */
export function requiredAgent(name: Picked<string>, agents: ReadonlyMap<string, AgentSpec>, diagnostics: Diagnostic[]): AgentSpec | null {
  const spec = agents.get(name.value);
  if (spec !== undefined) return spec;
  const known = [...agents.keys()];
  const list = `known: ${known.join(', ')}`;
  const meant = nearest(name.value, known);
  const hint = meant === undefined ? `${list}; define it under \`agents:\` with a \`command\`` : `did you mean \`${meant}\`? ${list}`;
  const message = `there is no agent ${quoted(name.value)}`;
  diagnostics.push(problem(placeOf(name), message, hint));
  return null;
}

const CAPABILITY = { model: 'model', escalate: 'model', effort: 'effort', 'max-turns': 'maxTurns', 'permission-mode': 'permissionMode', 'allowed-tools': 'allowedTools' } as const satisfies Record<string, keyof AdapterCapabilities>;
/** What a task asks of its agent, by the name that manifests have for it. */
export type Wishes = { readonly [Key in keyof typeof CAPABILITY]?: Picked<unknown> | undefined };

/** Adds a diagnostic for each wish that would be ignored. */
export function checkWishes(wishes: Wishes, agent: { readonly spec: AgentSpec; readonly can: AdapterCapabilities }, diagnostics: Diagnostic[]): void {
  const name = quoted(agent.spec.name);
  for (const [key, capability] of Object.entries(CAPABILITY) as [keyof Wishes, keyof AdapterCapabilities][]) {
    const wish = wishes[key];
    const can = agent.can[capability];
    if (wish === undefined || can === true || (Array.isArray(wish.value) && wish.value.length === 0)) continue;
    const isListed = typeof can === 'object' && can.length > 0;
    if (isListed && can.includes(String(wish.value))) continue;
    const rest = `put it under the tasks${key === 'model' || key === 'permission-mode' ? ' or agents' : ''} that can use it`;
    if (!isListed) diagnostics.push(problem(placeOf(wish), `the agent ${name} cannot honour \`${key}\``, `remove it, or ${rest}`));
    else diagnostics.push(problem(placeOf(wish), `the agent ${name} has no \`${key}\` ${quoted(String(wish.value))}`, `it has ${can.join(', ')}; or ${rest}`));
  }
}
