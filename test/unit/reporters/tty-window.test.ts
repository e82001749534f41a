// Lines drawn in place: whatever was painted before, what is seen is what was asked for last.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Window } from '../../../src/reporters/tty-window.ts';
import { Screen } from '../../support/screen.ts';
import { tries } from '../../support/tries.ts';

const line = fc.stringMatching(/^[a-z]{0,19}$/);
const paint = fc.record({ permanent: fc.array(line, { maxLength: 3 }), live: fc.array(line, { maxLength: 9 }) });
const trimmed = (lines: readonly string[]): string[] => lines.slice(0, lines.findLastIndex((each) => each !== '') + 1);

test('the screen is all permanent lines and the last live ones, after every frame', () => {
  fc.assert(
    fc.property(fc.array(paint, { maxLength: 12 }), (paints) => {
      const screen = new Screen({ columns: 20, rows: 10 });
      const window = new Window(screen);
      window.open();
      const permanent: string[] = [];
      for (const frame of paints) {
        window.paint(frame.permanent, frame.live);
        permanent.push(...frame.permanent);
        expect(screen.everything()).toEqual(trimmed([...permanent, ...frame.live]));
        expect([screen.cursor.column, screen.overflowed, screen.cursorVisible, screen.autowrap, screen.synchronized]).toEqual([0, 0, false, true, false]);
        const { writes } = screen;
        window.paint([], frame.live);
        expect(screen.writes).toBe(writes);
      }
      window.close(['last']);
      window.close(['never']);
      expect(screen.everything()).toEqual([...permanent, 'last']);
      expect([screen.cursorVisible, screen.autowrap]).toEqual([true, true]);
    }),
    { numRuns: tries(1000) },
  );
});

test('a window that becomes narrower, wider, lower or higher shows the live lines once', () => {
  const size = fc.record({ columns: fc.integer({ min: 4, max: 40 }), rows: fc.integer({ min: 12, max: 30 }) });
  fc.assert(
    fc.property(size, fc.array(size, { minLength: 1, maxLength: 4 }), fc.array(fc.stringMatching(/^[a-z]{1,40}$/), { minLength: 1, maxLength: 3 }), (first, sizes, texts) => {
      const screen = new Screen(first);
      const window = new Window(screen);
      const cut = (columns: number): string[] => texts.map((text) => text.slice(0, columns - 1));
      window.open();
      window.paint(['above'.slice(0, 3)], cut(first.columns));
      for (const { columns, rows } of sizes) {
        screen.resize(columns, rows);
        window.paint([], cut(columns));
        expect(screen.everything()).toEqual(['abo', ...cut(columns)]);
      }
      window.close();
      expect(screen.everything()).toEqual(['abo']);
    }),
    { numRuns: tries(500) },
  );
});

test('more lines than rows are never drawn, and a stream without a size is 80 × 24', () => {
  const screen = new Screen({ columns: 20, rows: 5 });
  const window = new Window(screen);
  window.open();
  for (let frame = 0; frame < 5; frame += 1) window.paint([], Array.from({ length: 9 }, (_, i) => `${frame} ${i}`));
  expect(screen.everything()).toEqual(['4 0', '4 1', '4 2', '4 3']);
  expect(new Window({ isTTY: true, columns: Number.NaN, rows: 0, color: false, write: () => {} }).size()).toEqual({ columns: 80, rows: 24 });
});
