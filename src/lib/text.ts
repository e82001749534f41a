// Small pieces of English: plurals, lists that stop in time, money.

/** `1 task`, `2 tasks`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The first few, joined, then how many are left out: `a, b and 3 more`. */
export function listSome(items: readonly string[], most: number): string {
  const shown = items.slice(0, most).join(', ');
  const rest = items.length - most;
  return rest > 0 ? `${shown}${shown === '' ? '' : ' and '}${rest} more` : shown;
}

/** US dollars as `$1.25`; a small sum keeps two digits that say something. */
export function formatUsd(usd: number): string {
  return usd > 0 && usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`;
}
