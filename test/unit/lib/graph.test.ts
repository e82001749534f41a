// Stages and cycles of random graphs, against definitions that are too slow to use.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cyclesOf, stagesOf } from '../../../src/lib/graph.ts';

const graph: fc.Arbitrary<number[][]> = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { maxLength: 12 }).map((lists) => lists.map((list) => list.map((node) => node % lists.length)));

describe('stagesOf', () => {
  it('puts every node after its needs, or among the stuck, and never in both', () => {
    fc.assert(fc.property(graph, (needs) => {
      const { stages, stuck } = stagesOf(needs);
      const stageOf = new Map(stages.flatMap((stage, index) => stage.map((node) => [node, index] as const)));
      expect([...stageOf.keys(), ...stuck].toSorted((a, b) => a - b)).toEqual(needs.map((_, node) => node));
      for (const [node, stage] of stageOf) {
        for (const need of needs[node] ?? []) expect(stageOf.get(need) ?? Infinity).toBeLessThan(stage);
      }
      for (const node of stuck) expect((needs[node] ?? []).some((need) => stuck.includes(need))).toBe(true);
    }));
  });
  it('takes a chain of 100,000 without recursion', () => {
    const { stages } = stagesOf(Array.from({ length: 100_000 }, (_, node) => (node === 0 ? [] : [node - 1])));
    expect(stages).toHaveLength(100_000);
  });
});

describe('cyclesOf', () => {
  it('finds a cycle exactly if some node is stuck, and each is one', () => {
    fc.assert(fc.property(graph, (needs) => {
      const { stuck } = stagesOf(needs);
      const cycles = cyclesOf(needs, stuck);
      expect(cycles.length > 0).toBe(stuck.length > 0);
      for (const cycle of cycles) {
        cycle.forEach((node, index) => expect(needs[node]).toContain(cycle[(index + 1) % cycle.length]));
        expect(new Set(cycle).size).toBe(cycle.length);
      }
      expect(new Set(cycles.flat()).size).toBe(cycles.flat().length);
    }));
  });
  it('takes a ring of 100,000', () => {
    const needs = Array.from({ length: 100_000 }, (_, node) => [(node + 1) % 100_000]);
    expect(cyclesOf(needs, stagesOf(needs).stuck)).toHaveLength(1);
  });
});
