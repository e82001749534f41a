// How a wrong value is told: what it is, and what was expected instead. Pure.

/** What a schema is told of a wrong value. */
export type Issue = { readonly input?: unknown };

/** Said of what the document reader has complained about already. */
export const UNREADABLE = 'could not be read';

/** What a value is, in words. */
export function kind(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' ? 'a map' : typeof input === 'boolean' ? '`true` or `false`' : `a ${typeof input}`;
}

/** Says what was expected; scalars that YAML took for a number or a boolean only miss their quotes. */
export const expected = (what: string) => ({ input }: Issue): string => {
  if (input === undefined) return UNREADABLE;
  return input === null ? `has no value; write ${what}, or remove the key` : `must be ${what}, not ${kind(input)}`;
};
