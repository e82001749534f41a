// Which versions of the agents' programs are installed here, by asking them. A program that does not answer is believed:
// it may be a wrapper. It is asked where it can do no harm: in no repository, without input, with the environment of an agent.
import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { adapterFor } from '../agents/adapters.ts';
import { isOlder, versionIn } from '../agents/version.ts';
import { agentEnvironment } from '../effects/env.ts';
import { EXIT, OrchError } from '../errors.ts';
import type { AgentSpec } from '../plan/plan.ts';

const PATIENCE_MS = 10_000;
const run = promisify(execFile);

/** The version of an agent's program, null where there is none to be had. `program`: absolute. Throws OrchError (exit 3) for one that is too old. */
export async function requireVersion(agent: AgentSpec, program: string): Promise<string | null> {
  const { versions, passEnv } = adapterFor(agent.adapter);
  if (versions === null) return null;
  const env = agentEnvironment({ parent: process.env, pass: passEnv, set: agent.env });
  const asking = run(program, [...agent.command.slice(1), '--version'], { cwd: path.parse(os.tmpdir()).root, env, timeout: PATIENCE_MS, killSignal: 'SIGKILL', maxBuffer: 1024 * 1024 });
  asking.child.stdin?.end();
  const version = await asking.then(({ stdout, stderr }) => versionIn(stdout) ?? versionIn(stderr), () => null);
  if (version === null || !isOlder(version, versions.least)) return version;
  throw new OrchError({
    code: 'agent-too-old', message: `agent ${agent.name}: ${program} is version ${version}; orch needs ${versions.least} or newer`,
    hint: `update it, or name another program: agents.${agent.name}.command in .orchestrator.yml`, exitCode: EXIT.preflight,
  });
}
