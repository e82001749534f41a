// A run as it goes on in another process: its journal and its agents' logs, read as they grow, told to a listener as the
// run itself would tell it. Never writes and never signals.
import { pause } from '../effects/clock.ts';
import { loadHolder } from '../journal/lock.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadRun } from '../journal/store.ts';
import { JournalTail } from '../journal/tail.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import type { RunEvent } from '../run/events.ts';
import { grownPlan } from '../run/grown.ts';
import { reduce } from '../run/reduce.ts';
import type { RunState } from '../run/state.ts';
import { progressLines, RecentLog } from './agent-log.ts';
import { stateOf } from './records.ts';
import type { Listener } from './session.ts';

export interface FollowOptions {
  readonly commonDir: string;
  readonly run: RunId;
  /** Who is told; null = nobody, only the end counts. */
  readonly listener: ((plan: Plan) => Listener) | null;
  /** `now`: the listener is told where the run is, and what comes. `start`: everything from its first event. */
  readonly from: 'now' | 'start';
  /** Leaves the run alone. */
  readonly signal: AbortSignal;
  /** Aborted when there is nothing more to wait for. Default: `isOver` is asked. */
  readonly over?: AbortSignal;
  /** Default: when no live process holds the run. */
  readonly isOver?: (state: RunState) => Promise<boolean>;
}

export interface Followed {
  readonly plan: Plan;
  readonly state: RunState;
  /** When the present or last process began with it; 0 = it has not. */
  readonly since: number;
}

const TICK_MS = 125;
/** Until there is anything to see. */
const FIRST_TICK_MS = 25;
/** Whether a process lives is asked less often than its journal is read. */
const TICKS_PER_LOOK = 8;

/** Follows a run to its end, or until `signal`. Throws OrchError for records that cannot be read. */
export async function follow(options: FollowOptions): Promise<Followed> {
  const { commonDir, run, from, signal } = options;
  const { dir } = runPaths(commonDir, run);
  const isOver = options.isOver ?? (async () => (await loadHolder(dir)) === null);
  let loaded = await loadRun(commonDir, run);
  const { plan } = loaded;
  const listener = options.listener?.(plan) ?? null;
  let tail = new JournalTail(dir, loaded.journal);
  let state = stateOf(loaded);
  let opening = openingOf(loaded.events);
  const logs = new Logs(plan, commonDir);
  const wake = options.over === undefined ? signal : AbortSignal.any([signal, options.over]);
  const tell = (events: readonly RunEvent[]): void => {
    for (const event of events) {
      if (event.seq <= state.seq) continue;
      state = reduce(plan, state, event);
      if (isOpening(event)) opening = event;
      listener?.onEvent(event, state);
    }
  };
  if (from === 'start') {
    state = stateOf({ plan, events: [] });
    tell(loaded.events);
  } else if (opening !== null) listener?.onEvent(opening, state);
  for (let tick = 0; ; tick += 1) {
    // Asked before reading, so that what was written before the end is not missed.
    const isDue = tick % TICKS_PER_LOOK === 0 || state.finishedAt !== null;
    const over = options.over === undefined ? isDue && (await isOver(state)) : options.over.aborted;
    const news = await tail.next();
    if (news === 'reload') {
      loaded = await loadRun(commonDir, run);
      tail = new JournalTail(dir, loaded.journal);
      tell(loaded.events);
    } else tell(news);
    if (over || signal.aborted) return { plan, state, since: opening?.at ?? 0 };
    if (listener !== null && tick % 2 === 0) await logs.read(state, listener);
    listener?.onTick(Date.now());
    await pause(state.seq === 0 ? FIRST_TICK_MS : TICK_MS, wake);
  }
}

function isOpening({ type }: RunEvent): boolean {
  return type === 'run-started' || type === 'run-resumed' || type === 'merge-started';
}

function openingOf(events: readonly RunEvent[]): RunEvent | null {
  return events.findLast(isOpening) ?? null;
}

/** The logs of the agents that are at work. */
class Logs {
  readonly #plan: Plan;
  readonly #commonDir: string;
  readonly #open = new Map<string, RecentLog>();

  constructor(plan: Plan, commonDir: string) {
    this.#plan = plan;
    this.#commonDir = commonDir;
  }

  async read(state: RunState, listener: Listener): Promise<void> {
    const plan = grownPlan(this.#plan, state);
    const paths = runPaths(this.#commonDir, plan.run);
    const seen = new Set<string>();
    for (const index of state.active) {
      const [task, now] = [plan.tasks[index], state.tasks[index]?.now];
      if (task === undefined || now?.at !== 'running' || now.phase !== 'work') continue;
      const file = paths.attempt(task.id, now.attempt).output;
      const log = this.#open.get(file) ?? new RecentLog(file, progressLines(plan, task));
      this.#open.set(file, log);
      seen.add(file);
      for (const text of await log.next()) listener.onOutput({ task: task.id, attempt: now.attempt, text });
    }
    for (const file of this.#open.keys()) if (!seen.has(file)) this.#open.delete(file);
  }
}
