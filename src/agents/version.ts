// Versions of agent programs: what they print, and which of two is older. Pure.

/** The first `1.2.3` in what a program prints for --version; null = it says none. */
export function versionIn(text: string): string | null {
  return /(?<![\d.])\d+\.\d+\.\d+/.exec(text)?.[0] ?? null;
}

/** Whether `1.2.3` comes before `1.10.0`. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  for (const [i, part] of (b ?? []).entries()) {
    const mine = a?.[i] ?? 0;
    if (mine !== part) return mine < part;
  }
  return false;
}
