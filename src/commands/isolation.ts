// `isolation` of a plan made real on this machine: a sandbox where it was asked for, and refused where it does not work.
import { realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Clock, GitMounts, Repository, Sandbox } from '../effects/effects.ts';
import type { Containment } from '../effects/processes/containment.ts';
import { probeSandbox, sandboxFor, type Credential } from '../effects/sandbox.ts';
import { EXIT, OrchError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';

export interface IsolationParts {
  /** null = no sandbox. */
  readonly containment: Containment | null;
  /** null = no sandbox. */
  readonly sandboxOf: ((place: SandboxPlace) => Sandbox) | null;
}

/** Where something is to run. */
export interface SandboxPlace {
  readonly worktree: string;
  readonly git: GitMounts;
  /** A folder of its own that it may write. */
  readonly dir: string;
  /** Files in there that are orch's, and need not exist. */
  readonly records: readonly string[];
}

const NONE: IsolationParts = { containment: null, sandboxOf: null };

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
    sandboxOf: ({ worktree, git, dir, records }) => sandboxFor({
      worktree, git, scratch: path.join(dir, 'sandbox'), network: isolation.network,
      credential: credentialOf(isolation.credential), read: [...links, ...programs, ...isolation.read], write: [dir], sealed: records,
    }),
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
