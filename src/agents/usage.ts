// Counting tokens. Some clients count anew in each run, some for the whole session: what an attempt used is what is new.
import type { Tokens } from '../run/events.ts';

export const NO_TOKENS: Tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

export function addTokens(a: Tokens, b: Tokens): Tokens {
  return { input: a.input + b.input, output: a.output + b.output, cacheRead: a.cacheRead + b.cacheRead, cacheWrite: a.cacheWrite + b.cacheWrite };
}

/** What of a session's count is new; all of it where nothing is known of before, or where the count is less than before and so began anew. */
export function tokensSince(now: Tokens, before: Tokens | null): Tokens {
  if (before === null) return now;
  const since: Tokens = {
    input: now.input - before.input, output: now.output - before.output, cacheRead: now.cacheRead - before.cacheRead, cacheWrite: now.cacheWrite - before.cacheWrite,
  };
  return Object.values(since).some((count: number) => count < 0) ? now : since;
}
