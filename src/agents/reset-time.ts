// When a provider's limit is over, from the words of an error message. Only asked of messages that are errors: an
// agent's answer may say the same words. Pure; times without a zone are of the zone that this process has, as its agents' are.
import type { Instant } from '../run/events.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, sec: 1000, m: 60_000, min: 60_000, h: 3_600_000, hr: 3_600_000, d: 86_400_000, day: 86_400_000 };
const AMOUNT = String.raw`\d+(?:\.\d+)?\s*(?:ms|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?)(?![a-z])`;
const RELATIVE = new RegExp(String.raw`(?:\bin|after|within)\s+((?:${AMOUNT}[\s,]*)+)`, 'i');
const CLOCK = /\b(?:at|resets|on)\s+(?:([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(?:(\d{4})\s+)?(?:at\s+)?)?(\d{1,2}):(\d{2})\s*([ap]m)?(?:\s*\((UTC)\))?/i;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY_MS = 86_400_000;

/** The instant that a message names, or null: `…|1795165550`, `try again in 2s`, `try again at 8:36 AM`, `resets Nov 23, 8:36am (UTC)`. */
export function resetTimeIn(text: string, now: Instant): Instant | null {
  const seconds = /limit reached\|(\d{9,11})\b/i.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1000;
  const relative = RELATIVE.exec(text)?.[1];
  if (relative !== undefined) return now + durationOf(relative);
  const clock = CLOCK.exec(text);
  return clock === null ? null : clockTime(clock, now);
}

function durationOf(text: string): number {
  let total = 0;
  for (const [, amount = '0', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    const name = unit.toLowerCase();
    total += Number(amount) * (UNIT_MS[name] ?? UNIT_MS[name.replace(/(ute|ond|our|r)?s?$/, '')] ?? 0);
  }
  return Math.ceil(total);
}

/** The next time that a clock shows this, or that of the day that is named. */
function clockTime([, month, day, year, hourText = '', minuteText = '', half, zone]: RegExpExecArray, now: Instant): Instant | null {
  const hour = half === undefined ? Number(hourText) : (Number(hourText) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  const minute = Number(minuteText);
  const today = new Date(now);
  const isUtc = zone !== undefined;
  const at = (y: number, m: number, d: number): Instant => (isUtc ? Date.UTC(y, m, d, hour, minute) : new Date(y, m, d, hour, minute).getTime());
  const [thisYear, thisMonth, thisDay] = isUtc ? [today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()] : [today.getFullYear(), today.getMonth(), today.getDate()];
  if (month === undefined) {
    const time = at(thisYear, thisMonth, thisDay);
    return time > now ? time : at(thisYear, thisMonth, thisDay + 1);
  }
  const index = MONTHS.indexOf(month.toLowerCase());
  if (index === -1) return null;
  if (year !== undefined) return at(Number(year), index, Number(day));
  const time = at(thisYear, index, Number(day));
  return time > now - DAY_MS ? time : at(thisYear + 1, index, Number(day));
}
