// Durations and instants as people and programs read them. Pure: never asks what time it is.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const two = (n: number): string => String(n).padStart(2, '0');

/** Milliseconds as `0.4s`, `12s`, `4m12s`, `1h08m`, `2d03h`; rounded down; what is no duration is `0s`. */
export function formatDuration(ms: number): string {
  if (!(ms > 0) || !Number.isFinite(ms)) return '0s';
  if (ms < 10 * SECOND) return `${Math.floor(ms / 100) / 10}s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m${two(Math.floor((ms % MINUTE) / SECOND))}s`;
  if (ms < 48 * HOUR) return `${Math.floor(ms / HOUR)}h${two(Math.floor((ms % HOUR) / MINUTE))}m`;
  return `${Math.floor(ms / (24 * HOUR))}d${two(Math.floor((ms % (24 * HOUR)) / HOUR))}h`;
}

/** The same in whole seconds, for a clock that is running. */
export function formatClock(ms: number): string {
  return formatDuration(Math.floor(ms / SECOND) * SECOND);
}

/** Milliseconds since the epoch as ISO 8601 in UTC; null stays null. */
export function isoTime(instant: number): string;
export function isoTime(instant: number | null): string | null;
export function isoTime(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
