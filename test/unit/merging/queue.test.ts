// What the queue guarantees, over random branches with bad ones, pairs, clashes, needs, flakes, crashes and moves.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideMerge } from '../../../src/merging/decide.ts';
import { reduceQueue } from '../../../src/merging/reduce.ts';
import { initialQueue, type Candidate, type JobResult, type MergeFact, type QueueSettings } from '../../../src/merging/queue.ts';
import { candidate, random, simulate, type Model, type Seen } from './simulation.ts';
import { tries } from '../../support/tries.ts';

interface Scenario {
  readonly model: Model;
  readonly settings: QueueSettings;
  readonly bad: ReadonlySet<string>;
  readonly pairs: readonly (readonly [string, string])[];
  readonly isBaseRed: boolean;
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  n: fc.integer({ min: 0, max: 14 }), seed: fc.integer(), bad: fc.constantFrom(0, 0.1, 0.4), pairs: fc.integer({ min: 0, max: 3 }),
  clashing: fc.constantFrom(0, 0, 0.3), needing: fc.constantFrom(0, 0.3), flake: fc.constantFrom(0, 0, 0.2), broken: fc.constantFrom(0, 0, 0.1),
  isBaseRed: fc.constantFrom(false, false, false, true), slots: fc.integer({ min: 1, max: 5 }), batch: fc.constantFrom<'auto' | number>('auto', 1, 3),
  movesAt: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 2 }), crashesAt: fc.array(fc.integer({ min: 2, max: 60 }), { maxLength: 3 }),
  isStream: fc.boolean(), isUneven: fc.boolean(),
}).map((r) => {
  const next = random(r.seed);
  const ids = Array.from({ length: r.n }, (_, i) => `b${i}`);
  const files = new Map(ids.map((id) => [id, next() < r.clashing ? `shared${Math.floor(next() * 2)}` : `${id}.txt`]));
  const candidates: Candidate[] = ids.map((id, i) => candidate(id, {
    paths: [files.get(id) ?? id], priority: Math.floor(next() * 2), size: Math.floor(next() * 5),
    needs: i > 0 && next() < r.needing ? [`b${Math.floor(next() * i)}`] : [],
  }));
  const bad = new Set(ids.filter(() => next() < r.bad));
  const pick = (): string => ids[Math.floor(next() * ids.length)] ?? '';
  const pairs = r.n < 2 ? [] : Array.from({ length: r.pairs }, () => [pick(), pick()] as const).filter(([a, b]) => a !== b);
  const delays = new Map(ids.map((id) => [id, Math.floor(next() * 6)]));
  const model: Model = {
    candidates, seed: r.seed, flake: r.flake, broken: r.broken, movesAt: r.movesAt, crashesAt: r.crashesAt,
    isGreen: (set) => !r.isBaseRed && !pairs.some(([a, b]) => set.has(a) && set.has(b)) && ![...set].some((id) => bad.has(id)),
    clashes: (id, set) => (files.get(id)?.startsWith('shared') === true && [...set].some((other) => files.get(other) === files.get(id)) ? [files.get(id) ?? ''] : []),
    ...(r.isStream ? { arrivesAt: (id: string) => delays.get(id) ?? 0 } : {}),
    ...(r.isUneven ? { duration: () => 1 + Math.floor(next() * 4) } : {}),
  };
  return { model, bad, pairs, isBaseRed: r.isBaseRed, settings: { slots: r.slots, batch: r.batch } };
});

const RUNS = tries(2000);

function mergedOf({ outcomes }: Seen): ReadonlySet<string> {
  return new Set([...outcomes].filter(([, { kind }]) => kind === 'merged').map(([id]) => id));
}

/** A branch is rejected after two trials of its own, and suspected only on a commit that was seen to be green. */
function checkBlame({ facts, outcomes }: Seen): void {
  const trials = new Map<number, string>();
  const failed: string[] = [];
  const green = new Set<string>();
  const landing = new Map<number, string>();
  let tip = '';
  for (const fact of facts) {
    if (fact.type === 'target-seen') tip = fact.commit;
    if (fact.type === 'job-started' && fact.what.kind === 'try') trials.set(fact.job, fact.what.branch);
    if (fact.type === 'job-started' && fact.what.kind === 'try') expect(green).toContain(fact.what.onto);
    if (fact.type === 'job-started' && fact.what.kind === 'verify' && fact.what.probe.kind === 'target') landing.set(fact.job, fact.what.commit);
    if (fact.type === 'job-started' && fact.what.kind === 'land') landing.set(fact.job, fact.what.to);
    if (fact.type === 'job-finished' && fact.result.kind === 'tried' && fact.result.verdict === 'fail') failed.push(trials.get(fact.job) ?? '');
    if (fact.type === 'job-finished' && (fact.result.kind === 'landed' || (fact.result.kind === 'verified' && fact.result.verdict === 'pass'))) green.add(landing.get(fact.job) ?? '');
    if (fact.type === 'job-finished' && fact.result.kind === 'landed') tip = landing.get(fact.job) ?? '';
    if (fact.type === 'job-finished' && fact.result.kind === 'target-moved') tip = fact.result.to;
    if (fact.type === 'branch-suspected') expect(green).toContain(tip);
  }
  for (const [id, { kind }] of outcomes) if (kind === 'rejected') expect(failed.filter((each) => each === id).length).toBeGreaterThanOrEqual(2);
}

