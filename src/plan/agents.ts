// What a task asks of its agent, against what there is: unknown agents and wishes that an adapter cannot honour. Pure.
import { nearest } from '../lib/nearest.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import type { AgentSpec } from './plan.ts';
import { placeOf } from './layers.ts';
import type { Picked } from './layers.ts';

/** What an adapter can pass on; the part of src/agents' Capabilities that a manifest can ask for. */
export interface AdapterCapabilities {
  readonly model: boolean;
  readonly maxTurns: boolean;
  readonly permissionMode: boolean;
  readonly allowedTools: boolean;
}

/** Clients of later versions. */
const LATER = new Set(['codex', 'gemini', 'opencode', 'copilot']);

/** The agent of that name, or null and a diagnostic. */
export function requiredAgent(name: Picked<string>, agents: ReadonlyMap<string, AgentSpec>, diagnostics: Diagnostic[]): AgentSpec | null {
  const spec = agents.get(name.value);
  if (spec !== undefined) return spec;
  const known = [...agents.keys()];
  const list = `known: ${known.join(', ')}`;
  const meant = nearest(name.value, known);
  const hint = LATER.has(name.value) || meant === undefined ? `${list}; define it under \`agents:\` with a \`command\`` : `did you mean \`${meant}\`? ${list}`;
  const message = LATER.has(name.value) ? `the agent ${quoted(name.value)} is not built into this version` : `there is no agent ${quoted(name.value)}`;
  diagnostics.push(problem(placeOf(name), message, hint));
  return null;
}

interface Wishes {
  readonly model: Picked<string> | undefined;
  readonly escalate: Picked<readonly string[]> | undefined;
  readonly 'max-turns': Picked<number> | undefined;
  readonly 'permission-mode': Picked<string> | undefined;
  readonly 'allowed-tools': Picked<readonly string[]> | undefined;
}
const CAPABILITY = { model: 'model', escalate: 'model', 'max-turns': 'maxTurns', 'permission-mode': 'permissionMode', 'allowed-tools': 'allowedTools' } as const;

/** Adds a diagnostic for each wish that would be ignored. */
export function checkWishes(wishes: Wishes, agent: { readonly spec: AgentSpec; readonly can: AdapterCapabilities }, diagnostics: Diagnostic[]): void {
  for (const [key, capability] of Object.entries(CAPABILITY) as [keyof Wishes, (typeof CAPABILITY)[keyof Wishes]][]) {
    const wish = wishes[key];
    if (wish === undefined || agent.can[capability] || (Array.isArray(wish.value) && wish.value.length === 0)) continue;
    const hint = `remove it, or put it under the tasks${key === 'model' || key === 'permission-mode' ? ' or agents' : ''} that can use it`;
    diagnostics.push(problem(placeOf(wish), `the agent ${quoted(agent.spec.name)} cannot honour \`${key}\``, hint));
  }
}
