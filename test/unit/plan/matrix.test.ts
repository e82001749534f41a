// `strategy.matrix` against what GitHub Actions documents: combinations, their order, `exclude` by part, `include` that
// extends and `include` that adds. Each case is a manifest; `a:1 b:2` is one combination.
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../src/manifest/parse.ts';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import { combinationsOf, countOf } from '../../../src/plan/matrix.ts';
import type { MatrixFields } from '../../../src/manifest/schema.ts';

function matrixOf(matrix: string): MatrixFields {
  const parsed = parseManifest(`tasks: { t: { run: x, strategy: { matrix: ${matrix} } } }`, { file: 't' });
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics));
  const fields = parsed.manifest.tasks[0]?.fields.strategy?.matrix;
  if (fields === undefined) throw new Error('no matrix');
  return fields;
}
const shown = (matrix: string): string[] => combinationsOf(matrixOf(matrix)).map((one) => Object.entries(one).map(([name, value]) => `${name}:${value}`).join(' '));

const FRUIT = 'fruit: [apple, pear], animal: [cat, dog]';

describe('the documented examples', () => {
  it.each<[string, string, string[]]>([
    ['one axis', '{ version: [10, 12, 14] }', ['version:10', 'version:12', 'version:14']],
    ['two axes: the first varies slowest', '{ os: [ubuntu, windows], version: [10, 12, 14] }',
      ['os:ubuntu version:10', 'os:ubuntu version:12', 'os:ubuntu version:14', 'os:windows version:10', 'os:windows version:12', 'os:windows version:14']],
    ['the example of `include`', `{ ${FRUIT}, include: [{ color: green }, { color: pink, animal: cat }, { fruit: apple, shape: circle }, { fruit: banana }, { fruit: banana, animal: cat }] }`,
      ['fruit:apple animal:cat color:pink shape:circle', 'fruit:apple animal:dog color:green shape:circle', 'fruit:pear animal:cat color:pink', 'fruit:pear animal:dog color:green', 'fruit:banana', 'fruit:banana animal:cat']],
    ['expanding one configuration', '{ os: [windows, ubuntu], node: [14, 16], include: [{ os: windows, node: 16, npm: 6 }] }',
      ['os:windows node:14', 'os:windows node:16 npm:6', 'os:ubuntu node:14', 'os:ubuntu node:16']],
    ['adding one configuration', '{ os: [macos, windows, ubuntu], version: [12, 14, 16], include: [{ os: windows, version: 17 }] }',
      ['os:macos version:12', 'os:macos version:14', 'os:macos version:16', 'os:windows version:12', 'os:windows version:14', 'os:windows version:16', 'os:ubuntu version:12', 'os:ubuntu version:14', 'os:ubuntu version:16', 'os:windows version:17']],
    ['nothing but `include`', '{ include: [{ site: production, datacenter: site-a }, { site: staging, datacenter: site-b }] }', ['site:production datacenter:site-a', 'site:staging datacenter:site-b']],
    ['the example of `exclude`', '{ os: [macos, windows], version: [12, 14, 16], environment: [staging, production], exclude: [{ os: macos, version: 12, environment: production }, { os: windows, version: 16 }] }',
      ['os:macos version:12 environment:staging', 'os:macos version:14 environment:staging', 'os:macos version:14 environment:production', 'os:macos version:16 environment:staging', 'os:macos version:16 environment:production',
        'os:windows version:12 environment:staging', 'os:windows version:12 environment:production', 'os:windows version:14 environment:staging', 'os:windows version:14 environment:production']],
  ])('%s', (_, matrix, expected) => {
    expect(shown(matrix)).toEqual(expected);
  });
});

