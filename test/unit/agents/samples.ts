// What tests of adapters share: a spec, work, and recordings of real programs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { AgentSpec } from '../../../src/plan/plan.ts';
import { NEW_SESSION, type AgentWork, type LaunchRequest, type Session, type Verdict } from '../../../src/agents/adapter.ts';
import { adapterFor } from '../../../src/agents/adapters.ts';
import type { CancelReason, Exit } from '../../../src/run/events.ts';

export const SPEC: AgentSpec = { name: 'claude', adapter: 'claude', command: ['claude'], prompt: 'stdin', output: 'text', args: [], env: {} };
export const WORK: AgentWork = { kind: 'agent', agent: 'claude', prompt: 'do it', model: null, args: [], maxTurns: null, permissionMode: null, allowedTools: [] };

export function request(spec: Partial<AgentSpec> = {}, work: Partial<AgentWork> = {}, more: Partial<LaunchRequest> = {}): LaunchRequest {
  return { spec: { ...SPEC, ...spec }, work: { ...WORK, ...work }, prompt: 'do it', promptFile: '/run/prompt.md', reportFile: '/run/usage.json', newSessionId: 'new-id', resume: null, ...more };
}

interface Judged {
  readonly progress: readonly string[];
  readonly verdict: Verdict;
}
interface Played {
  readonly client: string;
  readonly lines: readonly string[];
  readonly exit: Exit;
  readonly stderr?: string;
  readonly session?: Session;
  readonly reportFile?: string | null;
  readonly now?: number;
}

/** Feeds lines to a client's reader and asks for its verdict. */
export function play({ client, lines, exit, stderr = '', session = NEW_SESSION, reportFile = null, now = 0 }: Played): Judged {
  const reader = adapterFor(client).read({ ...SPEC, name: client, adapter: client }, session);
  for (const line of stderr.split('\n')) reader.line(line, 'stderr');
  const progress = lines.map((line) => reader.line(line, 'stdout')).filter((line) => line !== null);
  return { progress, verdict: reader.verdict({ exit, stderrTail: stderr, stdoutTail: lines.join('\n'), reportFile, now }) };
}

/** The same for claude, which most tests of what is shared speak. */
export function judge(lines: readonly string[], exit: Exit = { kind: 'code', code: 0 }, stderr = ''): Judged {
  return play({ client: 'claude', lines, exit, stderr });
}

/** A recording of the real program, played back. */
export function replay(client: string, name: string, more: Partial<Played> = {}): Judged {
  const at = (kind: string): string => readFileSync(new URL(`../../recordings/${client}/${name}.${kind}`, import.meta.url), 'utf8');
  const meta = JSON.parse(at('meta.json')) as { exit: number | null; signal: string | null; stoppedBy?: CancelReason };
  const exit: Exit = meta.stoppedBy !== undefined ? { kind: 'killed', by: meta.stoppedBy, forced: false } : meta.signal === null ? { kind: 'code', code: meta.exit ?? 0 } : { kind: 'signal', signal: meta.signal };
  const report = new URL(`../../recordings/${client}/${name}.usage`, import.meta.url);
  return play({ client, reportFile: existsSync(report) ? readFileSync(report, 'utf8') : null, lines: at('stdout').split('\n'), exit, stderr: at('stderr'), ...more });
}

/** Names of a client's recordings, sorted. */
export function recordingsOf(client: string): readonly string[] {
  return readdirSync(new URL(`../../recordings/${client}`, import.meta.url)).filter((name) => name.endsWith('.stdout')).map((name) => name.slice(0, -7)).sort();
}
