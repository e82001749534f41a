// A run without a world: the real driver, reduce and decide over fake phases, virtual time and a journal in memory that
// can fail after any event (which is what a crash looks like from the journal's side).
import fc from 'fast-check';
import type { Clock } from '../../../src/effects/effects.ts';
import type { Plan, PlannedTask } from '../../../src/plan/plan.ts';
import { Driver, type DriverEnd, type Phases } from '../../../src/run/driver.ts';
import type { Action, Fact, FailureReason, PhaseResult, RetryClass, RunEvent } from '../../../src/run/events.ts';
import type { Arrival } from '../../../src/run/arrivals.ts';
import type { ControlRequest } from '../../../src/run/control.ts';
import { grownPlan } from '../../../src/run/grown.ts';
import { mergeNeeds } from '../../../src/run/merges.ts';
import { reduce } from '../../../src/run/reduce.ts';
import { initialState, type RunState } from '../../../src/run/state.ts';
import { agentTask, plan as planOf, task } from '../../support/plan.ts';

export interface Scenario {
  readonly plan: Plan;
  readonly seed: number;
  /** In percent, of each phase that is performed. */
  readonly failing: number;
  /** Journal lengths at which the process dies; each leads to a resume. */
  readonly crashes: readonly number[];
  /** Journal length at which the user presses Ctrl-C, in the last session. */
  readonly cancelAt: number | null;
  readonly resumeFailed: boolean;
  /** What a task with a fan-out names. */
  readonly items?: number;
  /** What people ask of the run, each once that many events are on disk. */
  readonly asks?: readonly Ask[];
  /** What earlier sessions recorded. */
  readonly journal?: readonly RunEvent[];
}

/** `pick` chooses a task, modulo their number. */
export interface Ask {
  readonly at: number;
  readonly kind: 'cancel' | 'cancel-all' | 'retry' | 'add' | 'stop';
  readonly pick: number;
}

/** A request that was granted, and how much was on disk when that was said. */
export interface Granted {
  readonly request: ControlRequest;
  readonly tasks: readonly string[];
  readonly onDisk: number;
}

function requestOf({ kind, pick }: Ask, plan: Plan, at: number): ControlRequest {
  const id = plan.tasks[pick % plan.tasks.length]?.id ?? '';
  switch (kind) {
    case 'cancel': return { type: 'cancel', tasks: [id] };
    case 'cancel-all': return { type: 'cancel', tasks: 'all' };
    case 'retry': return { type: 'retry', tasks: [id] };
    case 'add': return { type: 'add', agents: {}, tasks: [task(`x${at}`, { needs: pick % 2 === 0 ? [id] : [] }), task(`y${at}`, { needs: [`x${at}`] })] };
    case 'stop': return { type: 'stop', force: pick % 4 === 0 };
    default: return kind satisfies never;
  }
}

/** What was seen from outside the driver. */
export interface Seen {
  readonly journal: RunEvent[];
  /** Events as reporters got them, with the journal's length at that moment. */
  readonly told: { readonly event: RunEvent; readonly onDisk: number }[];
  /** Performances as they began and ended, with what ran at the same time. */
  readonly performed: { readonly action: Action; readonly alongside: readonly Action[]; readonly session: number; readonly cancelled: boolean; /** its worktree was just being removed */ readonly isReleasing: boolean }[];
  readonly released: string[];
  readonly end: DriverEnd;
  readonly sessions: number;
  readonly granted: readonly Granted[];
}

const FAILURES: readonly { reason: FailureReason; retry: RetryClass }[] = [
  { reason: 'agent-error', retry: 'agent' }, { reason: 'timeout', retry: 'timeout' }, { reason: 'verify-failed', retry: 'verify' },
  { reason: 'spawn', retry: 'infrastructure' }, { reason: 'rate-limited', retry: 'provider' }, { reason: 'auth', retry: 'never' },
  { reason: 'needs-conflict', retry: 'never' },
];

