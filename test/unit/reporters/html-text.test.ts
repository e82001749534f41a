// Texts of the page: what cannot be seen is spelled out, cuts keep whole lines, packing gives back what it was given.
import fc from 'fast-check';
import { inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decode85, encode85 } from '../../../src/reporters/html/base85.ts';
import { keepEnd, keepStart } from '../../../src/reporters/html/cut-text.ts';
import { dictionaryOf, packText } from '../../../src/reporters/html/pack.ts';
import { rowFilter, wordCounts } from '../../../src/reporters/html/viewer/filter.ts';
import type { RowPayload } from '../../../src/reporters/html/payload.ts';
import { stretches } from '../../../src/reporters/html/viewer/text.ts';

test('controls, bidi overrides and invisible characters are spelled out; tabs and pictographs stay', () => {
  const shown = (text: string): string => stretches(text).map(({ text: part, isHidden }) => (isHidden ? `[${part}]` : part)).join('');
  expect(shown('a\u001B[31mred\u0007')).toBe('a[^[][31mred[^G]');
  expect(shown('if (x\u202E) {\u2066')).toBe('if (x[U+202E]) {[U+2066]');
  expect(shown('zero\u200Bwidth\uFEFF\u00AD\u{E0041}')).toBe('zero[U+200B]width[U+FEFF][U+00AD][U+E0041]');
  expect(shown('\tok ⚠️ 👩‍💻 ünï 日本')).toBe('\tok ⚠️ 👩‍💻 ünï 日本');
  expect(shown('del\u007F c1\u009B half\uD800')).toBe('del[^?] c1[U+009B] half[U+D800]');
});

test('cuts lose nothing silently', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '\n', '😀'), maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, most) => {
    const [start, end] = [keepStart(text, most), keepEnd(text, most)];
    expect(text.startsWith(start.text)).toBe(true);
    expect(text.endsWith(end.text)).toBe(true);
    for (const cut of [start, end]) {
      expect(cut.text.length + cut.dropped).toBe(text.length);
      expect(cut.text.length).toBeLessThanOrEqual(most);
      expect(cut.text).not.toMatch(/\p{Cs}/u);
    }
  }));
  expect(keepStart('one\ntwo\nthree', 9)).toEqual({ text: 'one\ntwo\n', dropped: 5 });
  expect(keepEnd('one\ntwo\nthree', 9)).toEqual({ text: 'two\nthree', dropped: 4 });
  expect(keepEnd('one\ntwo\nthree', 7)).toEqual({ text: 'three', dropped: 8 });
});

test('bytes come back from their characters, which need no escaping', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
    const text = encode85(bytes);
    expect(text).toMatch(/^[^<>&"'`\\\s-]*$/);
    expect(text.length).toBe(Math.ceil((bytes.length * 5) / 4));
    expect([...decode85(text)]).toEqual([...bytes]);
  }));
  expect(() => decode85('ab<cd')).toThrow(RangeError);
});

test('a packed text needs the dictionary and nothing else, and is the smaller for it', async () => {
  const text = JSON.stringify({ diff: Array.from({ length: 40 }, (_, i) => `+export const value${i} = reducer(state${i * 7}, action);`).join('\n') });
  const dictionary = dictionaryOf([text.replaceAll('7', '8')]);
  const packed = await packText(text, dictionary);
  expect(inflateRawSync(decode85(packed), { dictionary }).toString()).toBe(text);
  expect(packed.length).toBeLessThan((await packText(text, new Uint8Array())).length / 2);
  expect(dictionaryOf(Array.from({ length: 16 }, () => 'x'.repeat(50_000))).length).toBeLessThanOrEqual(32_768);
});

const row = (id: string, over: Partial<RowPayload> = {}): RowPayload => ({
  id, name: `The ${id}`, word: 'completed', tone: 'good', reason: null, agent: 'claude', head: null,
  filesChanged: 0, insertions: 0, deletions: 0, costUsd: null, durationMs: null, ...over,
});

test('a filter asks for every word, in any case, and for one of the outcomes', () => {
  const rows = [row('api.one'), row('api.two', { word: 'failed', tone: 'bad', reason: 'verify-failed' }), row('docs')];
  const ids = (filter: Partial<Parameters<typeof rowFilter>[0]>, reviewed: readonly string[] = []): string[] =>
    rows.filter(rowFilter({ text: '', words: new Set(), isUnreviewedOnly: false, ...filter }, ({ id }) => reviewed.includes(id))).map(({ id }) => id);
  expect(ids({})).toEqual(['api.one', 'api.two', 'docs']);
  expect(ids({ text: 'API  verify' })).toEqual(['api.two']);
  expect(ids({ text: 'the docs' })).toEqual(['docs']);
  expect(ids({ words: new Set(['completed']) })).toEqual(['api.one', 'docs']);
  expect(ids({ words: new Set(['completed', 'failed']), text: 'api', isUnreviewedOnly: true }, ['api.one'])).toEqual(['api.two']);
  expect(ids({}, ['docs'])).toContain('docs');
  expect(wordCounts(rows)).toEqual([{ word: 'failed', tone: 'bad', count: 1 }, { word: 'completed', tone: 'good', count: 2 }]);
});
