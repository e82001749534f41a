// Which processes belong to a tree, and signals to all of them. Owns the knowledge of one tree: its root, the members
// seen so far, its marker. Never signals a process without lineage or marker, nor orch itself or an ancestor of it.
import type { Birth, ProcessRow, ProcessTable } from './table.ts';
import { look, type View } from './view.ts';

export interface TreeScan {
  readonly members: readonly ProcessRow[];
  /** No process was born anywhere while we looked: nothing can have been missed. */
  readonly isQuiet: boolean;
}

/** Processes that belong together. */
export interface Tree {
  /** Who is alive now. */
  scan(): Promise<TreeScan>;
  /** Sends a signal to every member and returns who they were. */
  signal(signal: NodeJS.Signals): Promise<TreeScan>;
}

export interface Root {
  readonly pid: number;
  /** In the unit of the table. */
  readonly start: number;
  /** `performance.now()` at its spawn, if that was now: it makes looking cheaper. */
  readonly spawnedAt?: number;
}

export interface TreeInit {
  readonly table: ProcessTable;
  /** The leader of its own session; null = the tree is known by its markers alone. */
  readonly root: Root | null;
  /** `NAME=value` pairs that the environment of a member holds, all of them; null = none is known. */
  readonly markers: readonly string[] | null;
}

/** A process with everything that descends from it, however it was detached, as far as lineage, session or environment tell. */
export class ProcessTree implements Tree {
  readonly #table: ProcessTable;
  readonly #root: Root | null;
  readonly #markers: readonly string[] | null;
  /** pid → start of members and of strangers; a stranger can become a member by lineage only. */
  readonly #known = new Map<number, number>();
  readonly #strangers = new Map<number, number>();

  constructor(init: TreeInit) {
    this.#table = init.table;
    this.#markers = init.markers?.map((marker) => `\0${marker}\0`) ?? null;
    this.#root = init.root;
  }

  async scan(): Promise<TreeScan> {
    const before = this.#table.births();
    const members = this.#membersOf(await look(this.#table, sinceOf(this.#root)));
    return { members, isQuiet: before !== null && before === this.#table.births() };
  }

  async signal(signal: NodeJS.Signals): Promise<TreeScan> {
    const found = await this.scan();
    const root = this.#root;
    let groupWasSignalled = false;
    for (const row of found.members) {
      if (root !== null && row.pgid === root.pid) {
        // One call for the group: it reaches also what a member forks meanwhile.
        if (!groupWasSignalled) send(-root.pid, signal);
        groupWasSignalled = true;
      } else if (this.#table.isStill(row)) {
        send(row.pid, signal);
      }
    }
    return found;
  }

  #membersOf(view: View): readonly ProcessRow[] {
    const { rows, byPid, children, sessions, ours: untouchable } = view;
    const members = new Map<number, ProcessRow>();
    const add = (row: ProcessRow): void => {
      const queue = [row];
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (members.has(next.pid) || untouchable.has(next.pid)) continue;
        members.set(next.pid, next);
        queue.push(...(children.get(next.pid) ?? []));
        const leader = byPid.get(next.sid);
        // A session that was made inside the tree is of the tree, also when its leader is gone. Without a root nobody
        // knows where a session was made, so there its leader must be a member.
        if (leader === undefined ? this.#root !== null : members.has(leader.pid)) queue.push(...(sessions.get(next.sid) ?? []));
      }
    };
    // A record that names orch itself, or who started it, is not one of ours to act on.
    const isRootOurs = this.#root !== null && untouchable.has(this.#root.pid);
    for (const row of rows) if (!isRootOurs && this.#isRooted(row, byPid)) add(row);
    for (const row of rows) if (!members.has(row.pid) && !untouchable.has(row.pid) && this.#isMarked(row, view)) add(row);
    this.#known.clear();
    for (const row of members.values()) this.#known.set(row.pid, row.start);
    return [...members.values()];
  }

  /** The root, a process of its session or group, or a member that we saw before. */
  #isRooted(row: ProcessRow, byPid: ReadonlyMap<number, ProcessRow>): boolean {
    if (this.#known.get(row.pid) === row.start) return true;
    const root = this.#root;
    if (root === null || (row.sid !== root.pid && row.pgid !== root.pid)) return false;
    // While a group or session has a member its number is not given to a new process; if there is a process of that
    // number and it is not our root, then the number was reused and the session is somebody else's.
    const leader = byPid.get(root.pid);
    return row.start >= root.start && (leader === undefined || this.#table.isSameStart(leader.start, root.start));
  }

  #isMarked(row: ProcessRow, view: View): boolean {
    const markers = this.#markers;
    if (markers === null) return false;
    // What started before the root cannot descend from it.
    if (this.#root !== null && row.start < this.#root.start) return false;
    if (this.#strangers.get(row.pid) === row.start) return false;
    const environ = this.#root !== null || this.#table.isOwn(row.pid) ? view.environ(row.pid) : null;
    if (environ !== null && markers.every((marker) => environ.includes(marker))) return true;
    this.#strangers.set(row.pid, row.start);
    return false;
  }
}

/** What `ProcessTable.rows` may leave out when it looks for descendants of this root. */
export function sinceOf(root: Root | null): Birth | null {
  return root?.spawnedAt === undefined ? null : { pid: root.pid, elapsedMs: performance.now() - root.spawnedAt };
}

/** Sends a signal; a process that is gone is no error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone in the meantime, or of another user: the next scan tells.
  }
}
