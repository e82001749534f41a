// What a plan will take, from what tasks of the same agent and model took before. Says nothing where nothing is known. Pure.
import { reversed } from '../lib/graph.ts';
import { needIndexes, nodesOf } from './graph.ts';
import type { Plan, PlannedTask, Work } from './plan.ts';

/** A task that ran before. `agent` null = a shell command. */
export interface Sample {
  readonly agent: string | null;
  readonly model: string | null;
  readonly tookMs: number;
  readonly costUsd: number | null;
}

/** What half of them stay under, and nine of ten. */
export interface Spread {
  readonly p50: number;
  readonly p90: number;
}

/** Tasks of one agent and model. null = unknown. */
export interface GroupEstimate {
  readonly agent: string | null;
  readonly model: string | null;
  readonly tasks: number;
  readonly samples: number;
  /** Of one task. */
  readonly ms: Spread | null;
  readonly usd: Spread | null;
}

export interface Estimate {
  readonly groups: readonly GroupEstimate[];
  /** Of the whole run; null when it is unknown of some of its tasks. */
  readonly ms: Spread | null;
  readonly usd: Spread | null;
}

/** Fewer tell nothing about nine of ten. */
const LEAST_SAMPLES = 3;

/** The estimate of a plan. Tasks that are yet to be made are not in it. */
export function estimate(plan: Plan, samples: readonly Sample[]): Estimate {
  const bySort = new Map<string, Sample[]>();
  for (const sample of samples) bySort.set(sortOf(sample), [...(bySort.get(sortOf(sample)) ?? []), sample]);
  const counts = new Map<string, number>();
  for (const { work } of plan.tasks) counts.set(sortOf(whoOf(work)), (counts.get(sortOf(whoOf(work))) ?? 0) + 1);
  const groups = [...counts].map(([sort, tasks]) => groupOf(plan, sort, { tasks, seen: bySort.get(sort) ?? [] }));
  const bySortOf = new Map(groups.map((group) => [sortOf(group), group]));
  return {
    groups,
    usd: groups.every(({ usd }) => usd !== null) ? { p50: total(groups, 'p50'), p90: total(groups, 'p90') } : null,
    ms: groups.every(({ ms }) => ms !== null) ? { p50: makespan(plan, bySortOf, 'p50'), p90: makespan(plan, bySortOf, 'p90') } : null,
  };
}

/** What one attempt is taken to cost, by `<agent> <model>`: what nine of ten stayed under, or the most of a few. */
export function expectedCosts(tasks: readonly PlannedTask[], samples: readonly Sample[]): Readonly<Record<string, number>> {
  const expected: Record<string, number> = {};
  for (const { work } of tasks) {
    if (work.kind === 'run') continue;
    for (const model of work.escalate ?? [work.model]) {
      const costs = samples.flatMap((sample) => (sample.agent === work.agent && sample.model === model ? (sample.costUsd ?? []) : []));
      if (costs.length > 0) expected[`${work.agent} ${model ?? ''}`] = spread(costs)?.p90 ?? Math.max(...costs);
    }
  }
  return expected;
}

function whoOf(work: Work): Pick<Sample, 'agent' | 'model'> {
  return work.kind === 'run' ? { agent: null, model: null } : work;
}

function sortOf({ agent, model }: Pick<Sample, 'agent' | 'model'>): string {
  return JSON.stringify([agent, model]);
}

function groupOf(plan: Plan, sort: string, { tasks, seen }: { readonly tasks: number; readonly seen: readonly Sample[] }): GroupEstimate {
  const who = plan.tasks.map(({ work }) => whoOf(work)).find((one) => sortOf(one) === sort) ?? { agent: null, model: null };
  const costs = seen.flatMap(({ costUsd }) => costUsd ?? []);
  // A command costs nothing, and that is known.
  const usd = who.agent === null ? { p50: 0, p90: 0 } : spread(costs);
  return { agent: who.agent, model: who.model, tasks, samples: seen.length, ms: spread(seen.map(({ tookMs }) => tookMs)), usd };
}

/** By nearest rank; null for too few. */
export function spread(values: readonly number[]): Spread | null {
  if (values.length < LEAST_SAMPLES) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
  return { p50: at(0.5), p90: at(0.9) };
}

function total(groups: readonly GroupEstimate[], part: keyof Spread): number {
  return groups.reduce((sum, { tasks, usd }) => sum + tasks * (usd?.[part] ?? 0), 0);
}

/** When the last task ends if each takes this long, tasks start in the plan's order, and slots are never idle. */
function makespan(plan: Plan, groups: ReadonlyMap<string, GroupEstimate>, part: keyof Spread): number {
  const needs = needIndexes(plan);
  const dependents = reversed(needs);
  const open = needs.map((list) => list.length);
  // What is yet to be made takes no time here, but what needs it still waits for its source.
  const took = nodesOf(plan).map(({ work }, index) => (index < plan.tasks.length ? (groups.get(sortOf(whoOf(work)))?.ms?.[part] ?? 0) : 0));
  const ready = open.flatMap((count, index) => (count === 0 ? [index] : []));
  let running: { readonly index: number; readonly end: number }[] = [];
  let now = 0;
  for (let next = 0; next < ready.length || running.length > 0; ) {
    while (next < ready.length && running.length < plan.maxParallel) {
      const index = ready[next] ?? 0;
      next += 1;
      running.push({ index, end: now + (took[index] ?? 0) });
    }
    const first = running.reduce((least, one) => (one.end < least.end ? one : least));
    now = first.end;
    running = running.filter((one) => one !== first);
    for (const dependent of dependents[first.index] ?? []) {
      open[dependent] = (open[dependent] ?? 0) - 1;
      if (open[dependent] === 0) ready.push(dependent);
    }
  }
  return now;
}
