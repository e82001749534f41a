// The last thing a run says: what was delivered, what was not and why, where it is, and what to type next. The most
// important line comes last, where the eye is. Pure: returns lines.
import { EXIT } from '../errors.ts';
import type { Palette } from '../lib/color.ts';
import { listSome, plural } from '../lib/text.ts';
import { safeText } from '../lib/terminal.ts';
import { formatDuration, isoTime } from '../lib/time.ts';
import type { Plan, PlannedTask } from '../plan/plan.ts';
import { isCandidate } from '../run/candidates.ts';
import { grownPlan } from '../run/grown.ts';
import { isRequested } from '../run/merges.ts';
import type { Instant, TaskOutcome } from '../run/events.ts';
import type { Counts, RunState, TaskState } from '../run/state.ts';
import { costLines, overshootText, spentText } from './costs.ts';
import { isStopped } from './status.ts';
import { fitLine } from './line.ts';
import { deliveryText, isFailure, OUTCOME_WORDS, outcomeSign, whyText } from './task-lines.ts';

export interface SummaryOptions {
  readonly palette: Palette;
  readonly now: Instant;
  /** When this process began; the time of a resumed run is counted from here. */
  readonly since: Instant;
}

interface Entry {
  readonly planned: PlannedTask;
  readonly task: TaskState;
  /** null = it has not settled. */
  readonly outcome: TaskOutcome | null;
}

const MOST_LISTED = 20;
const RESCUE = 'refs/orch/rescue/';

/** The summary of a run that has ended, for whatever reason, without line ends. */
export function summaryLines(frozen: Plan, state: RunState, options: SummaryOptions): string[] {
  const plan = grownPlan(frozen, state);
  const entries: Entry[] = plan.tasks.flatMap((planned, index) => {
    const task = state.tasks[index];
    // Attempts at one task are told of where it is.
    return task === undefined || isCandidate(plan, index) ? [] : [{ planned, task, outcome: task.now.at === 'settled' ? task.now.outcome : null }];
  });
  const delivered = entries.filter(({ outcome, task }) => outcome === 'completed' && task.delivery !== null && task.delivery.commits > 0);
  const unmerged = delivered.filter(({ task }) => task.merge !== null && task.merge.status !== 'merged' && !isRequested(task));
  const missing = entries.filter(({ outcome }) => outcome !== 'completed').sort((a, b) => rank(a) - rank(b));
  const isUntouched = ({ outcome, task }: Entry): boolean => task.startedAt === null && (outcome === null || outcome === 'cancelled');
  const untouched = missing.filter(isUntouched);
  const told = missing.filter((entry) => !isUntouched(entry)).map((entry) => missingLines(entry, options.palette));
  const failed = missing.filter(({ outcome }) => outcome !== null && isFailure(outcome));
  const next = nextLines(plan, state, { delivered, failed, palette: options.palette, now: options.now });
  const total = totalLine(plan, state, { ...options, entries });
  return [
    ...section('Delivered', delivered.map((entry) => [deliveredLine(entry, options.palette)]), { plan, palette: options.palette }),
    ...section('Not merged', unmerged.map((entry) => [unmergedLine(entry, options.palette)]), { plan, palette: options.palette }),
    ...section('Not completed', told, { plan, palette: options.palette }),
    ...(untouched.length === 0 ? [] : ['', `${plural(untouched.length, 'task')} not started: ${listSome(untouched.map(({ planned }) => planned.id), 5)}`]),
    ...costLines(plan, state, options.palette),
    '',
    // Of a run that was stopped, what to type is worth more than what it came to.
    ...(isOver(state) ? [...next, total] : [total, ...next]),
  ];
}

function isOver(state: RunState): boolean {
  return state.finishedAt !== null && !isStopped(state.exitCode);
}

function rank({ outcome }: Entry): number {
  if (outcome === null) return 3;
  if (isFailure(outcome)) return 0;
  return outcome === 'cancelled' ? 1 : 2;
}

function section(title: string, items: readonly (readonly string[])[], look: { readonly plan: Plan; readonly palette: Palette }): string[] {
  if (items.length === 0) return [];
  const rest = items.length - MOST_LISTED;
  const more = rest > 0 ? [`  … and ${rest} more: orch status ${look.plan.run}`] : [];
  return ['', look.palette.bold(title), ...items.slice(0, MOST_LISTED).flat(), ...more];
}

