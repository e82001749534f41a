// Text from strangers is inert, and cut to columns without splitting anything.
import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { cutToWidth, padToWidth, safeText, textWidth, wrapToWidth } from '../../../src/lib/terminal.ts';
import { tries } from '../../support/tries.ts';

const ESC = '\u001B';
const hostile: readonly (readonly [what: string, text: string, safe: string])[] = [
  ['colour', `${ESC}[31mred${ESC}[0m`, 'red'],
  ['cursor and erase', `a${ESC}[2A${ESC}[2Kb`, 'ab'],
  ['title', `a${ESC}]0;owned\u0007b`, 'ab'],
  ['clipboard', `a${ESC}]52;c;ZXZpbA==${ESC}\\b`, 'ab'],
  ['hyperlink', `${ESC}]8;;http://evil${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
  ['device control', `a${ESC}P+q544e${ESC}\\b`, 'ab'],
  ['application command', `a${ESC}_Gf=100;AAAA${ESC}\\b`, 'ab'],
  ['C1 introducers', 'a\u009B31mb\u009D0;t\u009Cc\u0090q\u009Cd', 'abcd'],
  ['reset', `a${ESC}cb`, 'ab'],
  ['character set', `a${ESC}(0b`, 'ab'],
  ['bell and backspace', 'a\u0007b\u0008\u0008c', 'abc'],
  ['carriage return', 'failed\rpassed', 'failed passed'],
  ['tab and line ends', 'a\tb\nc\u2028d', 'a b c d'],
  ['bidi', 'a\u202Eb\u2066c\u200Fd', 'abcd'],
  ['zero width and soft hyphen', 'a\u200Bb\u00ADc\uFEFFd\u2060e', 'abcde'],
  ['tags', 'a\u{E0041}\u{E007F}b', 'ab'],
  ['variation selectors', 'a\uFE0Fb\u{E0100}c', 'abc'],
  ['lone surrogates', 'a\uD83Db\uDE00c', 'a\uFFFDb\uFFFDc'],
  ['unfinished', `a${ESC}]0;never ends`, 'a0;never ends'],
  ['unfinished at the end', `a${ESC}[`, 'a'],
  ['nested', `${ESC}[3${ESC}[31m1mx`, '31mx'],
  ['plain', 'Grüße, 漢字 👍🏽 é', 'Grüße, 漢字 👍🏽 é'],
];

test.each(hostile)('%s', (_what, text, safe) => {
  expect(safeText(text)).toBe(safe);
});

const nasty = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(ESC, `${ESC}]`, `${ESC}[`, '\u009B', '\u0007', '\uD83D', '\uDE00', '\u202E', '0;', 'm', '👍')), { maxLength: 30 }).map((parts) => parts.join(''));

test('nothing that a terminal obeys or cannot show is left, and doing it twice changes nothing', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const safe = safeText(text);
      expect(safe).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u);
      expect(safeText(safe)).toBe(safe);
    }),
    { numRuns: tries(2000) },
  );
});

test('a cut text fits, is a beginning of the whole, and uses the room', () => {
  fc.assert(
    fc.property(nasty.map(safeText), fc.integer({ min: -1, max: 60 }), (text, columns) => {
      const cut = cutToWidth(text, columns);
      expect(textWidth(cut)).toBeLessThanOrEqual(Math.max(0, columns));
      if (columns > 0 && stringWidth(text) <= columns && text.length < columns * 8) expect(cut).toBe(text);
      if (cut !== text && columns > 0) {
        expect(cut.endsWith('…')).toBe(true);
        expect(text.startsWith(cut.slice(0, -1))).toBe(true);
      }
    }),
    { numRuns: tries(2000) },
  );
});

test('wide characters and clusters are not split', () => {
  expect(cutToWidth('漢字漢字', 5)).toBe('漢字…');
  expect(cutToWidth('漢字漢字', 6)).toBe('漢字…');
  expect(cutToWidth('👍🏽👍🏽👍🏽', 4)).toBe('👍🏽…');
  expect(cutToWidth('abc', 3)).toBe('abc');
  expect(cutToWidth('abcd', 3)).toBe('ab…');
  expect(padToWidth('漢', 4)).toBe('漢  ');
  expect(textWidth(`${ESC}[31mred${ESC}[39m`)).toBe(3);
});

test('time is linear: a megabyte of anything is quick', () => {
  const length = 1_400_000;
  const texts = [ESC, `${ESC}]`, `${ESC}[`, '\u009D', `a${ESC}`, 'a\u200B', '\uD800a', `${ESC}[31mx`, `${ESC}]0;x\u0007`, '漢', 'a'].map((part) => part.repeat(length / part.length));
  texts.push(`${ESC}[${'0'.repeat(length)}`, `${ESC}]0;${'a'.repeat(length)}`, `a${'\u0301'.repeat(length)}`);
  for (const text of texts) {
    // A quadratic search would take minutes: more than a test may.
    expect(textWidth(cutToWidth(safeText(text), 80))).toBeLessThanOrEqual(80);
  }
});

test('what is taken for narrow without asking is', () => {
  const narrow = [[0x20, 0x7e], [0xa1, 0xac], [0xae, 0x2ff], [0x2010, 0x2027], [0x2190, 0x21ff], [0x2500, 0x25fc], [0x2713, 0x2718], [0x2800, 0x28ff]] as const;
  for (const [from, to] of narrow) {
    for (let code = from; code <= to; code += 1) expect(stringWidth(String.fromCharCode(code)), code.toString(16)).toBe(1);
  }
});

test('lines are broken at spaces, fit, and lose nothing but the spaces and what is beyond the last of them', () => {
  expect(wrapToWidth('make the tests of the parser pass', 12, 9)).toEqual(['make the', 'tests of the', 'parser pass']);
  expect(wrapToWidth('abcdefghij', 4, 9)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrapToWidth('', 4, 9)).toEqual(['']);
  expect(wrapToWidth('x'.repeat(1_000_000), 10, 3)).toEqual(['x'.repeat(10), 'x'.repeat(10), `${'x'.repeat(9)}…`]);
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'b ', '日', '👩‍👩‍👧', 'é', ' '), maxLength: 60 }), fc.integer({ min: 2, max: 20 }), (raw, columns) => {
    const text = safeText(raw);
    const lines = wrapToWidth(text, columns, 100);
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns);
    expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
  }), { numRuns: tries(300) });
});
