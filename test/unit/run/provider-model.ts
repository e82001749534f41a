// A provider without a network, in virtual time: so many requests at once and no more, clients that repeat a refused
// request twice, and the real driver over both.
import type { Plan } from '../../../src/plan/plan.ts';
import { Driver, type DriverEnd, type Phases } from '../../../src/run/driver.ts';
import type { PhaseResult, RunEvent } from '../../../src/run/events.ts';
import { initialState } from '../../../src/run/state.ts';
import { VirtualClock } from './simulation.ts';

export interface ProviderModel {
  /** Requests at once; more are refused. */
  readonly capacity: number;
  /** What each attempt asks for. */
  readonly requests: number;
  readonly requestMs: number;
  /** How often a client repeats a refused request before it gives up. */
  readonly clientRetries: number;
  readonly retryDelayMs: number;
}

export interface ModelRun {
  readonly end: DriverEnd;
  readonly journal: readonly RunEvent[];
  readonly sent: number;
  readonly refused: number;
  /** Attempts at work whenever a request was sent. */
  readonly atWork: readonly { readonly at: number; readonly count: number }[];
  readonly tookMs: number;
}

/** Runs a plan of agent tasks to its end. A refused attempt goes on where it was. */
export async function runAgainst(plan: Plan, model: ProviderModel): Promise<ModelRun> {
  const clock = new VirtualClock();
  const began = clock.now();
  const journal: RunEvent[] = [];
  const answered = new Map<string, number>();
  const atWork: { at: number; count: number }[] = [];
  let [inFlight, working, sent, refused] = [0, 0, 0, 0];
  const request = async (): Promise<boolean> => {
    sent += 1;
    atWork.push({ at: clock.now(), count: working });
    if (inFlight >= model.capacity) {
      refused += 1;
      return false;
    }
    inFlight += 1;
    await clock.until(clock.now() + model.requestMs);
    inFlight -= 1;
    return true;
  };
  const converse = async (task: string, attempt: number): Promise<PhaseResult> => {
    const report = { sessionId: task, model: null, costUsd: 0.1, tokens: null, turns: 1, result: null };
    while ((answered.get(task) ?? 0) < model.requests) {
      let isAnswered = await request();
      for (let tries = 0; !isAnswered && tries < model.clientRetries; tries += 1) {
        driver.signal({ type: 'provider-signal', task, attempt, signal: { kind: 'refused', message: 'rate_limit (429)', delayMs: model.retryDelayMs } });
        await clock.until(clock.now() + model.retryDelayMs * 2 ** tries + ((task.length * 37 + sent * 13) % 50));
        isAnswered = await request();
      }
      if (!isAnswered) return { ok: false, reason: 'rate-limited', retry: 'provider', message: '429', detail: { report } };
      driver.signal({ type: 'provider-signal', task, attempt, signal: { kind: 'answered' } });
      answered.set(task, (answered.get(task) ?? 0) + 1);
    }
    return { ok: true, detail: { report } };
  };
  const phases: Phases = {
    perform: async ({ phase, task, attempt }) => {
      if (phase !== 'work') return { ok: true, detail: { worktree: `/wt/${task}`, start: 'a'.repeat(40) } };
      working += 1;
      const result = await converse(task, attempt);
      working -= 1;
      return result;
    },
    release: async () => await Promise.resolve(null),
    merge: async () => await Promise.resolve({ type: 'merge-finished', notes: [] }),
  };
  const driver: Driver = new Driver({
    plan, state: initialState(plan), phases, clock, onEvent: () => {},
    first: { type: 'run-started', format: 1, name: plan.name, base: plan.base.sha, target: null, tasks: plan.tasks.length, plan: '' },
    journal: { append: async (events) => { await Promise.resolve(); journal.push(...events); } },
  });
  let end: DriverEnd | undefined;
  void driver.done.then((value) => { end = value; });
  for (let idle = 0; end === undefined; ) {
    for (let i = 0; i < 30; i += 1) await Promise.resolve();
    if (clock.jump()) idle = 0;
    else if ((idle += 1) > 50) throw new Error(`the run hangs: ${JSON.stringify(driver.state.tasks.map((task) => task.now))}`);
  }
  return { end, journal, sent, refused, atWork, tookMs: clock.now() - began };
}
