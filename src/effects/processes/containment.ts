// How a process tree is held together so that all of it can be found and ended: what every tier has in common, and the one
// that works everywhere (a session of its own, lineage, and a marker in the environment).
import type { Sandbox, Spawned, Tier } from '../effects.ts';
import type { Supervision } from './supervisor.ts';
import type { ProcessTable } from './table.ts';
import { ProcessTree, type Tree } from './tree.ts';

/** What is really started. */
export interface Target {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What shall run, and how. */
export interface Contained extends Target {
  readonly cwd: string;
  /** From TERM to KILL when orch itself is gone. */
  readonly graceMs: number;
  readonly sandbox: Sandbox | null;
}

export interface Containment {
  readonly tier: Tier;
  /** What is started is a supervisor, which has to be given a socket as descriptor 3. */
  readonly isSupervised: boolean;
  /** The program as it must be started to be contained. */
  wrap(contained: Contained, nonce: string): Target;
  /** The tree under the child that was just spawned from `wrap`. */
  adopt(child: { readonly pid: number; readonly supervision: Supervision | null }, nonce: string): Tree;
  /** What environment variables alone can find; for processes that an earlier orch left. */
  marked(markers: readonly string[]): Tree;
  /** The tree of a process that an earlier orch recorded; null = it was of another boot. */
  recorded(spawned: Spawned): Tree | null;
  /** The record of a child that was just spawned. */
  identify(pid: number): Spawned;
}

/** What a process table gives to each tier. */
export function lookups(table: ProcessTable, tier: Tier): Pick<Containment, 'tier' | 'marked' | 'recorded' | 'identify'> {
  return {
    tier,
    marked: (markers) => new ProcessTree({ table, root: null, markers }),
    recorded: ({ pid, startTime, bootId }) => (bootId === table.bootId() ? new ProcessTree({ table, root: { pid, start: startTime }, markers: null }) : null),
    identify: (pid) => ({ pid, startTime: table.startOf(pid), bootId: table.bootId(), tier }),
  };
}

/** The marker by which a tree is known even where lineage is lost. */
export function withNonce(env: Readonly<Record<string, string>>, nonce: string): Readonly<Record<string, string>> {
  return { ...env, ORCH_NONCE: nonce };
}

/** Session, lineage and environment: works everywhere without privileges; a daemon that clears its environment escapes. */
export function sessionContainment(table: ProcessTable): Containment {
  return {
    ...lookups(table, 4),
    isSupervised: false,
    wrap: ({ command, args, env }, nonce) => ({ command, args, env: withNonce(env, nonce) }),
    adopt: ({ pid }, nonce) => new ProcessTree({ table, root: { pid, start: table.startOf(pid), spawnedAt: performance.now() }, markers: [`ORCH_NONCE=${nonce}`] }),
  };
}
