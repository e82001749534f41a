// A plan for people, before anything is created: waves, tasks (grouped when there are many), where the work will be, and
// what to be warned of. Pure: returns lines.
import type { Palette } from '../lib/color.ts';
import { formatUsd, listSome, plural } from '../lib/text.ts';
import { safeText } from '../lib/terminal.ts';
import { formatDuration } from '../lib/time.ts';
import type { Estimate, Spread } from '../plan/estimate.ts';
import type { Overlap } from '../plan/overlaps.ts';
import type { Budget, FanOut, Plan, PlannedTask } from '../plan/plan.ts';
import { fitLine } from './line.ts';
import type { Piece } from './line.ts';
import { taskLabel } from './task-lines.ts';

export interface PlanLook {
  readonly palette: Palette;
  /** Lines are cut to this width; null = as long as they are. */
  readonly columns: number | null;
}

/** What is known of a plan besides itself. */
export interface PlanFacts {
  /** Tasks by the earliest turn in which they can start; the templates of fan-outs among them. */
  readonly waves: readonly (readonly PlannedTask[])[];
  readonly overlaps: { readonly pairs: readonly Overlap[]; readonly isCut: boolean };
  /** null = nobody looked. */
  readonly estimate: Estimate | null;
  /** What whoever made the plan has to say, e.g. which uncommitted changes are not part of the base. */
  readonly warnings: readonly string[];
}

/** Up to so many tasks are listed one by one; more are grouped. */
const MOST_TASKS = 30;
const MOST_WAVES = 8;
/** Lines that the groups of all waves share. */
const MOST_LINES = 20;
const MOST_OVERLAPS = 5;
const MOST_WRITERS = 5;
const MOST_GROUPS = 4;

/** The lines of `orch plan` and `--dry-run`. */
export function planText(plan: Plan, facts: PlanFacts, look: PlanLook): string[] {
  const { palette } = look;
  const { waves } = facts;
  const columns = look.columns ?? Number.MAX_SAFE_INTEGER;
  const shown = waves.slice(0, MOST_WAVES);
  const rest = waves.slice(MOST_WAVES).reduce((sum, wave) => sum + wave.length, 0);
  const mostGroups = Math.max(1, Math.floor(MOST_LINES / Math.max(1, shown.length)) - 1);
  const fanOuts = new Map((plan.fanOuts ?? []).map((fanOut) => [fanOut.id, fanOut]));
  const waveLines = (wave: readonly PlannedTask[], index: number): string[] => {
    const tasks = wave.filter(({ id }) => !fanOuts.has(id));
    const made = wave.flatMap(({ id }) => fanOuts.get(id) ?? []).map(fanOutPieces);
    const rows = plan.tasks.length <= MOST_TASKS ? tasks.map(taskPieces) : groupPieces(tasks, mostGroups);
    const count = [...(tasks.length > 0 || made.length === 0 ? [plural(tasks.length, 'task')] : []), ...(made.length > 0 ? ['tasks yet to be made'] : [])].join(' and ');
    const title = palette.bold(`Wave ${index + 1}`) + palette.dim(`  ${count}`);
    return [title].concat([...rows, ...made].map((pieces) => fitLine([{ text: '  ' }].concat(pieces), columns)));
  };
  return [
    `${palette.bold(safeText(plan.name))}: ${plural(plan.tasks.length, 'task')} from ${safeText(plan.base.ref)} (${plan.base.sha.slice(0, 12)}), at most ${plan.maxParallel} at once`,
    ...shown.flatMap(waveLines),
    ...(rest > 0 ? [`… and ${plural(waves.length - MOST_WAVES, 'more wave')} with ${plural(rest, 'task')}: orch plan --json`] : []),
    '',
    ...[...placeLines(plan), ...writeLines(waves), ...estimateLines(plan, facts)].map((text) => fitLine([{ text }], columns)),
    ...warningLines(facts).map((line) => fitLine([{ text: line, style: palette.yellow }], columns)),
  ];
}

/** `strict.*  a task for each item of scan's output modules, at most 1000`. */
function fanOutPieces({ id, from, batch, maxTasks, template }: FanOut): Piece[] {
  const each = batch === 1 ? 'each item' : `each ${batch} items`;
  return [{ text: `${safeText(id)}.*` }, { text: `  a task for ${each} of ${from.output === null ? `the result of ${from.task}` : `${from.task}’s output ${from.output}`}, at most ${maxTasks}  ${workText(template)}` }];
}

function workText({ work, choose }: PlannedTask): string {
  if (choose !== undefined) return `takes the best of ${plural(choose.length, 'attempt')}`;
  if (work.kind === 'run') return `run: ${safeText(work.command)}`;
  const models = work.escalate ?? [work.model ?? ''];
  return `${safeText(work.agent)} ${safeText(models.join(', then '))}`.trimEnd();
}

function taskPieces(task: PlannedTask): Piece[] {
  const extras = [
    formatDuration(task.timeoutMs),
    ...(task.retries > 0 ? [plural(task.retries, 'retry').replace('retrys', 'retries')] : []),
    ...(task.verify.length > 0 ? ['verified'] : []),
    ...(task.needs.length > 0 ? [`needs ${listSome(task.needs, 3)}`] : []),
  ];
  return [{ text: taskLabel(task) }, { text: `  ${workText(task)}` }, { text: `  ${extras.join('  ')}` }];
}

