// How a process tree is held together so that all of it can be found again: the one piece that another tier (a pid
// namespace, say) replaces. This one: a session of its own, lineage, and a marker in the environment.
import type { ProcessTable } from './table.ts';
import { ProcessTree } from './tree.ts';

/** What is really started. */
export interface Target {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Containment {
  /** The program as it must be started to be contained. */
  wrap(target: Target, nonce: string): Target;
  /** The tree under the child that was just spawned from `wrap`. */
  adopt(pid: number, nonce: string): ProcessTree;
  /** What environment variables alone can find; for processes that an earlier orch left. */
  marked(markers: readonly string[]): ProcessTree;
}

/** Session, lineage and environment: works everywhere without privileges; a daemon that clears its environment escapes. */
export function sessionContainment(table: ProcessTable): Containment {
  return {
    wrap: (target, nonce) => ({ ...target, env: { ...target.env, ORCH_NONCE: nonce } }),
    adopt: (pid, nonce) => new ProcessTree({ table, rootPid: pid, markers: [`ORCH_NONCE=${nonce}`] }),
    marked: (markers) => new ProcessTree({ table, rootPid: null, markers }),
  };
}
