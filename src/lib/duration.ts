// Durations as people write them (`90s`, `20m`, `1h30m`) to milliseconds. Pure.

/** What a duration looks like; also the pattern of the editor schema. */
export const DURATION = /^(?=\d)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;

/** 24 days: the largest round number that a Node timer can wait for (2^31 - 1 ms). */
export const MAX_DURATION_MS = 24 * 24 * 3_600_000;

const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1000, 1];

/** Milliseconds of `1d2h3m4s5ms` (any part may be missing, the order is fixed), or null if it is not a duration. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  return UNITS_MS.reduce((sum, unitMs, index) => sum + unitMs * Number(match[index + 1] ?? 0), 0);
}
