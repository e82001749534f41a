// The small pure pieces under manifests and plans: durations, slugs, nearest names, globs, command lines.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitCommand } from '../../../src/lib/argv.ts';
import { MAX_DURATION_MS, parseDuration } from '../../../src/lib/duration.ts';
import { globMatcher, staticPrefix, staysInside } from '../../../src/lib/glob.ts';
import { nearest } from '../../../src/lib/nearest.ts';
import { ID, isId, slug } from '../../../src/lib/slug.ts';

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000], ['20m', 1_200_000], ['1h30m', 5_400_000], ['2d', 172_800_000], ['5ms', 5], ['1m5ms', 60_005], ['0s', 0], ['1d2h3m4s5ms', 93_784_005],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
  it.each(['', '20', 'm', '30m1h', '1.5h', '-5s', '5 s', '5S', '1h30', 's5', '90s90s', '٣s'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
  it('fits a timer at its largest', () => {
    expect(MAX_DURATION_MS).toBeLessThan(2 ** 31);
    expect(parseDuration('24d')).toBe(MAX_DURATION_MS);
  });
});

describe('slug', () => {
  it.each([
    ['Fix the TypeError in src/components/Dashboard.tsx line 45', 'fix-the-typeerror-in-src-components'],
    ['  Über-Größe: café!  ', 'uber-gro-e-cafe'],
    ['修复', ''],
    ['--help', 'help'],
    ['a'.repeat(99), 'a'.repeat(40)],
  ])('%s', (text, expected) => {
    expect(slug(text)).toBe(expected);
  });
  it('is an id or nothing, whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const result = slug(text);
      return result === '' || (isId(result) && result.length <= 40);
    }));
  });
});

describe('ids', () => {
  it.each(['a', '1', 'a.b', 'a_b-c', 'docs.api-en', 'constructor', 'a'.repeat(64)])('%s is one', (text) => {
    expect(isId(text)).toBe(true);
  });
  it.each(['', 'A', '-b', '.a', '_a', 'a..b', 'a.', 'a.lock', '../x', 'a/b', 'a b', '__proto__', '🙂', 'é', 'a'.repeat(65), 'a\n'])('%j is none', (text) => {
    expect(isId(text)).toBe(false);
  });
  it('has no line end that a pattern with $ could let through', () => {
    expect(ID.test('a\n')).toBe(false);
  });
});

describe('nearest', () => {
  const keys = ['prompt', 'prompt-file', 'needs', 'timeout', 'max-parallel', 'run'];
  it.each([
    ['promt', 'prompt'], ['porpmt', 'prompt'], ['max_parallel', 'max-parallel'], ['maxParallel', 'max-parallel'], ['timeuot', 'timeout'], ['rnu', 'run'],
    ['xyzzy', undefined], ['', undefined], ['nedsx', undefined], ['paral', undefined], ['time', 'timeout'], ['prompt', 'prompt'],
  ])('%s → %s', (name, expected) => {
    expect(nearest(name, keys)).toBe(expected);
  });
  it('finds an exact name whatever else there is', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-z]{3,9}$/), { minLength: 1 }), fc.nat(), (names, at) => {
      const name = names[at % names.length] ?? '';
      return nearest(name, names) === name;
    }));
  });
});

describe('globs', () => {
  it.each([
    [['*'], 'a.b', true], [['docs.*'], 'docs.api-en', true], [['docs'], 'docs.api', false], [['a*', '!ab'], 'ab', false], [['a*', '!ab', 'ab'], 'ab', true],
    [['src/**'], 'src/.hidden/a', true], [['src/*'], 'src/a/b', false], [['{a,b}'], 'b', true], [[], 'a', false], [['!a'], 'b', false],
  ] as const)('%j on %s: %s', (globs, text, expected) => {
    expect(globMatcher(globs)(text)).toBe(expected);
  });
  it('knows the part of a glob that is no pattern', () => {
    expect(staticPrefix('./src/a/*.ts')).toEqual({ segments: ['src', 'a'], whole: false });
    expect(staticPrefix('src/a.ts')).toEqual({ segments: ['src', 'a.ts'], whole: true });
    expect(staticPrefix('**')).toEqual({ segments: [], whole: false });
  });
  it.each(['/etc', '../a', 'a/../../b', String.raw`a\b`, 'C:/x', '', '!', '!/etc'])('%j leads outside', (glob) => {
    expect(staysInside(glob)).toBe(false);
  });
});

describe('splitCommand', () => {
  it.each([
    ['./agent.sh --flag', ['./agent.sh', '--flag']], [`node 'my agent.js' "a b"`, ['node', 'my agent.js', 'a b']], [String.raw`a\ b c`, ['a b', 'c']], [`x ''`, ['x', '']],
  ])('%s', (line, words) => {
    expect(splitCommand(line)).toEqual({ ok: true, words });
  });
  it.each(['a | b', 'a && b', 'echo $HOME', 'a > b', '`x`', "it's", '', '   '])('refuses %j', (line) => {
    expect(splitCommand(line).ok).toBe(false);
  });
});
