// `isolation` of a plan made real on this machine: a sandbox where it was asked for, and refused where it does not work.
import { realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Clock, Repository, Sandbox, Workspace } from '../effects/effects.ts';
import type { Containment } from '../effects/processes/containment.ts';
import { probeSandbox, sandboxFor, type Credential } from '../effects/sandbox.ts';
import { releaseGit } from '../effects/sandbox-git.ts';
import { EXIT, OrchError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';

export interface IsolationParts {
  /** null = no sandbox. */
  readonly containment: Containment | null;
  readonly sandboxOf: (workspace: Pick<Workspace, 'path' | 'branch'>, files: { readonly dir: string }) => Sandbox | null;
  /** Takes back what sandboxes needed in the repository. */
  release(): void;
}

const NONE: IsolationParts = { containment: null, sandboxOf: () => null, release: () => undefined };

/** Throws OrchError (exit 3) when the plan asks for a sandbox that does not work here; `auto` goes on without and says so. */
export async function requireIsolation({ plan, repo, clock, notice }: { plan: Plan; repo: Repository; clock: Clock; notice: (line: string) => void }): Promise<IsolationParts> {
  const { isolation } = plan;
  if (isolation === undefined || isolation.kind === 'process') return NONE;
  const { containment, reason } = await probeSandbox(clock);
  if (containment === null) {
    if (isolation.kind === 'auto') {
      notice(`note: agents run without a sandbox: ${reason}`);
      return NONE;
    }
    throw new OrchError({ code: 'no-sandbox', message: `isolation: sandbox does not work here: ${reason}`, hint: 'install bubblewrap, or set isolation: process in .orchestrator.yml; orch doctor shows what was tried', exitCode: EXIT.preflight });
  }
  const { commonDir } = repo;
  const links = plan.worktrees.link.flatMap((link) => realPathOf(path.resolve(repo.topLevel ?? commonDir, link)));
  const programs = Object.values(plan.agents).flatMap(({ command: [program = ''] }) => (program.includes('/') ? realPathOf(path.resolve(repo.topLevel ?? commonDir, program)) : []));
  return {
    containment,
    sandboxOf: ({ path: worktree, branch }, { dir }) => sandboxFor({
      worktree, git: { kind: 'worktree', commonDir, branch }, scratch: path.join(dir, 'sandbox'), network: isolation.network,
      credential: credentialOf(isolation.credential), read: [...links, ...programs, ...isolation.read], write: [dir],
    }),
    release: () => releaseGit({ kind: 'worktree', commonDir, branch: `orch/${plan.run}/task` }),
  };
}

function credentialOf(said: string | null): Credential | null {
  if (said === null) return null;
  return said.includes('/') ? { kind: 'file', path: path.resolve(said.replace(/^~(?=\/)/, os.homedir())) } : { kind: 'variable', name: said };
}

function realPathOf(file: string): string[] {
  try {
    return [realpathSync(file)];
  } catch {
    return [];
  }
}
