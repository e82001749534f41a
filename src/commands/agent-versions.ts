// Which versions of the agents' programs are installed here, by asking them. A program that does not answer is believed:
// it may be a wrapper. It is asked where it can do no harm: in an empty folder, without input, with the environment of an agent.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { adapterFor } from '../agents/adapters.ts';
import { isOlder, versionIn } from '../agents/version.ts';
import { createClock } from '../effects/clock.ts';
import { agentEnvironment } from '../effects/env.ts';
import { createProcesses } from '../effects/processes.ts';
import { EXIT, OrchError } from '../errors.ts';
import type { AgentSpec } from '../plan/plan.ts';

const PATIENCE_MS = 10_000;

/** The version of an agent's program, null where there is none to be had. `program`: absolute. Throws OrchError (exit 3) for one that is too old. */
export async function requireVersion(agent: AgentSpec, program: string): Promise<string | null> {
  const { versions, passEnv } = adapterFor(agent.adapter);
  if (versions === null) return null;
  const version = versionIn(await ask(program, [...agent.command.slice(1), '--version'], agentEnvironment({ parent: process.env, pass: passEnv, set: { ...versions.env, ...agent.env } })));
  if (version === null || !isOlder(version, versions.least)) return version;
  throw new OrchError({
    code: 'agent-too-old', message: `agent ${agent.name}: ${program} is version ${version}; orch needs ${versions.least} or newer`,
    hint: `update it, or name another program: agents.${agent.name}.command in .orchestrator.yml`, exitCode: EXIT.preflight,
  });
}

/** What it prints; nothing if it fails or takes too long. */
async function ask(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const cwd = await mkdtemp(path.join(os.tmpdir(), 'orch-version-'));
  try {
    const processes = createProcesses({ clock: createClock() });
    const { exit, stdoutTail, stderrTail } = await processes.run({ command: program, args, cwd, env, stdin: '', timeoutMs: PATIENCE_MS, idleTimeoutMs: null, graceMs: 0, logFile: null });
    return exit.kind === 'code' && exit.code === 0 ? `${stdoutTail}\n${stderrTail}` : '';
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
