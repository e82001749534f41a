// In which order branches go onto the line: needs before dependents, then priority, fewest overlaps, size, id.
// Deterministic: the same branches give the same order, whenever they arrived.
import type { TaskId } from '../plan/plan.ts';
import { overlapsOf } from '../lib/path-overlaps.ts';
import type { BranchState, Candidate, QueueState } from './queue.ts';

const known = new WeakMap<readonly Candidate[], readonly Candidate[]>();
const lists = new WeakMap<ReadonlyMap<TaskId, BranchState>, readonly Candidate[]>();

/** All candidates by priority, overlaps, size and id; needs are not looked at. Computed once per set of candidates. */
function ranked(candidates: readonly Candidate[]): readonly Candidate[] {
  const cached = known.get(candidates);
  if (cached !== undefined) return cached;
  const overlaps = overlapsOf(candidates);
  const degree = (candidate: Candidate): number => overlaps.get(candidate.id)?.size ?? 0;
  const sorted = [...candidates].sort(
    (a, b) => b.priority - a.priority || degree(a) - degree(b) || a.size - b.size || (a.id < b.id ? -1 : 1),
  );
  known.set(candidates, sorted);
  return sorted;
}

/** Carries the list of candidates over to a map that has the same ones, so that their ranking is not made again. */
export function keepCandidates(from: ReadonlyMap<TaskId, BranchState>, to: ReadonlyMap<TaskId, BranchState>): void {
  const list = lists.get(from);
  if (list !== undefined) lists.set(to, list);
}

function candidatesOf(branches: ReadonlyMap<TaskId, BranchState>): readonly Candidate[] {
  const cached = lists.get(branches);
  if (cached !== undefined) return cached;
  const list = [...branches.values()].map(({ candidate }) => candidate);
  lists.set(branches, list);
  return list;
}

/** Waiting branches that may go onto the line now, in order, at most `limit`. A dependent pulls its needs up with it. */
export function nextInLine(state: QueueState, limit: number): readonly TaskId[] {
  const chosen = new Set<TaskId>();
  const refused = new Set<TaskId>();
  const steps = new Set(state.line.steps.map(({ id }) => id));
  const take = (id: TaskId): boolean => {
    const branch = state.branches.get(id);
    if (branch === undefined || refused.has(id)) return false;
    if (chosen.has(id) || steps.has(id)) return true;
    if (branch.now.at === 'settled') return branch.now.outcome.kind === 'merged';
    // Against cycles: while its needs are looked at, it is not to be had.
    refused.add(id);
    if (branch.now.at !== 'waiting' || !branch.candidate.needs.every(take)) return false;
    refused.delete(id);
    chosen.add(id);
    return true;
  };
  for (const { id } of ranked(candidatesOf(state.branches))) {
    if (chosen.size >= limit) break;
    if (state.branches.get(id)?.now.at === 'waiting') take(id);
  }
  return [...chosen];
}