function deliveredLine({ planned, task }: Entry, palette: Palette): string {
  const delivery = task.delivery;
  const work = delivery === null ? '' : `${plural(delivery.commits, 'commit')}  ${deliveryText(delivery)}`;
  const verified = planned.verify.length === 0 ? '' : task.verified ? '  verified' : '  not verified';
  const request = task.pullRequest?.request ?? null;
  const merged = task.merge?.status === 'merged' ? '  merged' : request === null ? '' : `  ${safeText(request.url)}${request.state === 'open' ? '' : ` (${request.state})`}`;
  return `  ${fitLine([outcomeSign('completed', palette)], 1)} ${planned.id}  ${safeText(planned.branch)}  ${work}${verified}${merged}`;
}

function unmergedLine({ planned, task }: Entry, palette: Palette): string {
  const why = task.merge?.message ?? 'merging did not come to it';
  return `  ${palette.red('✖')} ${planned.id}  ${task.merge?.status ?? 'unmerged'}: ${safeText(why)}`;
}

function missingLines(entry: Entry, palette: Palette): string[] {
  const { planned, task, outcome } = entry;
  if (outcome === null) return [`  ${palette.dim('·')} ${planned.id}  not finished`];
  const settled = task.now.at === 'settled' ? task.now : null;
  const reason = settled?.reason === null || settled === null ? '' : ` (${settled.reason})`;
  const why = settled?.message === null ? '' : `: ${whyText(task)}`;
  const tries = task.attempts > 1 ? ` after ${task.attempts} attempts` : '';
  const sign = fitLine([outcomeSign(outcome, palette)], 1);
  return [`  ${sign} ${planned.id}  ${OUTCOME_WORDS[outcome]}${reason}${tries}${why}`, ...(task.startedAt === null ? [] : evidenceLines(entry))];
}

/** Where the log, the work and the worktree of a task that did not complete are. */
function evidenceLines({ planned, task, outcome }: Entry): string[] {
  const { delivery } = task;
  const hasWork = delivery !== null && delivery.filesChanged > 0;
  const work = hasWork
    ? [`      ${delivery.ref.startsWith(RESCUE) ? 'saved on' : 'work on '}  ${safeText(delivery.ref.replace(/^refs\/heads\//, ''))}  ${deliveryText(delivery)}`]
    : [];
  // There is nothing to look into in a task that was stopped: a resume goes on with it.
  if (outcome === 'cancelled') return work;
  const commands = [...(task.log === null ? [] : [`orch logs ${planned.id}`]), ...(hasWork ? [`orch diff ${planned.id}`] : [])];
  return [
    ...(task.log === null ? [] : [`      log       ${safeText(task.log)}`]),
    ...work,
    ...(task.worktree === null ? [] : [`      worktree  ${safeText(task.worktree)}`]),
    ...(commands.length === 0 ? [] : [`      next      ${commands.join('  ·  ')}`]),
  ];
}

interface Ends {
  readonly delivered: readonly Entry[];
  readonly failed: readonly Entry[];
  readonly palette: Palette;
  readonly now: Instant;
}

function nextLines(plan: Plan, state: RunState, ends: Ends): string[] {
  const resume = ends.palette.cyan(`orch resume ${plan.run}`);
  const first = ends.delivered[0];
  const look = first === undefined || isAllMerged(ends.delivered) ? [] : [`Review with ${ends.palette.cyan(`orch diff ${first.planned.id}`)}; each task's work is on its own branch${mergeHint(plan, state, ends)}`];
  if (state.exitCode === EXIT.limit && isForMoney(state)) return [...look, `The budget is used up (${spentText(plan, state)}${overshootText(plan, state)}); go on with a larger one: ${resume} ${ends.palette.cyan('--budget USD')}`];
  if (state.exitCode === EXIT.limit) return [...look, `${limitText(state, ends.now)}: ${resume}`];
  if (state.exitCode === EXIT.stateNotWritable) return [...look, `The run's record could not be written; when there is room again: ${resume}`];
  if (!isOver(state)) return [...look, `interrupted; ${resume} goes on`];
  if (state.exitCode === EXIT.mergeOutstanding) return [...look, leftText(plan, ends)];
  if (ends.failed.length > 0) return [...look, `Try what failed again with ${ends.palette.cyan(`orch resume ${plan.run} --failed`)}`];
  return look;
}

