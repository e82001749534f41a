// Names of environment variables against patterns such as `LC_*`.

/** Whether a name is one of these patterns; a `*` at the end of a pattern stands for anything. */
export function isNamed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
}
