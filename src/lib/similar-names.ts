// Names close to one that does not exist, for hints. Pure.

/** Up to `limit` of `names` that are nearest to `wanted`, nearest first; only those within a third of its length. */
export function similarNames(wanted: string, names: readonly string[], limit = 3): string[] {
  const cutoff = Math.max(2, Math.ceil(wanted.length / 3));
  return names
    .map((name) => ({ name, distance: name.includes(wanted) ? 1 : editDistance(wanted.toLowerCase(), name.toLowerCase(), cutoff) }))
    .filter((each) => each.distance <= cutoff)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map((each) => each.name);
}

function editDistance(a: string, b: string, cutoff: number): number {
  if (Math.abs(a.length - b.length) > cutoff) return cutoff + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? cutoff + 1;
}
