// What tests of adapters share: a spec, work, and recordings of real programs.
import { readFileSync } from 'node:fs';
import type { AgentSpec } from '../../../src/plan/plan.ts';
import type { AgentWork, LaunchRequest, Verdict } from '../../../src/agents/adapter.ts';
import { adapterFor } from '../../../src/agents/adapters.ts';
import type { Exit } from '../../../src/run/events.ts';

export const SPEC: AgentSpec = { name: 'claude', adapter: 'claude', command: ['claude'], prompt: 'stdin', output: 'text', args: [], env: {} };
export const WORK: AgentWork = { kind: 'agent', agent: 'claude', prompt: 'do it', model: null, args: [], maxTurns: null, permissionMode: null, allowedTools: [] };

export function request(spec: Partial<AgentSpec> = {}, work: Partial<AgentWork> = {}, more: Partial<LaunchRequest> = {}): LaunchRequest {
  return { spec: { ...SPEC, ...spec }, work: { ...WORK, ...work }, prompt: 'do it', promptFile: '/run/prompt.md', newSessionId: 'new-id', resume: null, ...more };
}

/** Feeds lines to a claude-compatible reader and asks for its verdict. */
export function judge(lines: readonly string[], exit: Exit = { kind: 'code', code: 0 }, stderr = ''): { readonly progress: readonly string[]; readonly verdict: Verdict } {
  const reader = adapterFor('claude').read(SPEC);
  const progress = lines.map((line) => reader.line(line, 'stdout')).filter((line) => line !== null);
  return { progress, verdict: reader.verdict({ exit, stderrTail: stderr, stdoutTail: lines.join('\n'), now: 0 }) };
}

/** A recording of the real program, played back. */
export function replay(client: string, name: string): ReturnType<typeof judge> {
  const at = (kind: string): string => readFileSync(new URL(`../../recordings/${client}/${name}.${kind}`, import.meta.url), 'utf8');
  const meta = JSON.parse(at('meta.json')) as { exit: number | null; signal: string | null };
  return judge(at('stdout').split('\n'), meta.signal === null ? { kind: 'code', code: meta.exit ?? 0 } : { kind: 'signal', signal: meta.signal }, at('stderr'));
}