describe('include', () => {
  it.each<[string, string, string[]]>([
    ['extends all when it names no axis', `{ ${FRUIT}, include: [{ n: 1 }] }`, ['fruit:apple animal:cat n:1', 'fruit:apple animal:dog n:1', 'fruit:pear animal:cat n:1', 'fruit:pear animal:dog n:1']],
    ['extends those that have its values', '{ a: [1, 2], b: [3, 4], include: [{ a: 1, x: y }] }', ['a:1 b:3 x:y', 'a:1 b:4 x:y', 'a:2 b:3', 'a:2 b:4']],
    ['with a whole combination and nothing new changes nothing', '{ a: [1, 2], include: [{ a: 1 }] }', ['a:1', 'a:2']],
    ['never overwrites an original value: it adds', '{ a: [1, 2], b: [3], include: [{ a: 9, b: 3 }] }', ['a:1 b:3', 'a:2 b:3', 'a:9 b:3']],
    ['adds when one of two axes differs', '{ a: [1], b: [2], include: [{ a: 1, b: 9, x: y }] }', ['a:1 b:2', 'a:1 b:9 x:y']],
    ['may overwrite what came by an earlier one', '{ a: [1, 2], include: [{ c: red }, { a: 2, c: blue }] }', ['a:1 c:red', 'a:2 c:blue']],
    ['in the order of the list: a later general one wins', '{ a: [1, 2], include: [{ a: 2, c: blue }, { c: red }] }', ['a:1 c:red', 'a:2 c:red']],
    ['does not extend what an earlier one added', '{ a: [1], include: [{ a: 2 }, { a: 2, x: y }] }', ['a:1', 'a:2', 'a:2 x:y']],
    ['without an axis does not extend what was added', '{ a: [1], include: [{ a: 2 }, { x: y }] }', ['a:1 x:y', 'a:2']],
    ['twice the same adds twice', '{ a: [1], include: [{ a: 2 }, { a: 2 }] }', ['a:1', 'a:2', 'a:2']],
    ['comes after exclude, and can bring back', '{ a: [1, 2], exclude: [{ a: 2 }], include: [{ a: 2, x: y }] }', ['a:1', 'a:2 x:y']],
    ['extends nothing that was excluded', '{ a: [1, 2], exclude: [{ a: 1 }], include: [{ a: 1, x: y }] }', ['a:2', 'a:1 x:y']],
    ['stands alone when all was excluded', '{ a: [1], exclude: [{ a: 1 }], include: [{ b: 2 }, { c: 3 }] }', ['b:2', 'c:3']],
    ['alone: each is its own, none extends another', '{ include: [{ a: 1 }, { b: 2 }, { a: 1, b: 2 }] }', ['a:1', 'b:2', 'a:1 b:2']],
    ['keeps the order of its names', '{ a: [1], include: [{ z: 1, y: 2 }] }', ['a:1 z:1 y:2']],
    ['several extensions of one', '{ a: [1, 2], include: [{ a: 1, x: 1 }, { a: 1, y: 2 }, { a: 2, z: 3 }] }', ['a:1 x:1 y:2', 'a:2 z:3']],
    ['an empty entry extends all with nothing', '{ a: [1, 2], include: [{}] }', ['a:1', 'a:2']],
  ])('%s', (_, matrix, expected) => {
    expect(shown(matrix)).toEqual(expected);
  });
});

describe('exclude', () => {
  it.each<[string, string, string[]]>([
    ['by one axis takes all that have it', '{ a: [1, 2], b: [3, 4], exclude: [{ a: 1 }] }', ['a:2 b:3', 'a:2 b:4']],
    ['by two axes takes one', '{ a: [1, 2], b: [3, 4], exclude: [{ a: 1, b: 4 }] }', ['a:1 b:3', 'a:2 b:3', 'a:2 b:4']],
    ['of what is not there takes nothing', '{ a: [1, 2], exclude: [{ a: 9 }] }', ['a:1', 'a:2']],
    ['several take their union', '{ a: [1, 2, 3], exclude: [{ a: 1 }, { a: 3 }] }', ['a:2']],
    ['everything leaves nothing', '{ a: [1], exclude: [{ a: 1 }] }', []],
    ['an empty entry takes everything', '{ a: [1, 2], exclude: [{}] }', []],
    ['does not look at what include brings', '{ a: [1], exclude: [{ a: 2 }], include: [{ a: 2 }] }', ['a:1', 'a:2']],
  ])('%s', (_, matrix, expected) => {
    expect(shown(matrix)).toEqual(expected);
  });
});

describe('values', () => {
  it.each<[string, string, string[]]>([
    ['numbers and booleans as they were written', '{ v: [1.10, 010, true, "x"] }', ['v:1.10', 'v:010', 'v:true', 'v:x']],
    ['a number and its text are the same', '{ v: [1.10, 2], exclude: [{ v: "2" }], include: [{ v: "1.10", x: y }] }', ['v:1.10 x:y']],
    ['an empty text is a value', '{ v: ["", a] }', ['v:', 'v:a']],
    ['names that objects have', '{ constructor: [1], toString: [2], exclude: [{ constructor: 9 }] }', ['constructor:1 toString:2']],
  ])('%s', (_, matrix, expected) => {
    expect(shown(matrix)).toEqual(expected);
  });
  it('are counted without being made', () => {
    const digits = `[${Array.from({ length: 300 }, (_, i) => i).join(', ')}]`;
    expect(countOf(matrixOf(`{ a: ${digits}, b: ${digits}, c: ${digits}, include: [{ a: 1 }] }`))).toBe(27_000_001);
    expect(countOf(matrixOf('{ include: [{ a: 1 }] }'))).toBe(1);
  });
});
