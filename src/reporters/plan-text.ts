// A plan for people, before anything is created: waves, tasks (grouped when there are many), where the work will be, and
// what to be warned of. Pure: returns lines.
import type { Palette } from '../lib/color.ts';
import { listSome, plural } from '../lib/text.ts';
import { safeText } from '../lib/terminal.ts';
import { formatDuration } from '../lib/time.ts';
import type { Plan, PlannedTask, TaskId } from '../plan/plan.ts';
import { fitLine } from './line.ts';
import type { Piece } from './line.ts';
import { planOverlaps } from './plan-overlaps.ts';
import { taskLabel } from './task-lines.ts';

export interface PlanLook {
  readonly palette: Palette;
  /** Lines are cut to this width; null = as long as they are. */
  readonly columns: number | null;
  /** What whoever made the plan has to say, e.g. which uncommitted changes are not part of the base. */
  readonly warnings: readonly string[];
}

/** Up to so many tasks are listed one by one; more are grouped. */
const MOST_TASKS = 30;
const MOST_WAVES = 8;
/** Lines that the groups of all waves share. */
const MOST_LINES = 20;
const MOST_OVERLAPS = 5;

/** The lines of `orch plan` and `--dry-run`. */
export function planText(plan: Plan, look: PlanLook): string[] {
  const { palette } = look;
  const waves = planWaves(plan);
  const columns = look.columns ?? Number.MAX_SAFE_INTEGER;
  const shown = waves.slice(0, MOST_WAVES);
  const rest = waves.slice(MOST_WAVES).reduce((sum, wave) => sum + wave.length, 0);
  const mostGroups = Math.max(1, Math.floor(MOST_LINES / Math.max(1, shown.length)) - 1);
  const waveLines = (wave: readonly PlannedTask[], index: number): string[] => {
    const rows = plan.tasks.length <= MOST_TASKS ? wave.map(taskPieces) : groupPieces(wave, mostGroups);
    const title = palette.bold(`Wave ${index + 1}`) + palette.dim(`  ${plural(wave.length, 'task')}`);
    return [title].concat(rows.map((pieces) => fitLine([{ text: '  ' }].concat(pieces), columns)));
  };
  return [
    `${palette.bold(safeText(plan.name))}: ${plural(plan.tasks.length, 'task')} from ${safeText(plan.base.ref)} (${plan.base.sha.slice(0, 12)}), at most ${plan.maxParallel} at once`,
    ...shown.flatMap(waveLines),
    ...(rest > 0 ? [`… and ${plural(waves.length - MOST_WAVES, 'more wave')} with ${plural(rest, 'task')}: orch plan --json`] : []),
    '',
    ...placeLines(plan),
    ...warningLines(plan, look).map((line) => fitLine([{ text: line, style: palette.yellow }], columns)),
  ];
}

/** Tasks by the earliest turn in which they can start; order within a wave as in the plan. Linear, and never recursive. */
export function planWaves(plan: Plan): PlannedTask[][] {
  const left = new Map<TaskId, number>(plan.tasks.map((task) => [task.id, task.needs.length]));
  const dependents = new Map<TaskId, PlannedTask[]>();
  for (const task of plan.tasks) {
    for (const need of task.needs) {
      const known = dependents.get(need);
      if (known === undefined) dependents.set(need, [task]);
      else known.push(task);
    }
  }
  const order = new Map(plan.tasks.map((task, index) => [task.id, index]));
  const waves: PlannedTask[][] = [];
  let wave = plan.tasks.filter((task) => task.needs.length === 0);
  while (wave.length > 0) {
    waves.push(wave);
    const next: PlannedTask[] = [];
    for (const dependent of wave.flatMap((task) => dependents.get(task.id) ?? [])) {
      const open = (left.get(dependent.id) ?? 0) - 1;
      left.set(dependent.id, open);
      if (open === 0) next.push(dependent);
    }
    wave = next.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
  }
  return waves;
}

function workText({ work }: PlannedTask): string {
  if (work.kind === 'run') return `run: ${safeText(work.command)}`;
  return work.model === null ? safeText(work.agent) : `${safeText(work.agent)} ${safeText(work.model)}`;
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
  ];
}

function warningLines(plan: Plan, look: PlanLook): string[] {
  const overlaps = planOverlaps(plan, MOST_OVERLAPS + 1);
  const lines = overlaps
    .slice(0, MOST_OVERLAPS)
    .map(({ first, second, globs }) => `! ${first} and ${second} may both write ${globs[0] === globs[1] ? globs[0] : `${globs[0]} / ${globs[1]}`}, and neither needs the other`);
  const more = overlaps.length > MOST_OVERLAPS ? ['! … and more tasks whose paths overlap'] : [];
  return [...lines, ...more, ...look.warnings.map((warning) => `! ${warning}`)].map(safeText);
}
