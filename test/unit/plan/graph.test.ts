// Waves, dependents, and the pairs of tasks that may meet in a file.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from '../../../src/lib/glob.ts';
import { dependentsOf, waves } from '../../../src/plan/graph.ts';
import { overlaps } from '../../../src/plan/overlaps.ts';
import type { PlannedTask } from '../../../src/plan/plan.ts';
import { tries } from '../../support/tries.ts';

function task(id: string, given: Partial<PlannedTask>): PlannedTask {
  return {
    id, name: id, work: { kind: 'run', command: 'x' }, needs: [], env: {}, setup: [], verify: [], expect: 'any', paths: null, timeoutMs: 1, idleTimeoutMs: null,
    retries: 0, retryOn: [], continueOnError: false, concurrency: null, branch: id, ...given,
  };
}
const plan = (...tasks: [string, Partial<PlannedTask>][]) => ({ tasks: tasks.map(([id, given]) => task(id, given)) });
const pairs = (made: { readonly tasks: readonly PlannedTask[] }) => overlaps(made).pairs.map((one) => one.tasks.join('+'));

describe('waves', () => {
  it('are the order of work', () => {
    expect(waves(plan(['c', { needs: ['b'] }], ['b', { needs: ['a'] }], ['a', {}], ['d', {}])).map((wave) => wave.map(({ id }) => id))).toEqual([['a', 'd'], ['b'], ['c']]);
  });
  it('respect needs', () => {
    const graphs = fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 20 });
    fc.assert(fc.property(graphs, (needs) => {
      const made = plan(...needs.map((list, index): [string, Partial<PlannedTask>] => [`t${index}`, { needs: list.filter((need) => need < index).map((need) => `t${need}`) }]));
      const wave = new Map(waves(made).flatMap((wave, index) => wave.map(({ id }) => [id, index] as const)));
      expect(wave.size).toBe(made.tasks.length);
      for (const { id, needs: theirs } of made.tasks) for (const need of theirs) expect(wave.get(need)).toBeLessThan(wave.get(id) ?? 0);
    }));
  });
});

describe('dependentsOf', () => {
  it('turns needs round', () => {
    expect([...dependentsOf(plan(['a', {}], ['b', { needs: ['a'] }], ['c', { needs: ['a', 'b'] }]))]).toEqual([['a', ['b', 'c']], ['b', ['c']], ['c', []]]);
  });
});

describe('overlaps', () => {
  it.each([
    [['src/**'], ['src/a/b.ts'], true], [['src/**'], ['docs/**'], false], [['src/a/**'], ['src/ab/**'], false], [['**'], ['x'], true], [['src'], ['src/a.ts'], true],
    [['src/*.ts'], ['src/*.md'], false], [['src/*.ts'], ['src/a*.ts'], true], [['src/*.ts'], ['src/a/b.ts'], false], [['src/*.ts'], ['src/a.ts'], true], [['a.ts'], ['a.ts'], true],
    [['src/*.ts'], ['src/deep/er/x.ts'], false], [['src/*.ts'], ['src/x/**'], false], [['src/*/b.ts'], ['src/x/*'], true], [['srcs/**'], ['src/**'], false], [['**/*.md'], ['src/**'], true], [['./src/**'], ['src/x.ts'], true],
    [['a/**', '!a/b'], ['a/b'], true], [['!a/b'], ['a/b'], false], [['**/*.ts'], ['src/a.ts'], true], [['**/*.ts'], ['src/**'], true], [['{a,b}/**'], ['b/x'], true],
  ])('%j with %j: %s', (a, b, meet) => {
    expect(pairs(plan(['a', { paths: a }], ['b', { paths: b }]))).toEqual(meet ? ['a+b'] : []);
    expect(pairs(plan(['a', { paths: b }], ['b', { paths: a }]))).toEqual(meet ? ['a+b'] : []);
  });
  it('are none between tasks that wait for each other, however indirectly', () => {
    const paths = ['src/**'];
    expect(pairs(plan(['a', { paths }], ['b', { needs: ['a'] }], ['c', { paths, needs: ['b'] }], ['d', { paths }], ['e', {}]))).toEqual(['a+d', 'c+d']);
    expect(pairs(plan(['a', { paths, needs: ['b'] }], ['b', { paths }]))).toEqual([]);
  });
  it('are cut, and say so', () => {
    const made = plan(...Array.from({ length: 100 }, (_, index): [string, Partial<PlannedTask>] => [`t${index}`, { paths: ['**'] }]));
    expect([overlaps(made).pairs.length, overlaps(made).isCut, overlaps(made, 99_999).pairs.length, overlaps(made, 99_999).isCut]).toEqual([1000, true, 4950, false]);
  });
  it('miss no pair that a file proves', () => {
    const segment = fc.constantFrom('a', 'b', '*', '**', '*.ts', 'a.ts', '{a,b}', '?');
    const glob = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const file = fc.array(fc.constantFrom('a', 'b', 'a.ts'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    fc.assert(fc.property(glob, glob, file, (a, b, name) => {
      fc.pre(globMatcher([a])(name) && globMatcher([b])(name));
      expect(pairs(plan(['a', { paths: [a] }], ['b', { paths: [b] }]))).toEqual(['a+b']);
    }), { numRuns: tries(500) });
  });
});
