import * as fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { MAX_LINE_BYTES, decodeLine, encodeLine } from '../../../src/journal/line.ts';
import { forEachLine } from '../../../src/journal/lines.ts';
import { tries } from '../../support/tries.ts';

const json = fc.jsonValue().map((value) => JSON.stringify(value));

test('a line gives back its text, and no flipped bit goes unseen', () => {
  fc.assert(
    fc.property(json, fc.nat(), fc.integer({ min: 0, max: 7 }), (text, at, bit) => {
      const bytes = Buffer.from(encodeLine(text)).subarray(0, -1);
      expect(decodeLine(bytes)).toBe(text);
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
      expect(decodeLine(bytes)).toBeNull();
    }),
    { numRuns: tries(1000) },
  );
});

test.each(['', ' ', '00000000', '00000000 ', 'ABCDEF12 {}', '+0000001 {}', '0x00001a {}'])('%j is no line', (text) => {
  expect(decodeLine(Buffer.from(text))).toBeNull();
});

test('an upper-case checksum is refused, though it names the same number', () => {
  const line = encodeLine('{"a":1}').slice(0, -1);
  expect(decodeLine(Buffer.from(line))).toBe('{"a":1}');
  expect(decodeLine(Buffer.from(line.slice(0, 8).toUpperCase() + line.slice(8)))).toBeNull();
});

test('lines of any length come whole and with their offset, whatever the size of the reads', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'orch-lines-'));
  const file = path.join(dir, 'lines');
  const lengths = [0, 1, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 5, 0, 0, 17, 2 * MAX_LINE_BYTES + 10, 4];
  writeFileSync(file, `${lengths.map((length, index) => String(index).repeat(length)).join('\n')}\nrest`);
  const seen: { length: number | null; byte: number; line: number }[] = [];
  const end = await forEachLine(file, (bytes, line, byte) => {
    expect(bytes === null || bytes.every((value) => value === 48 + line - 1)).toBe(true);
    seen.push({ length: bytes?.length ?? null, byte, line });
    return true;
  });
  rmSync(dir, { recursive: true });
  expect(seen.map((entry) => entry.length)).toEqual(lengths.map((length) => (length > MAX_LINE_BYTES ? null : length)));
  const starts = lengths.map((_, index) => lengths.slice(0, index).reduce((sum, length) => sum + length + 1, 0));
  expect(seen.filter((entry) => entry.length !== null).map((entry) => entry.byte)).toEqual(starts.filter((_, index) => (lengths[index] ?? 0) <= MAX_LINE_BYTES));
  expect(end).toEqual({ bytes: (starts.at(-1) ?? 0) + 4 + 1 + 4, lines: lengths.length });
});
