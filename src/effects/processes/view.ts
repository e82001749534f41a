// One look at the process table, arranged once for all trees that ask at the same moment: a hundred tasks that are stopped
// together would otherwise sort a thousand rows, and read a thousand environments, a hundred times.
import type { Birth, ProcessRow, ProcessTable } from './table.ts';

/** Rows of one look, by what trees ask for. */
export class View {
  readonly rows: readonly ProcessRow[];
  readonly byPid: ReadonlyMap<number, ProcessRow>;
  readonly children: ReadonlyMap<number, readonly ProcessRow[]>;
  readonly sessions: ReadonlyMap<number, readonly ProcessRow[]>;
  /** Orch itself and its ancestors. */
  readonly ours: ReadonlySet<number>;
  readonly #table: ProcessTable;
  readonly #environs = new Map<number, string | null>();

  constructor(rows: readonly ProcessRow[], table: ProcessTable) {
    this.rows = rows;
    this.#table = table;
    this.byPid = new Map(rows.map((row) => [row.pid, row]));
    this.children = groupBy(rows, (row) => row.ppid);
    this.sessions = groupBy(rows, (row) => row.sid);
    this.ours = ancestorsOfUs(this.byPid);
  }

  /** As `ProcessTable.environ`, read at most once. */
  environ(pid: number): string | null {
    const known = this.#environs.get(pid);
    if (known !== undefined) return known;
    const environ = this.#table.environ(pid);
    this.#environs.set(pid, environ);
    return environ;
  }

  /** The descendants of a process, by lineage alone. */
  familyOf(first: ProcessRow): readonly ProcessRow[] {
    // A table is not read in one instant: rows of a reused pid may make a circle.
    const found = new Set<ProcessRow>();
    const queue = [...(this.children.get(first.pid) ?? [])];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (found.has(next) || next.pid === first.pid) continue;
      found.add(next);
      queue.push(...(this.children.get(next.pid) ?? []));
    }
    return [...found];
  }
}

const views = new WeakMap<readonly ProcessRow[], View>();

/** A look that began after the call; calls of one moment share it. `since` as in `ProcessTable.rows`. */
export async function look(table: ProcessTable, since: Birth | null): Promise<View> {
  const rows = await table.rows(since);
  const view = views.get(rows) ?? new View(rows, table);
  views.set(rows, view);
  return view;
}

function groupBy(rows: readonly ProcessRow[], key: (row: ProcessRow) => number): ReadonlyMap<number, ProcessRow[]> {
  const groups = new Map<number, ProcessRow[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return groups;
}

function ancestorsOfUs(byPid: ReadonlyMap<number, ProcessRow>): ReadonlySet<number> {
  const found = new Set<number>([0, 1]);
  for (let pid: number | undefined = process.pid; pid !== undefined && !found.has(pid); pid = byPid.get(pid)?.ppid) found.add(pid);
  return found;
}
