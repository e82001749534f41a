// Trees under a supervisor. In a pid namespace nothing escapes and the death of its first process ends all others at once;
// under a subreaper nothing escapes either, but each process has to be ended by itself.
import { isSettledWithin } from '../clock.ts';
import type { Supervision } from './supervisor.ts';
import type { ProcessRow, ProcessTable } from './table.ts';
import { send, sinceOf, type ProcessTree, type Root, type Tree, type TreeScan } from './tree.ts';
import { look } from './view.ts';

// The program may have said more than its supervisor by the time that it is to be stopped: without that word it would not
// be asked to end, but killed.
const BEGIN_MS = 250;

type Overseen = Pick<Supervision, 'stage' | 'begun' | 'kill'>;

interface Supervised {
  readonly table: ProcessTable;
  /** The wrapper, just spawned. */
  readonly pid: number;
  readonly supervision: Overseen;
}

/** Everything in a pid namespace but its first process, which is the supervisor. */
export class NamespaceTree implements Tree {
  readonly #supervised: Supervised;
  readonly #root: Root;
  /** The supervisor, once it was seen: it may outlive the wrapper by a moment. */
  #init: ProcessRow | null = null;

  constructor(supervised: Supervised) {
    const { table, pid } = supervised;
    this.#supervised = supervised;
    this.#root = { pid, start: table.startOf(pid), spawnedAt: performance.now() };
  }

  async scan(): Promise<TreeScan> {
    const { table, pid, supervision } = this.#supervised;
    const before = table.births();
    const view = await look(table, sinceOf(this.#root));
    const owner = view.byPid.get(pid);
    const wrapper = owner !== undefined && table.isSameStart(owner.start, this.#root.start) ? owner : undefined;
    if (wrapper !== undefined) this.#init ??= view.children.get(pid)?.[0] ?? null;
    const init = this.#init;
    const isInitAlive = init !== null && view.byPid.get(init.pid)?.start === init.start;
    if (wrapper === undefined && !isInitAlive) return { members: [], isQuiet: true };
    // As long as nothing of the program runs, the wrapper stands for it.
    if (supervision.stage === 'starting') return { members: wrapper === undefined ? [] : [wrapper], isQuiet: false };
    const members = isInitAlive ? view.familyOf(init) : [];
    return { members, isQuiet: before !== null && before === table.births() };
  }

  async signal(signal: NodeJS.Signals): Promise<TreeScan> {
    await hasBegun(this.#supervised.supervision, signal);
    const found = await this.scan();
    const { table, pid, supervision } = this.#supervised;
    const isEnd = signal === 'SIGKILL' || supervision.stage === 'starting';
    if (isEnd && this.#init !== null && table.isStill(this.#init)) send(this.#init.pid, 'SIGKILL');
    if (isEnd && found.members.some((row) => row.pid === pid)) send(pid, 'SIGKILL');
    if (!isEnd) for (const row of found.members) if (table.isStill(row)) send(row.pid, signal);
    return found;
  }
}

/** Everything under a subreaper but the subreaper itself. */
export class SubreaperTree implements Tree {
  readonly #supervised: Supervised;
  readonly #tree: ProcessTree;

  constructor(supervised: Supervised, tree: ProcessTree) {
    this.#supervised = supervised;
    this.#tree = tree;
  }

  async scan(): Promise<TreeScan> {
    return (await this.#look()).found;
  }

  async signal(signal: NodeJS.Signals): Promise<TreeScan> {
    await hasBegun(this.#supervised.supervision, signal);
    const { found, supervisor } = await this.#look();
    const { table, supervision } = this.#supervised;
    const sent = supervision.stage === 'starting' ? 'SIGKILL' : signal;
    if (sent === 'SIGKILL' && found.members.length > 0) {
      // The program may have stopped its supervisor.
      if (supervisor !== undefined && table.isStill(supervisor)) send(supervisor.pid, 'SIGCONT');
      supervision.kill();
    }
    // One by one: the group of the wrapper is the supervisor's own.
    for (const row of found.members) if (table.isStill(row)) send(row.pid, sent);
    return found;
  }

  async #look(): Promise<{ readonly found: TreeScan; readonly supervisor: ProcessRow | undefined }> {
    const { members, isQuiet } = await this.#tree.scan();
    const { pid, supervision } = this.#supervised;
    const supervisor = members.find((row) => row.pid === pid);
    if (supervision.stage === 'starting') return { found: { members, isQuiet: false }, supervisor };
    return { found: { members: members.filter((row) => row.pid !== pid), isQuiet }, supervisor };
  }
}

async function hasBegun(supervision: Overseen, signal: NodeJS.Signals): Promise<void> {
  if (signal !== 'SIGKILL' && supervision.stage === 'starting') await isSettledWithin(supervision.begun, BEGIN_MS);
}