test('whatever happens: only green trees land, each branch ends once, and the target has exactly what was merged', () => {
  fc.assert(fc.property(scenario, ({ model, settings }) => {
    const seen = simulate(model, settings);
    expect([...seen.outcomes.keys()].sort()).toEqual(model.candidates.map(({ id }) => id).sort());
    const settled = seen.facts.flatMap((fact) => (fact.type === 'branches-settled' ? fact.settled.map(({ id }) => id) : []));
    expect(new Set(settled).size).toBe(settled.length);
    for (const [i, landing] of seen.landings.entries()) {
      expect(model.isGreen(landing, 0)).toBe(true);
      for (const id of seen.landings[i - 1] ?? []) expect(landing.has(id)).toBe(true);
    }
    const merged = mergedOf(seen);
    expect([...(seen.landings.at(-1) ?? [])].sort()).toEqual([...merged].sort());
    for (const { id, needs } of model.candidates) if (merged.has(id)) for (const need of needs) expect(merged).toContain(need);
    expect(seen.peak).toBeLessThanOrEqual(settings.slots);
    expect(seen.useless).toBe(0);
    checkBlame(seen);
    expect(seen.facts.reduce(reduceQueue, initialQueue(settings))).toEqual(seen.state);
  }), { numRuns: RUNS });
});

test('without flakes, whatever is not merged could not have been', () => {
  fc.assert(fc.property(scenario, ({ model, settings, bad, pairs, isBaseRed }) => {
    const seen = simulate({ ...model, flake: 0, broken: 0 }, settings);
    const merged = mergedOf(seen);
    for (const [id, outcome] of seen.outcomes) {
      const needs = model.candidates.find((each) => each.id === id)?.needs ?? [];
      switch (outcome.kind) {
        case 'merged':
          expect(bad.has(id)).toBe(false);
          break;
        case 'conflict':
          expect(model.clashes?.(id, merged)).not.toEqual([]);
          expect(outcome.with.length).toBeGreaterThan(0);
          expect(outcome.with.every((other) => merged.has(other))).toBe(true);
          break;
        case 'rejected':
          expect(bad.has(id) || pairs.some(([a, b]) => (a === id && merged.has(b)) || (b === id && merged.has(a)))).toBe(true);
          break;
        case 'unmerged':
          expect(outcome.reason === 'need' ? needs.some((need) => !merged.has(need)) : isBaseRed).toBe(true);
      }
    }
  }), { numRuns: RUNS });
});

