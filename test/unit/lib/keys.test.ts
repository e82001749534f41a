// Keys from what a terminal sends, however it is divided.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyReader } from '../../../src/lib/keys.ts';

const read = (...parts: string[]): string[] => {
  const reader = new KeyReader();
  return [...parts.flatMap((part) => reader.push(part)), ...reader.flush()];
};

test.each([
  ['\u001B[A\u001BOB', ['up', 'down']], ['\u001B[5~\u001B[6~', ['page-up', 'page-down']], ['\u001B[H\u001B[4~', ['home', 'end']],
  ['jk/é😀', ['j', 'k', '/', 'é', '😀']], ['\r\u007F\u0003', ['enter', 'backspace', 'interrupt']],
  ['\u001B', ['escape']], ['\u001B\u001B[A', ['escape', 'up']], ['\u001Bq', ['escape', 'q']], ['\u001B[', ['escape']],
  // Mouse reports, focus, bracketed paste and function keys are no letters.
  ['\u001B[<0;1;1Mx', ['x']], ['\u001B[I\u001B[200~x\u001B[15~', ['x']], ['\u001BOPq', ['q']], ['\u001B[1;5A\u0000\u0001', []],
])('%j', (text, keys) => {
  expect(read(text)).toEqual(keys);
});

test('the same keys however the text is divided', () => {
  const piece = fc.constantFrom('\u001B[A', '\u001B[6~', '\u001BOF', 'a', '\r', 'é', '\u001B[1;5C');
  fc.assert(fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
    const text = pieces.join('');
    expect(read(...text.split(''))).toEqual(read(text));
  }));
});