function random(seed: number, ...parts: readonly (string | number)[]): number {
  let h = seed | 0;
  for (const c of parts.join('/')) h = Math.imul(h ^ c.charCodeAt(0), 0x01000193);
  h ^= h >>> 15;
  return ((Math.imul(h, 0x2c1b3c6d) >>> 0) % 10_000) / 100;
}

/** Virtual time: it jumps to the next wake-up when everybody waits. */
export class VirtualClock implements Clock {
  #now = 1_000_000;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();
  now(): number { return this.#now; }
  awake(): number { return this.#now; }
  until(at: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { at, wake: (): void => { this.#sleepers.delete(sleeper); resolve(); } };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }
  /** Jumps to the earliest sleeper. */
  jump(): boolean {
    const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
    if (next === undefined) return false;
    this.#now = Math.max(this.#now, next.at);
    next.wake();
    return true;
  }
}

function resultOf(scenario: Scenario, action: Action, tries: number): PhaseResult {
  const roll = random(scenario.seed, action.task, action.phase, tries);
  const detail = action.phase === 'prepare' ? { worktree: `/wt/${action.task}`, start: 'a'.repeat(40) }
    : action.phase === 'work' ? { report: { sessionId: 's', model: null, costUsd: 0.25, tokens: null, turns: 1, result: null }, delivery: { head: '1'.repeat(40), ref: `refs/heads/orch/test/${action.task}`, commits: action.task === 't0' ? 0 : 1, filesChanged: 1, insertions: 1, deletions: 0 }, outputs: { items: JSON.stringify(Array.from({ length: scenario.items ?? 0 }, (_, i) => `item ${i}`)) } } : {};
  if (roll >= scenario.failing) return { ok: true, detail };
  const fitting = FAILURES.filter((f) => (action.phase === 'work' ? f.retry !== 'verify' : action.phase === 'verify' ? f.retry === 'verify' : f.retry === 'infrastructure' || f.reason === 'needs-conflict'));
  const failure = fitting[Math.floor(roll * 7) % fitting.length];
  if (failure === undefined) return { ok: true, detail };
  return { ok: false, ...failure, message: `${action.phase} failed`, detail };
}

/** Runs a scenario to its end, through all its crashes. */
export async function simulate(scenario: Scenario): Promise<Seen> {
  const { plan } = scenario;
  const clock = new VirtualClock();
  const journal: RunEvent[] = [...(scenario.journal ?? [])];
  const told: Seen['told'] = [];
  const performed: { action: Action; alongside: readonly Action[]; session: number; cancelled: boolean; isReleasing: boolean }[] = [];
  const released: string[] = [];
  const running = new Map<string, Action>();
  const releasing = new Set<string>();
  const tries = new Map<string, number>();
  let session = 0;
  const asks = [...(scenario.asks ?? [])];
  const granted: Granted[] = [];
  for (;;) {
    session += 1;
    const crashAt = scenario.crashes[session - 1] ?? Number.POSITIVE_INFINITY;
    running.clear();
    releasing.clear();
    let driver: Driver | undefined;
    const jobs: (() => void)[] = [];
    // Removing a worktree takes longer than anything else.
    const slow: (() => void)[] = [];
    const phases: Phases = {
      perform: async (action, _state, stop) => {
        const key = `${action.task}/${action.phase}`;
        tries.set(key, (tries.get(key) ?? 0) + 1);
        performed.push({ action, alongside: [...running.values()], session, cancelled: stop.gentle.aborted, isReleasing: releasing.has(action.task) });
        running.set(action.task, action);
        await new Promise<void>((resolve) => {
          jobs.push(resolve);
          stop.gentle.addEventListener('abort', () => resolve(), { once: true });
        });
        running.delete(action.task);
        if (stop.gentle.aborted) return { ok: false, reason: 'interrupted', retry: 'never', message: 'stopped', detail: {} };
        return resultOf(scenario, action, tries.get(key) ?? 0);
      },
      merge: async (at, { stop, record, arrivals }) => {
        const unmerged = new Set<string>();
        for (let joined: Arrival | null = { tasks: at.merging?.tasks ?? [], state: at }; joined !== null; joined = await arrivals.next()) {
          for (const id of joined.tasks) {
            await new Promise<void>((resolve) => { jobs.push(resolve); });
            if (stop.gentle.aborted) return { type: 'merge-finished', notes: [] };
            const lacks = mergeNeeds(grownPlan(plan, joined.state), joined.state, id).find((need) => unmerged.has(need));
            tries.set(id, (tries.get(id) ?? 0) + 1);
            const isMerged = lacks === undefined && random(scenario.seed, 'merge', id, tries.get(id) ?? 0) >= scenario.failing;
            if (isMerged) unmerged.delete(id);
            else unmerged.add(id);
            if (isMerged) await record([{ type: 'merge-landing', tasks: [{ task: id, commit: '1'.repeat(40) }] }]);
            await record([isMerged ? { type: 'task-merged', task: id, commit: '1'.repeat(40) } : { type: 'task-unmerged', task: id, merge: lacks === undefined ? 'conflict' : 'unmerged', message: 'conflicts' }]);
          }
        }
        return { type: 'merge-finished', notes: [] };
      },
      release: async ({ id }) => {
        if (releasing.has(id)) throw new Error(`${id} is removed twice`);
        releasing.add(id);
        if (scenario.asks === undefined) await Promise.resolve();
        else await new Promise<void>((resolve) => { slow.push(resolve); });
        released.push(id);
        return null;
      },
    };
    const store = {
      append: async (events: readonly RunEvent[]): Promise<void> => {
        await Promise.resolve();
        for (const event of events) {
          if (journal.length >= crashAt) throw new Error('crash');
          journal.push(event);
        }
      },
    };
    const state = journal.reduce<RunState>((s, e) => reduce(plan, s, e), initialState(plan));
    const first: Fact = journal.length === 0
      ? { type: 'run-started', format: 1, name: plan.name, base: plan.base.sha, target: null, tasks: plan.tasks.length, plan: '' }
      : { type: 'run-resumed', failed: scenario.resumeFailed };
    const isLast = scenario.crashes.length < session;
    driver = new Driver({
      plan, state, first, journal: store, phases, clock,
      onEvent: (event, at) => {
        told.push({ event, onDisk: journal.length });
        if (event.type === 'worktree-released') releasing.delete(event.task);
        while (asks[0] !== undefined && asks[0].at <= journal.length) {
          const ask = asks.shift();
          const request = ask === undefined ? null : requestOf(ask, grownPlan(plan, at), journal.length);
          if (request !== null) void driver?.request(request).then(({ tasks }) => { granted.push({ request, tasks, onDisk: journal.length }); }, () => undefined);
        }
        if (isLast && scenario.cancelAt !== null && journal.length >= scenario.cancelAt) driver?.stop('interrupted');
      },
    });
    let end: DriverEnd | undefined;
    void driver.done.then((value) => { end = value; });
    for (let idle = 0; end === undefined; ) {
      for (let i = 0; i < 12; i += 1) await Promise.resolve();
      const job = jobs.splice(Math.floor(random(scenario.seed, 'job', performed.length, jobs.length) * jobs.length / 100), 1)[0] ?? slow.shift();
      if (job !== undefined) { job(); idle = 0; }
      else if (clock.jump()) idle = 0;
      else if ((idle += 1) > 50) throw new Error(`the run hangs: ${JSON.stringify(driver.state.tasks.map((t) => t.now))}`);
    }
    if (end.journalError === null) return { journal, told, performed, released, end, sessions: session, granted };
  }
}

const FAN = 'fan';

/** A fan-out from one of the tasks; those behind it that say so need it, the others must not. */
function withFanOut(tasks: readonly PlannedTask[], fan: { source: number; verify: boolean; retries: number } | null): Pick<Plan, 'tasks' | 'fanOuts'> {
  const source = fan === null ? -1 : fan.source % tasks.length;
  const cleaned = tasks.map((one, i) => (fan !== null && i > source ? one : { ...one, needs: one.needs.filter((need) => need !== FAN) }));
  if (fan === null) return { tasks: cleaned };
  const from = { task: `t${source}`, output: 'items' };
  const template = task(FAN, { needs: [from.task], work: { kind: 'run', command: 'work on ${{ item }}' }, verify: fan.verify ? ['check ${{ task.id }}'] : [], retries: fan.retries, of: FAN });
  return { tasks: cleaned, fanOuts: [{ id: FAN, from, exclude: [], batch: 1, maxTasks: 1000, template }] };
}

const taskArbitrary = (i: number): fc.Arbitrary<PlannedTask> =>
  fc.record({
    isAgent: fc.boolean(), needs: fc.subarray(Array.from({ length: i }, (_, k) => `t${k}`), { maxLength: Math.min(i, 3) }), verify: fc.boolean(),
    needsFan: fc.boolean(), retries: fc.nat({ max: 2 }), continueOnError: fc.boolean(), group: fc.constantFrom(null, null, 'db', 'ui'),
  }).map((r) => {
    const over = { needs: r.needsFan ? [...r.needs, FAN] : r.needs, verify: r.verify ? ['true'] : [], retries: r.retries, continueOnError: r.continueOnError, concurrency: r.group };
    return r.isAgent ? agentTask(`t${i}`, over) : task(`t${i}`, over);
  });

const MERGE = { strategy: 'merge', verify: [], batch: 'auto', conflicts: [] } as const;

export const scenarioArbitrary: fc.Arbitrary<Scenario> = fc.record({
  plan: fc.integer({ min: 1, max: 9 }).chain((n) => fc.tuple(
    fc.tuple(...Array.from({ length: n }, (_, i) => taskArbitrary(i))),
    fc.record({
      maxParallel: fc.integer({ min: 1, max: 4 }),
      maxFail: fc.constantFrom(null, null, { kind: 'count', count: 1 } as const, { kind: 'count', count: 3 } as const, { kind: 'percent', percent: 20 } as const),
      maxWaitMs: fc.constantFrom(0, 60_000, 1_800_000),
    }),
    fc.option(fc.record({ source: fc.nat({ max: 8 }), verify: fc.boolean(), retries: fc.nat({ max: 1 }) })),
    fc.option(fc.record({ when: fc.constantFrom('end', 'each', 'each'), onConflict: fc.constantFrom('park', 'retry', 'retry', 'resolve') })),
  )).map(([tasks, over, fan, merge]) => planOf(tasks, { ...over, ...withFanOut(tasks, fan), ...(merge !== null ? { target: 'main', merge: { ...MERGE, ...merge } } : {}) })),
  items: fc.nat({ max: 5 }),
  seed: fc.integer(),
  failing: fc.constantFrom(0, 15, 40, 80),
  crashes: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }).map((at) => at.sort((a, b) => a - b)),
  cancelAt: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 3 }),
  resumeFailed: fc.boolean(),
});

/** The same, with people who ask for things meanwhile. */
export const askedArbitrary: fc.Arbitrary<Scenario> = fc.tuple(
  scenarioArbitrary,
  fc.constantFrom('failed', 'never', 'always'),
  fc.array(fc.record({ at: fc.integer({ min: 1, max: 60 }), kind: fc.constantFrom('cancel', 'cancel', 'cancel-all', 'retry', 'retry', 'retry', 'add', 'stop'), pick: fc.nat({ max: 40 }) }), { minLength: 1, maxLength: 6 }),
).map(([scenario, keep, asks]) => ({ ...scenario, plan: { ...scenario.plan, worktrees: { ...scenario.plan.worktrees, keep } }, asks: asks.sort((a, b) => a.at - b.at) }));