/** A thousand branches of which exactly so many are bad, on four slots. */
function thousand(badCount: number, seed: number): Seen {
  const next = random(seed);
  const candidates = Array.from({ length: 1000 }, (_, i) => candidate(`b${String(i).padStart(4, '0')}`));
  const bad = new Set<string>();
  while (bad.size < badCount) bad.add(candidates[Math.floor(next() * 1000)]?.id ?? '');
  const seen = simulate({ candidates, seed, isGreen: (set) => ![...set].some((id) => bad.has(id)) }, { slots: 4, batch: 'auto' });
  expect(mergedOf(seen).size).toBe(1000 - badCount);
  return seen;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

test.each([[10, 50], [50, 170], [100, 280]])('1,000 branches on 4 slots with %i bad ones take at most %i rounds', (bad, most) => {
  expect(mean([1, 2, 3].map((seed) => thousand(bad, seed).rounds))).toBeLessThanOrEqual(most);
});

test('with 2 % flakes, less than 0.05 good branches of 200 are ejected, and no bad one lands', () => {
  let ejected = 0;
  const repetitions = 100;
  for (let seed = 0; seed < repetitions; seed += 1) {
    const next = random(seed * 7919);
    const candidates = Array.from({ length: 200 }, (_, i) => candidate(`b${i}`));
    const bad = new Set(candidates.filter(() => next() < 0.05).map(({ id }) => id));
    const merged = mergedOf(simulate({ candidates, seed, flake: 0.02, isGreen: (set) => ![...set].some((id) => bad.has(id)) }, { slots: 4, batch: 'auto' }));
    for (const { id } of candidates) if (merged.has(id) === bad.has(id)) ejected += 1;
  }
  expect(ejected / repetitions).toBeLessThan(0.05);
});

test('a pair that clashes only when verified: the first stays, the second is rejected', () => {
  const candidates = ['a', 'b', 'c'].map((id) => candidate(id));
  const seen = simulate({ candidates, seed: 1, isGreen: (set) => !(set.has('a') && set.has('c')) }, { slots: 4, batch: 'auto' });
  expect([...seen.outcomes].map(([id, { kind }]) => [id, kind])).toEqual([['a', 'merged'], ['b', 'merged'], ['c', 'rejected']]);
});

test('a red target is recorded and nobody is blamed; a branch that repairs it lands', () => {
  const candidates = ['a', 'b', 'fix'].map((id) => candidate(id));
  const hopeless = simulate({ candidates, seed: 1, isGreen: () => false }, { slots: 2, batch: 1 });
  expect(hopeless.facts.some(({ type }) => type === 'target-red')).toBe(true);
  expect([...hopeless.outcomes.values()].map((o) => (o.kind === 'unmerged' ? o.reason : o.kind))).toEqual(['target-red', 'target-red', 'target-red']);
  const repaired = simulate({ candidates, seed: 1, isGreen: (set) => set.has('fix') }, { slots: 2, batch: 1 });
  expect(mergedOf(repaired).size).toBe(3);
});

test('what was given up on a red target does not come along with a later repair', () => {
  const arrivesAt = (id: string): number => (id === 'fix' ? 9 : 0);
  const seen = simulate({ candidates: ['a', 'fix'].map((id) => candidate(id)), seed: 1, arrivesAt, isGreen: (set) => set.has('fix') }, { slots: 2, batch: 1 });
  expect([...seen.outcomes].map(([id, { kind }]) => [id, kind])).toEqual([['a', 'unmerged'], ['fix', 'merged']]);
  expect([...(seen.landings.at(-1) ?? [])]).toEqual(['fix']);
});

test('a target that somebody else moves is rebuilt upon: nothing is split or blamed for it', () => {
  const candidates = Array.from({ length: 20 }, (_, i) => candidate(`b${i}`));
  const seen = simulate({ candidates, seed: 1, movesAt: [1], isGreen: () => true }, { slots: 4, batch: 4 });
  expect(mergedOf(seen).size).toBe(20);
  expect(seen.facts.some(({ type }) => type === 'branch-suspected')).toBe(false);
  expect(seen.facts.filter((fact) => fact.type === 'job-finished' && fact.result.kind === 'target-moved')).toHaveLength(1);
});

test('a verify command that cannot be run stops the queue instead of blaming branches', () => {
  const seen = simulate({ candidates: [candidate('a'), candidate('b')], seed: 1, broken: 1, isGreen: () => true }, { slots: 1, batch: 'auto' });
  expect([...seen.outcomes.values()].map((o) => (o.kind === 'unmerged' ? o.reason : o.kind))).toEqual(['verify-broken', 'verify-broken']);
});

test('a branch that clashed, and those that need it, may come again with other work: what was said of the first is not held against it', () => {
  const told: MergeFact[] = [];
  let state = initialQueue({ slots: 1, batch: 'auto' });
  const tell = (fact: MergeFact): void => { told.push(fact); state = reduceQueue(state, fact); };
  // Commits are named by the tips that they hold; what begins with `old` clashes with x.
  const assembled = (onto: string, ids: readonly string[]): JobResult => {
    const steps: { id: string; commit: string }[] = [];
    const clashes: { id: string; files: string[]; after: number }[] = [];
    for (const id of ids) {
      const { tip, needs } = requireCandidate(id);
      const on = steps.at(-1)?.commit ?? onto;
      if (needs.some((need) => clashes.some((clash) => clash.id === need))) continue;
      if (tip.startsWith('old') && on.includes('x')) clashes.push({ id, files: ['f'], after: steps.length });
      else steps.push({ id, commit: `${on}+${tip}` });
    }
    return { kind: 'assembled', steps, clashes };
  };
  const requireCandidate = (id: string): Candidate => state.branches.get(id)?.candidate ?? candidate(id);
  const settle = (): void => {
    for (let decision = decideMerge(state); decision !== undefined; decision = decideMerge(state)) {
      if ('record' in decision) tell(decision.record);
      else {
        const { launch: what } = decision;
        const job = state.nextJob;
        tell({ type: 'job-started', job, what });
        tell({ type: 'job-finished', job, result: what.kind === 'assemble' ? assembled(what.onto, what.branches) : what.kind === 'land' ? { kind: 'landed' } : { kind: 'verified', verdict: 'pass' } });
      }
    }
  };
  const now = (id: string): unknown => { const at = state.branches.get(id)?.now; return at?.at === 'settled' ? at.outcome.kind : at?.at; };
  tell({ type: 'target-seen', commit: 'base', green: true, landed: null });
  tell({ type: 'branches-arrived', candidates: [candidate('x', { tip: 'x' }), candidate('y', { tip: 'old-y' }), candidate('z', { tip: 'old-z', needs: ['y'] })] });
  settle();
  expect(['x', 'y', 'z'].map(now)).toEqual(['merged', 'conflict', 'unmerged']);
  tell({ type: 'branches-arrived', candidates: [candidate('y', { tip: 'old-y' })] });
  expect(now('y')).toBe('conflict');
  tell({ type: 'branches-arrived', candidates: [candidate('y', { tip: 'new-y' }), candidate('z', { tip: 'new-z', needs: ['y'] })] });
  tell({ type: 'arrivals-closed' });
  settle();
  expect([state.isFinished, state.tip, ...['x', 'y', 'z'].map(now)]).toEqual([true, 'base+x+new-y+new-z', 'merged', 'merged', 'merged']);
});