/** Tasks whose ids begin alike, in one line each; a fan-out's members are such a group. */
function groupPieces(wave: readonly PlannedTask[], most: number): Piece[][] {
  const groups = new Map<string, PlannedTask[]>();
  for (const task of wave) {
    const stem = task.id.includes('.') ? task.id.slice(0, task.id.indexOf('.') + 1) : task.id.replace(/\d+$/, '');
    const group = groups.get(stem);
    if (group === undefined) groups.set(stem, [task]);
    else group.push(task);
  }
  const all = [...groups];
  const lines = all.slice(0, most).map(([stem, tasks]): Piece[] => {
    const [first] = tasks;
    if (first !== undefined && tasks.length === 1) return taskPieces(first);
    const timeouts = [...new Set(tasks.map((task) => formatDuration(task.timeoutMs)))];
    const works = [...new Set(tasks.map(workText))];
    const name = stem === '' ? '' : `${stem}*  `;
    return [{ text: `${name}${plural(tasks.length, 'task')}: ${listSome(tasks.map(({ id }) => id), 3)}` }, { text: `  ${listSome(works, 2)}` }, { text: `  ${listSome(timeouts, 2)}` }];
  });
  const left = all.slice(most).reduce((sum, [, tasks]) => sum + tasks.length, 0);
  return left > 0 ? [...lines, [{ text: `… and ${plural(left, 'more task')}` }]] : lines;
}

function placeLines(plan: Plan): string[] {
  const branches = `orch/${plan.run}/<task>`;
  const isRegular = plan.tasks.every((task) => task.branch === `orch/${plan.run}/${task.id}`);
  const first = plan.tasks[0];
  return [
    `Branches   ${isRegular || first === undefined ? branches : `${safeText(first.branch)}${plan.tasks.length > 1 ? ', …' : ''}`}`,
    `Worktrees  ${safeText(plan.worktrees.root)}/${plan.run}/<task>, kept: ${plan.worktrees.keep}`,
    ...(plan.budget === undefined ? [] : [`Budget     ${budgetText(plan.budget)}`]),
  ];
}

function budgetText({ usd, usdPerTask }: Budget): string {
  return [...(usd === null ? [] : [`${formatUsd(usd)} in all`]), ...(usdPerTask === null ? [] : [`${formatUsd(usdPerTask)} for each task`])].join(', ');
}

/** What each kind of task may write; a change elsewhere fails it. */
function writeLines(waves: readonly (readonly PlannedTask[])[]): string[] {
  const tasks = waves.flat();
  const limited = tasks.filter(({ paths }) => paths !== null);
  if (limited.length === 0) return ['Off limits nothing in a worktree: no task declares its `paths`; your checkout and its branches'];
  const groups = new Map<string, Set<string>>();
  for (const { id, of, paths } of limited) {
    const name = of === undefined ? id : `${of}.*`;
    groups.set(name, new Set([...(groups.get(name) ?? []), ...(paths ?? [])]));
  }
  const rest = tasks.length - limited.length;
  return [
    ...[...groups].slice(0, MOST_WRITERS).map(([name, globs], index) => `${index === 0 ? 'May write ' : '          '} ${name}: ${listSome([...globs], 4)}`),
    ...(groups.size > MOST_WRITERS ? [`           … and ${plural(groups.size - MOST_WRITERS, 'more group')}`] : []),
    `Off limits everything else to ${limited.length === 1 ? 'that task' : `those ${limited.length}`}${rest === 0 ? '' : `; the other ${rest === 1 ? 'task' : plural(rest, 'task')} may write anything`}; your checkout and its branches`,
  ].map(safeText);
}

function estimateLines(plan: Plan, { estimate }: PlanFacts): string[] {
  if (estimate === null) return [];
  const { groups, ms, usd } = estimate;
  const more = plan.fanOuts === undefined ? '' : ', and what is yet to be made';
  const whole = `Estimate   ${ms === null ? 'time unknown' : spreadText(ms, formatDuration)}, ${usd === null ? 'cost unknown' : spreadText(usd, formatUsd)}${more}  (half of all times to nine of ten)`;
  const each = groups.slice(0, MOST_GROUPS).map(({ agent, model, tasks, samples, ms: one, usd: cost }) => {
    const who = agent === null ? 'commands' : `${agent}${model === null ? '' : ` ${model}`}`;
    const known = samples === 0 ? 'never ran here' : `each ${one === null ? 'unknown' : spreadText(one, formatDuration)}, ${agent === null ? '' : `${cost === null ? 'cost unknown' : spreadText(cost, formatUsd)}, `}from ${plural(samples, 'task')} that ran here`;
    return `           ${plural(tasks, 'task')} of ${who}: ${known}`;
  });
  return [whole, ...each, ...(groups.length > MOST_GROUPS ? [`           … and ${plural(groups.length - MOST_GROUPS, 'more kind')} of tasks`] : [])].map(safeText);
}

function spreadText({ p50, p90 }: Spread, format: (value: number) => string): string {
  const [from, to] = [format(p50), format(p90)];
  return from === to ? from : `${from} to ${to}`;
}

function warningLines({ overlaps, warnings }: PlanFacts): string[] {
  const lines = overlaps.pairs
    .slice(0, MOST_OVERLAPS)
    .map(({ tasks: [first, second], globs }) => `! ${first} and ${second} may both write ${globs[0] === globs[1] ? globs[0] : `${globs[0]} / ${globs[1]}`}, and neither needs the other`);
  const left = overlaps.pairs.length - MOST_OVERLAPS;
  const more = left > 0 ? [`! … and ${overlaps.isCut ? 'many more pairs' : plural(left, 'more pair')} of tasks whose paths overlap`] : [];
  return [...lines, ...more, ...warnings.map((warning) => `! ${warning}`)].map(safeText);
}
