import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPalette, wantsColor } from '../../../src/lib/color.ts';
import { formatUsd, listSome, plural } from '../../../src/lib/text.ts';
import { formatClock, formatDuration, isoTime } from '../../../src/lib/time.ts';

test.each([
  [undefined, {}, true, true],
  [undefined, {}, false, false],
  [undefined, { TERM: 'dumb' }, true, false],
  [undefined, { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
  [undefined, { NO_COLOR: '' }, true, true],
  [undefined, { FORCE_COLOR: '0' }, true, false],
  [undefined, { FORCE_COLOR: 'false' }, true, false],
  [undefined, { FORCE_COLOR: '1' }, false, true],
  [undefined, { FORCE_COLOR: '', TERM: 'dumb' }, false, true],
  [undefined, { CI: 'true' }, false, false],
  [undefined, { GITHUB_ACTIONS: 'true' }, false, true],
  [undefined, { GITHUB_ACTIONS: 'true', FORCE_COLOR: '0' }, false, false],
  [true, { NO_COLOR: '1' }, false, true],
  [false, { FORCE_COLOR: '1' }, true, false],
])('colour: flag %s, %j, terminal %s → %s', (flag, env, isTTY, expected) => {
  expect(wantsColor({ flag, env, isTTY })).toBe(expected);
});

test('a palette that is off returns the text as it is', () => {
  expect(createPalette(false).red('x')).toBe('x');
  expect(createPalette(true).red('x')).toBe('\u001B[31mx\u001B[39m');
});

test.each([
  [0, '0s'], [-5, '0s'], [Number.NaN, '0s'], [Number.POSITIVE_INFINITY, '0s'], [440, '0.4s'], [3000, '3s'], [9999, '9.9s'], [12_900, '12s'],
  [59_999, '59s'], [60_000, '1m00s'], [252_000, '4m12s'], [4_080_000, '1h08m'], [172_799_999, '47h59m'], [172_800_000, '2d00h'], [183_600_000, '2d03h'],
])('%d ms reads %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('durations are short', () => {
  fc.assert(fc.property(fc.double({ max: 1e12 }), (ms) => /^(\d\d?(\.\d)?s|\d\d?m\d\ds|\d\d?h\d\dm|\d+d\d\dh)$/.test(formatDuration(ms))));
  expect(formatClock(3999)).toBe('3s');
  expect(isoTime(null)).toBeNull();
  expect(isoTime(Date.UTC(2026, 10, 20))).toBe('2026-11-20T00:00:00.000Z');
});

test('words', () => {
  expect([plural(1, 'task'), plural(0, 'task')]).toEqual(['1 task', '0 tasks']);
  expect([listSome(['a', 'b'], 2), listSome(['a', 'b', 'c'], 2), listSome(['a'], 0), listSome([], 3)]).toEqual(['a, b', 'a, b and 1 more', '1 more', '']);
  expect([formatUsd(0), formatUsd(1.25), formatUsd(0.0012), formatUsd(12.4)]).toEqual(['$0.00', '$1.25', '$0.0012', '$12.40']);
});
