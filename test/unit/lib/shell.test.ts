// Data in shell texts: what the real `sh` reads is what was put in, wherever that was.
import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShellScanner, shellText, shellWords } from '../../../src/lib/shell.ts';
import { tries } from '../../support/tries.ts';

function quotingAfter(text: string): string {
  const scanner = new ShellScanner();
  scanner.feed(text);
  return scanner.quoting;
}

describe('where a text is', () => {
  it.each([
    ['echo ', 'none'], ['echo "', 'double'], ["echo '", 'single'], ['echo "a" ', 'none'], ["echo 'a' ", 'none'], ['echo \\"', 'none'], ['echo "\\"', 'double'], ["echo '\\", 'single'], ["echo '\\'", 'none'],
    ['echo "it\'s ', 'double'], ["echo 'say \"", 'single'], ['echo "$(cat ', 'none'], ['echo "$(cat "', 'double'], ['echo "$(cat ")', 'double'], ['echo "$(cat x) ', 'double'], ['(cd "x"; ', 'none'],
    ['echo `cat "', 'double'], ['echo "`cat ', 'none'], ['echo "`cat x` ', 'double'], ["# it's\necho ", 'none'], ["x # it's ", 'none'], ["x#it's ", 'single'], ['echo $#"', 'double'], ['case x in a) echo ', 'none'],
    ['echo "(', 'double'], ['echo ")', 'double'], ['', 'none'],
  ])('%j: %s', (text, quoting) => {
    expect(quotingAfter(text)).toBe(quoting);
  });
  it('does not depend on how it is fed', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '(', ')', '`', '#', ' ', '\n', 'a') }), fc.nat(20), (text, at) => {
      const scanner = new ShellScanner();
      scanner.feed(text.slice(0, at));
      scanner.feed(text.slice(at));
      expect(scanner.quoting).toBe(quotingAfter(text));
    }));
  });
});

describe('what sh reads', () => {
  const data = fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '`', '(', ')', ';', '&', '|', '*', '?', '~', '#', '!', '{', '}', '<', '>', ' ', '\n', 'a', '-', '=', 'é', '\t'), maxLength: 12 });
  // $(…) drops line ends, so that data in it is followed by a dot.
  const places = ['printf "%s\\0" @', 'printf "%s\\0" "@"', "printf '%s\\0' '@'", 'printf "%s\\0" "$(printf %s @; printf .)"', 'printf "%s\\0" "$(printf %s "@"; printf .)"', 'printf "%s\\0" "a"@"b"'];
  it('is what was put in, in every place', () => {
    fc.assert(fc.property(fc.array(data, { minLength: 1, maxLength: 8 }), (list) => {
      const lines = list.flatMap((text) => places.map((place) => place.split('@').reduce((before, after) => before + shellText(text, quotingOf(before)) + after)));
      const read = execFileSync('/bin/sh', ['-c', lines.join('\n')], { encoding: 'utf8', cwd: '/' }).split('\0').slice(0, -1);
      expect(read).toEqual(list.flatMap((text) => [text, text, text, `${text}.`, `${text}.`, `a${text}b`]));
    }), { numRuns: tries(40) });
  });
  it('is several words outside of quotes and one inside', () => {
    const read = (place: (words: string) => string, quoting: 'none' | 'double'): string[] => execFileSync('/bin/sh', ['-c', `printf '<%s>' ${place(shellWords(["a b", "c'd", '', '$HOME'], quoting))}`], { encoding: 'utf8' }).split(/(?<=>)/);
    expect(read((words) => words, 'none')).toEqual(['<a b>', "<c'd>", '<>', '<$HOME>']);
    expect(read((words) => `"${words}"`, 'double')).toEqual(["<a b c'd  $HOME>"]);
  });
  it('stays readable where it can', () => {
    expect(shellWords(['src/a.ts', 'x_y-1@2:3,4=5+6%7', 'a b'], 'none')).toBe("src/a.ts x_y-1@2:3,4=5+6%7 'a b'");
  });
});

const quotingOf = (text: string): 'none' | 'single' | 'double' => quotingAfter(text) as 'none' | 'single' | 'double';
