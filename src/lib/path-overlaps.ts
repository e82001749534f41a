// Which branches may get in each other's way, from the paths that they change: the same file, a file where the other
// has a folder, or names that only letter case or Unicode form tells apart. Pure; over-predicts, never misses a path.

/** A path as the least discerning file systems see it. */
export function foldPath(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

/** Every folder above a path, nearest first, without the root. */
export function foldersOf(path: string): string[] {
  const folders: string[] = [];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) folders.push(path.slice(0, at));
  return folders;
}

interface Owner<Id> {
  readonly id: Id;
  readonly paths: readonly string[];
}

/** For each owner, in order, the others whose paths overlap with its own. */
export function overlapsOf<Id>(owners: readonly Owner<Id>[]): ReadonlyMap<Id, ReadonlySet<Id>> {
  const folded = owners.map(({ id, paths }) => ({ id, paths: [...new Set(paths.map(foldPath))] }));
  const byFile = new Map<string, { readonly files: Id[]; readonly below: Id[] }>();
  for (const { id, paths } of folded) {
    for (const path of paths) {
      const entry = byFile.get(path);
      if (entry === undefined) byFile.set(path, { files: [id], below: [] });
      else entry.files.push(id);
    }
  }
  // Folders matter only where some branch has a file of that name.
  for (const { id, paths } of folded) {
    for (const folder of new Set(paths.flatMap(foldersOf))) byFile.get(folder)?.below.push(id);
  }
  const found = new Map<Id, Set<Id>>(owners.map(({ id }) => [id, new Set<Id>()]));
  for (const { files, below } of byFile.values()) {
    if (files.length + below.length < 2) continue;
    for (const id of files) link(found, id, files, below);
    for (const id of below) link(found, id, files, []);
  }
  for (const [id, others] of found) others.delete(id);
  return found;
}

function link<Id>(found: ReadonlyMap<Id, Set<Id>>, id: Id, files: readonly Id[], below: readonly Id[]): void {
  const mine = found.get(id);
  for (const other of files) mine?.add(other);
  for (const other of below) mine?.add(other);
}

/** A growing set of paths that answers whether a path would get in the way of any of them. */
export class PathSet {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  add(path: string): void {
    const folded = foldPath(path);
    this.#files.add(folded);
    for (const folder of foldersOf(folded)) this.#folders.add(folder);
  }
  overlaps(path: string): boolean {
    const folded = foldPath(path);
    return this.#files.has(folded) || this.#folders.has(folded) || foldersOf(folded).some((folder) => this.#files.has(folder));
  }
}
