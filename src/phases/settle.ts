// What an attempt came to, once its processes are gone: how it ended is written down first, then everything it left is put
// on a ref, and only then is it judged. Each step can be done again by a later orch, with the same result.
import type { Verdict } from '../agents/adapter.ts';
import type { Workspace } from '../effects/effects.ts';
import { crashPoint } from '../lib/crash-point.ts';
import { parseObject } from '../lib/json.ts';
import type { PlannedTask, Sha } from '../plan/plan.ts';
import type { Action, Exit, PhaseDetail, PhaseResult } from '../run/events.ts';
import type { TaskState } from '../run/state.ts';
import { failed, requireRoom, type AttemptPaths, type PhaseContext } from './context.ts';
import { judge, judgeTampering, notesOf } from './judge.ts';
import { withOutputs } from './products.ts';

/** How an attempt's agent ended: all that its work needs in order to be judged, beside what git says. */
export interface Ended {
  readonly v: 1;
  /** The commit that it started from; a record of another start is of no use. */
  readonly start: Sha;
  readonly exit: Exit;
  readonly durationMs: number;
  readonly leftovers: number;
  readonly tier: number;
  readonly verdict: Verdict;
  /** What it changed that was not its own. */
  readonly tampered: readonly string[];
  readonly notes: readonly string[];
}

/** An attempt whose processes are gone. */
export interface EndedAttempt {
  readonly task: PlannedTask;
  readonly action: Action;
  readonly workspace: Workspace;
  readonly ended: Ended;
  /** The work whose conflict it was to resolve. */
  readonly resolving: TaskState['resolving'];
}

const MAX_BYTES = 16 * 1024 * 1024;

/** Records how an agent ended; without room for it the attempt goes on, and only a crash from here on would cost a second one. */
export async function saveEnd(context: PhaseContext, paths: AttemptPaths, ended: Ended): Promise<void> {
  await write(context, paths.ended, ended);
}

async function write({ files }: PhaseContext, file: string, value: unknown): Promise<void> {
  try {
    await files.writeText(file, `${JSON.stringify(value, null, 2)}\n`);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** Before an attempt begins: what stands there can only have been put there by somebody else. */
export async function forgetEnd({ files }: PhaseContext, paths: AttemptPaths): Promise<void> {
  await Promise.all([files.remove(paths.ended), files.remove(paths.result)]);
}

/** What an earlier orch recorded of an attempt of this start; null = nothing that can be used. */
export async function loadEnd({ files }: PhaseContext, paths: AttemptPaths, start: Sha): Promise<Ended | null> {
  const ended = parseObject((await files.readText(paths.ended, MAX_BYTES)) ?? '') as Ended | null;
  return ended?.v === 1 && ended.start === start ? ended : null;
}

/** The result that an earlier orch came to, if git still has what it says was delivered. */
export async function loadResult(context: PhaseContext, paths: AttemptPaths): Promise<PhaseResult | null> {
  const result = parseObject((await context.files.readText(paths.result, MAX_BYTES)) ?? '') as PhaseResult | null;
  const delivery = result?.detail?.delivery;
  return result !== null && delivery !== undefined && (await context.workspaces.holds(delivery)) ? result : null;
}

/** Work is on a ref before it is judged: a failed attempt loses nothing either. */
export async function settle(context: PhaseContext, { task, action, workspace, ended, resolving }: EndedAttempt): Promise<PhaseResult> {
  const { leftovers, exit, durationMs, verdict } = ended;
  const paths = context.attemptPaths(task.id, action.attempt);
  const notes = [...ended.notes, ...(leftovers > 0 ? [`left ${leftovers} process${leftovers === 1 ? '' : 'es'} running; stopped`] : [])];
  const base: PhaseDetail = { report: verdict.report, exit, tier: ended.tier, durationMs, log: paths.log, notes };
  const collecting = await context.workspaces.collect(workspace, `${task.name}\n\nOrch-Run: ${context.plan.run}\nOrch-Task: ${task.id}\nOrch-Attempt: ${action.attempt}`, resolving?.delivery.head);
  // How the agent ended is on disk: the next orch collects its work, and does not run it again.
  if (!collecting.ok) requireRoom(context.plan.run, collecting.message);
  if (!collecting.ok) return failed('workspace', 'never', `its work could not be saved: ${collecting.message}; the worktree is kept`, base);
  crashPoint('work-collected');
  const { collected } = collecting;
  const detail: PhaseDetail = { ...base, delivery: collected.delivery, notes: [...notes, ...notesOf(collected.findings)] };
  const judgement = judgeTampering(ended.tampered) ?? judge(task, exit, verdict, collected);
  const result: PhaseResult = judgement.ok ? await withOutputs(context, { task }, { paths, detail }) : { ...judgement, detail };
  await write(context, paths.result, result);
  crashPoint('result-saved');
  return result;
}