/** A conflict is met again by every merge, until somebody settles it. */
function leftText(plan: Plan, { delivered, palette }: Ends): string {
  const merge = palette.cyan(`orch merge ${plan.run}`);
  const clash = delivered.find(({ task }) => task.merge?.status === 'conflict');
  return clash === undefined ? `Merge what is left with ${merge}` : `Settle ${clash.planned.id} with ${palette.cyan(`git merge ${clash.planned.branch}`)}; ${merge} does the rest`;
}

function mergeHint(plan: Plan, state: RunState, { delivered, palette }: Ends): string {
  const isAsked = delivered.some(({ task }) => task.merge !== null) || (plan.merge !== undefined && plan.merge.when !== 'never');
  return isAsked || plan.target === null || !isOver(state) ? '' : `, ${palette.cyan(`orch merge ${plan.run}`)} ${plan.merge?.pullRequest === undefined ? 'brings it into' : 'opens a pull request for'} ${safeText(plan.target)}`;
}

function isAllMerged(delivered: readonly Entry[]): boolean {
  return delivered.every(({ task }) => task.merge?.status === 'merged');
}

function isForMoney(state: RunState): boolean {
  return state.cancelling === null && state.tasks.some(({ now }) => now.at === 'settled' && now.reason === 'budget');
}

function limitText(state: RunState, now: Instant): string {
  const opens = Math.max(0, ...Object.values(state.gates).filter(({ failures }) => failures > 0).map(({ closedUntil }) => closedUntil));
  return opens > now
    ? `A provider's limit was reached; go on in ${formatDuration(opens - now)} (${isoTime(opens)}) with`
    : "A provider's limit was reached; go on when it allows more with";
}

/** As in the state, where every task stands for itself. */
function countsOf(plan: Plan, { counts }: RunState, entries: readonly Entry[]): Counts {
  if (entries.length === plan.tasks.length) return counts;
  const of = (outcome: TaskOutcome | null): number => entries.filter((entry) => entry.outcome === outcome).length;
  return {
    waiting: of(null), running: 0, completed: of('completed'), failed: of('failed'), timedOut: of('timed-out'), cancelled: of('cancelled'), skipped: of('skipped'), overBudget: of('over-budget'),
  };
}

function totalLine(plan: Plan, state: RunState, { palette, now, since, entries }: SummaryOptions & { readonly entries: readonly Entry[] }): string {
  const counts = countsOf(plan, state, entries);
  const words: readonly (readonly [count: number, word: string, style: (text: string) => string])[] = [
    [counts.completed, 'completed', palette.green],
    [counts.failed, 'failed', palette.red],
    [counts.timedOut, 'timed out', palette.red],
    [counts.overBudget, 'over budget', palette.red],
    [counts.cancelled, 'cancelled', palette.yellow],
    [counts.skipped, 'skipped', palette.yellow],
    [counts.running + counts.waiting, 'not finished', palette.yellow],
  ];
  const merges = state.tasks.filter(({ merge }) => merge !== null);
  const merged = merges.filter(({ merge }) => merge?.status === 'merged').length;
  const requested = merges.filter((task) => task.merge?.status !== 'merged' && isRequested(task)).length;
  const mergeParts = [
    ...(merged > 0 ? [palette.green(`${merged} merged`)] : []), ...(requested > 0 ? [palette.green(`${requested} in pull requests`)] : []),
    ...(merges.length > merged + requested ? [palette.red(`${merges.length - merged - requested} not merged`)] : []),
  ];
  const parts = words.filter(([count]) => count > 0).map(([count, word, style]) => style(`${count} ${word}`));
  const spent = spentText(plan, state);
  const cost = spent === '' ? '' : `, ${spent}`;
  const took = formatDuration(Math.max(0, (state.finishedAt ?? now) - since));
  const sign = counts.completed === entries.length && merges.length === merged + requested ? palette.green('✓') : palette.red('✖');
  return `${sign} ${palette.bold(plan.run)}: ${[plural(entries.length, 'task'), ...parts, ...mergeParts].join(', ')} in ${took}${cost}`;
}
