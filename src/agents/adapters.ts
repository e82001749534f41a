// The agent programs that orch knows. A new one is a file beside this and a line here.
import { EXIT, OrchError } from '../errors.ts';
import type { Adapter } from './adapter.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { command } from './command.ts';
import { copilot } from './copilot.ts';
import { gemini } from './gemini.ts';
import { opencode } from './opencode.ts';

const ADAPTERS: ReadonlyMap<string, Adapter> = new Map([claude, codex, copilot, gemini, opencode, command].map((adapter) => [adapter.name, adapter]));

/** Names that `AgentSpec.adapter` may have. */
export const knownAdapters: readonly string[] = [...ADAPTERS.keys()];

/** The adapter of that name; an OrchError for one that does not exist. */
export function adapterFor(name: string): Adapter {
  const adapter = ADAPTERS.get(name);
  if (adapter !== undefined) return adapter;
  throw new OrchError({ code: 'unknown-adapter', message: `unknown agent adapter: ${name}`, hint: `known are ${knownAdapters.join(', ')}`, exitCode: EXIT.usage });
}
