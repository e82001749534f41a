// Names of runs. Pure: the caller reads the clock.
import { slug } from '../lib/slug.ts';
import type { RunId } from './plan.ts';

/** A moment in UTC; months from 1. */
export interface DateParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Leaves room for the date and for the `-2` of a second run in the same second. */
const MAX_NAME = 40;

/** `<name>-<yyyymmdd>-<hhmmss>`; the name as a slug, `run` if nothing is left of it. */
export function runId(name: string, at: DateParts): RunId {
  const date = `${String(at.year).padStart(4, '0')}${two(at.month)}${two(at.day)}`;
  return `${slug(name, MAX_NAME) || 'run'}-${date}-${two(at.hour)}${two(at.minute)}${two(at.second)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
