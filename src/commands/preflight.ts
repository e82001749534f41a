// What can be known to fail before anything is created: missing agents, no room, a branch in the way. Exit 3 or 74.
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Repository } from '../effects/effects.ts';
import { repositoryFolder, requireBranchNamespace } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { requireSpace, requireWritable } from '../journal/state-dir.ts';
import type { AgentSpec, Plan } from '../plan/plan.ts';
import { requireVersion } from './agent-versions.ts';

/** Below this a worktree, a log or the journal would soon fail half-way. */
const NEEDED_BYTES = 200 * 1024 * 1024;

/** Throws OrchError for the first thing that would stop the run. Returns the versions of the agents' programs by the agents' names. */
export async function preflight(repo: Repository, plan: Plan): Promise<Readonly<Record<string, string>>> {
  const versions = requireAgents(Object.values(plan.agents), repositoryFolder(repo));
  versions.catch(() => {});
  await requireBranchNamespace(repo);
  const { merge, target } = plan;
  if (merge?.pullRequest !== undefined && merge.when !== 'never' && target !== null) {
    const { requireRequestPlace } = await import('./pull-requests.ts');
    await requireRequestPlace(repo, target);
  }
  await requireWritable(repo.commonDir);
  await requireSpace(repo.commonDir, NEEDED_BYTES);
  const known = await versions;
  await requireRoot(plan.worktrees.root);
  return known;
}

/** All of these programs; returns their versions by the agents’ names, where they say one. Throws OrchError for the first that is missing or too old. */
export async function requireAgents(agents: readonly AgentSpec[], root: string): Promise<Record<string, string>> {
  const versions = await Promise.all(agents.map(async (agent) => [agent.name, await requireVersion(agent, await requireAgent(agent, root))] as const));
  return Object.fromEntries(versions.filter((entry): entry is readonly [string, string] => entry[1] !== null));
}

/** The program that an agent would start, absolute. Throws OrchError when it is not there or not executable. */
export async function requireAgent(agent: AgentSpec, root: string): Promise<string> {
  const [program = ''] = agent.command;
  const candidates = program.includes('/') ? [path.resolve(root, program)] : (process.env['PATH'] ?? '').split(path.delimiter).filter((dir) => dir !== '').map((dir) => path.join(dir, program));
  let isThere: string | null = null;
  for (const file of candidates) {
    const isFile = await stat(file).then((found) => found.isFile(), () => false);
    if (!isFile) continue;
    isThere ??= file;
    if (await access(file, constants.X_OK).then(() => true, () => false)) return file;
  }
  if (isThere !== null) {
    throw new OrchError({ code: 'agent-not-executable', message: `agent ${agent.name}: ${isThere} is not executable`, hint: `chmod +x ${isThere}`, exitCode: EXIT.preflight });
  }
  const where = program.includes('/') ? candidates[0] ?? program : `${program} (looked in PATH)`;
  throw new OrchError({
    code: 'agent-missing', message: `agent ${agent.name}: there is no ${where}`, exitCode: EXIT.preflight,
    hint: `install it, or say another one: agent: … in the manifest, or agents.${agent.name}.command in .orchestrator.yml`,
  });
}

async function requireRoot(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true });
    await access(root, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OrchError({ code: 'worktrees-root', message: `worktrees cannot be made in ${root} (${code ?? String(error)})`, hint: 'set worktrees.root in .orchestrator.yml', exitCode: EXIT.preflight });
  }
}
