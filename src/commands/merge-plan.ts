// `orch merge --dry-run`: what would be merged, in which order, and what conflicts with what. Changes nothing.
import type { Repository } from '../effects/effects.ts';
import { createMergeHistory } from '../effects/git/merge-history.ts';
import { conflictsAmong } from '../effects/git/merge-pairs.ts';
import { createRefs } from '../effects/git/refs.ts';
import { branchTip } from '../effects/git/repository.ts';
import { safeText } from '../lib/terminal.ts';
import { listSome, plural } from '../lib/text.ts';
import { deliveredBranches } from '../merging/branches.ts';
import { nextInLine } from '../merging/order.ts';
import { initialQueue, type Candidate } from '../merging/queue.ts';
import { reduceQueue } from '../merging/reduce.ts';
import type { Plan } from '../plan/plan.ts';
import type { Fact } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { note, print } from './terminal.ts';

export interface MergePlanOptions {
  readonly plan: Plan;
  readonly state: RunState;
  readonly started: Extract<Fact, { type: 'merge-started' }>;
}

export async function printMergePlan(repo: Repository, { plan, state, started }: MergePlanOptions): Promise<void> {
  const { target, settings, tasks } = started;
  const branches = deliveredBranches(plan, state, tasks);
  await using refs = createRefs(repo);
  const paths = await createMergeHistory(repo, refs).changedPaths(branches.map(({ start, tip }) => ({ from: start, to: tip })));
  const ids = new Set(tasks);
  const candidates = branches.flatMap(({ id, tip, start, needs, size }, i): Candidate[] => {
    const changed = paths[i];
    return changed == null ? [] : [{ id, tip, start, needs: needs.filter((need) => ids.has(need)), paths: changed, priority: 0, size }];
  });
  const tip = await branchTip(repo, target);
  if (tip === null) return;
  const conflicts = await conflictsAmong(repo, tip, candidates);
  const queue = reduceQueue(initialQueue({ slots: 1, batch: settings.batch }), { type: 'branches-arrived', candidates });
  const byId = new Map(candidates.map((candidate) => [candidate.id, candidate]));
  print([
    `${plural(candidates.length, 'task')} into ${target} (${settings.pullRequest === undefined ? settings.strategy : settings.pullRequest === 'run' ? `${settings.strategy}, one pull request` : 'a pull request for each'}), in this order:`,
    ...nextInLine(queue, Infinity).map((id, i) => `  ${i + 1}. ${id}  ${plural(byId.get(id)?.paths.length ?? 0, 'file')}`),
    ...(settings.pullRequest === 'task' ? [] : settings.verify.length === 0 ? ['not verified: merge has no `verify`'] : [`verified with: ${settings.verify.join('; ')}`]),
    ...conflicts.map(({ between: [one, other], files }) => `conflict: ${one} and ${other ?? target} in ${safeText(listSome(files, 5))}`),
  ]);
  const lost = branches.length - candidates.length;
  if (lost > 0) note(`note: the commits of ${plural(lost, 'task')} are not in the repository any more`);
}
