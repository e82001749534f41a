// Tiers 1 to 3: a pid namespace by bubblewrap, one by util-linux, a subreaper. Command lines only; what is started is
// always a supervisor, which starts the program.
import type { Containment, Contained, Target } from './containment.ts';
import { lookups, withNonce } from './containment.ts';
import { NamespaceTree, SubreaperTree } from './supervised-tree.ts';
import { superviseCommand, superviseEnvironment, type Supervision } from './supervisor.ts';
import type { ProcessTable } from './table.ts';
import type { Tools } from './tools.ts';
import { ProcessTree } from './tree.ts';

/** A tier, or in one line why this system has not what it is made of. */
export type Made = { readonly ok: true; readonly containment: Containment } | { readonly ok: false; readonly reason: string };

/** Tier 1. Nothing survives a kill -9 of orch, of the wrapper, or of both. */
export function bubblewrapContainment(table: ProcessTable, tools: Tools): Made {
  const { bwrap } = tools;
  if (bwrap === null) return missing('bwrap', 'install bubblewrap');
  const start = [bwrap, '--dev-bind', '/', '/', '--proc', '/proc', '--unshare-pid', '--as-pid-1', '--die-with-parent', '--'];
  return { ok: true, containment: namespaceContainment({ table, tools, tier: 1, start: () => start }) };
}

/** Tier 2. As tier 1, with programs that every Linux has. `asRoot` = without a user namespace, which only root can. */
export function unshareContainment(table: ProcessTable, tools: Tools, asRoot: boolean): Made {
  const { setpriv, unshare } = tools;
  if (setpriv === null || unshare === null) return missing(setpriv === null ? 'setpriv' : 'unshare', 'install util-linux');
  const user = asRoot ? [] : ['--user', '--map-current-user'];
  const start = [setpriv, '--pdeathsig', 'KILL', '--', unshare, ...user, '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'];
  return { ok: true, containment: namespaceContainment({ table, tools, tier: 2, start: () => start }) };
}

export interface NamespaceOptions {
  readonly table: ProcessTable;
  readonly tools: Tools;
  readonly tier: 1 | 2;
  /** The wrapper's own command line, up to where the program's begins. */
  readonly start: (contained: Contained) => readonly string[];
  readonly environment?: (contained: Contained) => Readonly<Record<string, string>>;
}

/** A pid namespace whose first process is the supervisor. */
export function namespaceContainment(options: NamespaceOptions): Containment {
  const { table, tools, tier } = options;
  return {
    ...lookups(table, tier),
    isSupervised: true,
    wrap: (contained, nonce) => {
      const supervised = superviseCommand([contained.command, ...contained.args], { perl: tools.perl, sh: tools.sh, as: 'init', graceMs: 0 }) ?? [];
      const env = options.environment?.(contained) ?? contained.env;
      return targetOf([...options.start(contained), ...supervised], superviseEnvironment(withNonce(env, nonce), tools.perl));
    },
    adopt: ({ pid, supervision }) => new NamespaceTree({ table, pid, supervision: supervision ?? RUNNING }),
  };
}

/** Tier 3. Ends everything when orch is killed, but not when it is killed itself. */
export function subreaperContainment(table: ProcessTable, tools: Tools): Made {
  const { perl, sh } = tools;
  if (process.platform !== 'linux') return { ok: false, reason: `${process.platform} has no subreapers` };
  if (perl === null) return missing('perl', 'install perl');
  const supervise = (command: readonly string[], graceMs: number) => superviseCommand(command, { perl, sh, as: 'subreaper', graceMs });
  if (supervise([], 0) === null) return { ok: false, reason: `not known how to become a subreaper on ${process.arch}` };
  const containment: Containment = {
    ...lookups(table, 3),
    isSupervised: true,
    wrap: ({ command, args, env, graceMs }, nonce) => targetOf(supervise([command, ...args], graceMs) ?? [], superviseEnvironment(withNonce(env, nonce), perl)),
    adopt: ({ pid, supervision }, nonce) => {
      const tree = new ProcessTree({ table, root: { pid, start: table.startOf(pid), spawnedAt: performance.now() }, markers: [`ORCH_NONCE=${nonce}`] });
      return new SubreaperTree({ table, pid, supervision: supervision ?? RUNNING }, tree);
    },
  };
  return { ok: true, containment };
}

const RUNNING: Pick<Supervision, 'stage' | 'begun' | 'kill'> = { stage: 'running', begun: Promise.resolve(), kill: () => undefined };

function targetOf(words: readonly string[], env: Readonly<Record<string, string>>): Target {
  return { command: words[0] ?? '', args: words.slice(1), env };
}

function missing(program: string, hint: string): Made {
  return { ok: false, reason: `${program} is not installed (${hint})` };
}
