// The one loop: collects what happened, asks `decide`, makes it durable, tells the reporters, then acts. It sees the
// world only through what is passed in, and nothing is launched or told before it is on disk.
import { setMaxListeners } from 'node:events';
import type { Clock, StopRequest } from '../effects/effects.ts';
import { EXIT, OrchError } from '../errors.ts';
import { crashPoint } from '../lib/crash-point.ts';
import type { Plan, PlannedTask, TaskId } from '../plan/plan.ts';
import { Arrivals } from './arrivals.ts';
import { control, type ControlAnswer, type ControlRequest } from './control.ts';
import { decide } from './decide.ts';
import type { Action, CancelReason, Fact, PhaseResult, RunEvent } from './events.ts';
import { grownPlan } from './grown.ts';
import { indexOf, indexOfTask } from './plan-index.ts';
import { keptBecause } from './outcome.ts';
import { isNews } from './providers.ts';
import { reduce } from './reduce.ts';
import { Slots } from './slots.ts';
import type { RunState, TaskState } from './state.ts';

/** How running phases are stopped: `gentle` first, `force` when the user insists. Their reasons are `StopRequest`s. */
export interface Stop {
  readonly gentle: AbortSignal;
  readonly force: AbortSignal;
}

/** The driver's only view of phases. Never rejects for an expected result; a rejection is a bug and ends the run. */
export interface Phases {
  perform(action: Action, state: RunState, stop: Stop): Promise<PhaseResult>;
  /** Removes a settled task's worktree. Returns why it was kept, or null. */
  release(task: PlannedTask, state: TaskState): Promise<string | null>;
  /** Merges what `state.merging` says, and what joins it. Returns the last fact. */
  merge(state: RunState, job: MergeJob): Promise<Fact>;
}

/** What a merge has of the run that it is part of. */
export interface MergeJob {
  readonly stop: Stop;
  /** Resolves when the facts are on disk, and rejects when they cannot be. */
  readonly record: (facts: readonly Fact[]) => Promise<void>;
  /** What joins; null = nothing any more. */
  readonly arrivals: Pick<Arrivals, 'next'>;
}

export interface DriverOptions {
  readonly plan: Plan;
  /** The state that the journal holds so far. */
  readonly state: RunState;
  /** What an earlier process left unrecorded, e.g. the results of phases that it did not see end; recorded before `first`. */
  readonly found?: readonly Fact[];
  /** Recorded before anything is decided: `run-started` or `run-resumed`. */
  readonly first: Fact;
  /** Recorded with `first`, before anything is decided. */
  readonly alongside?: readonly Fact[];
  readonly journal: { append(events: readonly RunEvent[]): Promise<void> };
  readonly phases: Phases;
  readonly clock: Clock;
  readonly onEvent: (event: RunEvent, state: RunState) => void;
}

export interface DriverEnd {
  readonly state: RunState;
  readonly exitCode: number;
  /** Why the journal could not be written, if that is what ended the run. */
  readonly journalError: Error | null;
}

type Message = { readonly fact: Fact; readonly recorded?: Recorded } | { readonly request: ControlRequest; readonly answer: (answer: ControlAnswer | Error) => void } | { readonly bug: unknown };
/** Somebody who waits for a fact to be on disk; `null` = it is. */
type Recorded = (refusal: Error | null) => void;

/** What is answered to requests that come too late. */
const ENDED: ControlAnswer = { ok: false, code: 'run-ended', message: 'the run has ended', exitCode: EXIT.preflight };

/** A run under way: `done` resolves when nothing of it is left running. */
export class Driver {
  readonly #options: DriverOptions;
  readonly #slots: Slots;
  readonly #gentle = new AbortController();
  readonly #force = new AbortController();
  /** Stops one running task. */
  readonly #stops = new Map<TaskId, AbortController>();
  readonly #inbox: Message[] = [];
  readonly #releasing = new Set<TaskId>();
  #state: RunState;
  #underWay = 0;
  /** Of the merge that is under way. */
  #arrivals: Arrivals | null = null;
  #waiting: Recorded[] = [];
  #hasEnded = false;
  #wake: () => void = () => {};
  #journalError: Error | null = null;
  readonly done: Promise<DriverEnd>;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#slots = new Slots(options.plan.maxParallel);
    this.#inbox.push(...[...(options.found ?? []), options.first, ...(options.alongside ?? [])].map((fact) => ({ fact })));
    // Every running phase listens; a thousand of them are no leak.
    setMaxListeners(0, this.#gentle.signal, this.#force.signal);
    this.done = this.#run();
  }

  get state(): RunState {
    return this.#state;
  }

  /** Starts nothing more and stops what runs, gently. Later calls change nothing. */
  stop(reason: CancelReason, message: string | null = null): void {
    if (this.#gentle.signal.aborted) return;
    if (this.#state.cancelling === null) this.#post({ fact: { type: 'run-cancelling', reason, message } });
    this.#stopRunning(reason);
  }

  /** Records what a provider said while an attempt is under way; what changes nothing is not recorded. */
  signal(fact: Extract<Fact, { type: 'provider-signal' }>): void {
    if (fact.signal.kind !== 'answered' || isNews(grownPlan(this.#options.plan, this.#state), this.#state, fact.task)) this.#post({ fact });
  }

  /** Kills what runs. */
  kill(reason: CancelReason): void {
    this.stop(reason);
    this.#force.abort({ reason, forced: true } satisfies StopRequest);
  }

  /** Does what somebody asks of the live run; resolves when it is on disk. Rejects when that cannot be, or the run has ended. */
  async request(request: ControlRequest): Promise<Extract<ControlAnswer, { ok: true }>> {
    const answer = await new Promise<ControlAnswer>((resolve, reject) => {
      const settle = (value: ControlAnswer | Error): void => {
        if (value instanceof Error) reject(value);
        else resolve(value);
      };
      if (this.#hasEnded) settle(ENDED);
      else this.#post({ request, answer: settle });
    });
    if (!answer.ok) throw new OrchError(answer);
    if (request.type !== 'stop') return answer;
    if (request.force) this.kill('interrupted');
    else this.stop('interrupted');
    return answer;
  }

  /** A bug of ours must not leave agents running either. */
  async #run(): Promise<DriverEnd> {
    try {
      return await this.#loop();
    } catch (error) {
      this.#stopRunning('interrupted');
      await this.#drain();
      throw error;
    } finally {
      this.#hasEnded = true;
      for (const message of this.#inbox.splice(0)) if ('request' in message) message.answer(ENDED);
    }
  }

  async #loop(): Promise<DriverEnd> {
    for (;;) {
      const { events, launches, wakeAt } = this.#turn();
      if (events.length > 0 && !(await this.#record(events))) return await this.#abandon();
      if (events.length > 0) crashPoint('recorded');
      for (const { event } of events) if (event.type === 'gate-changed') this.#slots.resize(event.provider, event.slots ?? this.#options.plan.maxParallel);
      this.#feedMerge(events);
      for (const { event } of events) if (event.type === 'task-cancelling') this.#stops.get(event.task)?.abort({ reason: 'cancelled', forced: false } satisfies StopRequest);
      for (const action of launches) this.#launch(action);
      this.#startReleases();
      this.#startMerge();
      const { exitCode, finishedAt } = this.#state;
      if (finishedAt !== null && exitCode !== null) return { state: this.#state, exitCode, journalError: null };
      if (this.#inbox.length === 0) await this.#sleep(wakeAt);
    }
  }

  /** One turn of the pure core: everything that arrived, then every decision that follows. */
  #turn(): { events: { event: RunEvent; state: RunState }[]; launches: Action[]; wakeAt: number | null } {
    const { plan, clock } = this.#options;
    const events: { event: RunEvent; state: RunState }[] = [];
    const launches: Action[] = [];
    const now = clock.now();
    const take = (fact: Fact): void => {
      const event: RunEvent = { v: 1, seq: this.#state.seq + 1, at: now, run: plan.run, ...fact };
      this.#state = reduce(plan, this.#state, event);
      // From here on, and not before, the state says what there is to do.
      if (event.type === 'worktree-released') this.#releasing.delete(event.task);
      if (event.type === 'merge-finished') this.#arrivals = null;
      events.push({ event, state: this.#state });
    };
    for (const message of this.#inbox.splice(0)) {
      if ('bug' in message) throw message.bug;
      if ('request' in message) {
        const { facts, answer } = control(plan, this.#state, message.request);
        for (const fact of facts) take(fact);
        // Also what changes nothing may only say so once what it relies on, from this turn, is on disk.
        if (events.length === 0) message.answer(answer);
        else this.#waiting.push((refusal) => message.answer(refusal ?? answer));
        continue;
      }
      // A second reason to stop adds nothing: the first one was recorded.
      if (message.fact.type === 'run-cancelling' && this.#state.cancelling !== null) continue;
      take(message.fact);
      if (message.recorded !== undefined) this.#waiting.push(message.recorded);
    }
    for (;;) {
      const decision = decide(plan, this.#state, now);
      if (decision === undefined) return { events, launches, wakeAt: null };
      if ('wakeAt' in decision) return { events, launches, wakeAt: decision.wakeAt };
      if ('launch' in decision) {
        launches.push(decision.launch);
        take({ type: 'phase-started', ...decision.launch });
      } else take(decision.record);
    }
  }

  async #record(events: readonly { event: RunEvent; state: RunState }[]): Promise<boolean> {
    try {
      await this.#options.journal.append(events.map(({ event }) => event));
    } catch (error) {
      this.#journalError = error instanceof Error ? error : new Error(String(error));
      return false;
    }
    for (const { event, state } of events) this.#options.onEvent(event, state);
    for (const recorded of this.#waiting.splice(0)) recorded(null);
    return true;
  }

  #launch(action: Action): void {
    const { phases } = this.#options;
    const plan = grownPlan(this.#options.plan, this.#state);
    const own = new AbortController();
    setMaxListeners(0, own.signal);
    if (this.#gentle.signal.aborted) own.abort(this.#gentle.signal.reason);
    this.#stops.set(action.task, own);
    const stop: Stop = { gentle: own.signal, force: this.#force.signal };
    const state = this.#state;
    const provider = action.phase === 'work' ? (indexOf(plan).providers[indexOfTask(plan, action.task)] ?? null) : null;
    const job = async (): Promise<PhaseResult> => {
      if (stop.gentle.aborted) {
        return { ok: false, reason: 'interrupted', retry: 'never', message: 'stopped before it began', detail: {} };
      }
      return await phases.perform(action, state, stop);
    };
    void this.#await(
      this.#slots.hold(provider, job),
      (result): Fact => {
        this.#stops.delete(action.task);
        return { type: 'phase-finished', phase: action.phase, task: action.task, attempt: action.attempt, result };
      },
    );
  }

  #startReleases(): void {
    const { phases } = this.#options;
    const plan = grownPlan(this.#options.plan, this.#state);
    for (const index of this.#state.unreleased) {
      const task = plan.tasks[index];
      const state = this.#state.tasks[index];
      if (task === undefined || state === undefined || this.#releasing.has(task.id) || keptBecause(plan, state) !== null) continue;
      this.#releasing.add(task.id);
      void this.#await(phases.release(task, state), (kept): Fact => ({ type: 'worktree-released', task: task.id, kept }));
    }
  }

  /** A merge that is under way is told what has joined it: what was on disk before it began, it knows. */
  #feedMerge(events: readonly { readonly event: RunEvent; readonly state: RunState }[]): void {
    for (const { event, state } of events) if (event.type === 'merge-joined') this.#arrivals?.push({ tasks: event.tasks, state });
    if (this.#state.merging?.isClosed === true) this.#arrivals?.close();
  }

  #startMerge(): void {
    const { phases } = this.#options;
    if (this.#state.merging === null || this.#arrivals !== null) return;
    const arrivals = new Arrivals();
    if (this.#state.merging.isClosed) arrivals.close();
    this.#arrivals = arrivals;
    const stop: Stop = { gentle: this.#gentle.signal, force: this.#force.signal };
    const record = async (facts: readonly Fact[]): Promise<void> => {
      await Promise.all(facts.map(async (fact) => await new Promise<void>((resolve, reject) => {
        this.#post({ fact, recorded: (refusal) => { if (refusal === null) resolve(); else reject(refusal); } });
      })));
    };
    void this.#await(phases.merge(this.#state, { stop, record, arrivals }), (fact) => fact);
  }

  /** Posts what a job came to; a job that throws is a bug, and is rethrown by the loop. */
  async #await<T>(job: Promise<T>, toFact: (value: T) => Fact): Promise<void> {
    this.#underWay += 1;
    try {
      const fact = toFact(await job);
      this.#underWay -= 1;
      this.#post({ fact });
    } catch (error) {
      this.#underWay -= 1;
      this.#post({ bug: error });
    }
  }

  #stopRunning(reason: CancelReason): void {
    const request: StopRequest = { reason, forced: false };
    this.#gentle.abort(request);
    for (const own of this.#stops.values()) own.abort(request);
  }

  #post(message: Message): void {
    this.#inbox.push(message);
    this.#wake();
  }

  async #sleep(wakeAt: number | null): Promise<void> {
    const timer = new AbortController();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (wakeAt !== null) void this.#options.clock.until(wakeAt, timer.signal).then(resolve);
    });
    this.#wake = () => {};
    // With a reason: making the default one is dear.
    timer.abort('done');
  }

  /** The journal is gone: nothing more is recorded, but what runs is stopped and its work saved before we leave. */
  async #abandon(): Promise<DriverEnd> {
    this.#stopRunning('journal-failed');
    await this.#drain();
    return { state: this.#state, exitCode: EXIT.stateNotWritable, journalError: this.#journalError };
  }

  async #drain(): Promise<void> {
    const refusal = this.#journalError ?? new Error('the run was given up');
    this.#arrivals?.close();
    for (;;) {
      for (const recorded of this.#waiting.splice(0)) recorded(refusal);
      for (const message of this.#inbox.splice(0)) {
        if ('recorded' in message) message.recorded?.(refusal);
        if ('request' in message) message.answer(refusal);
      }
      if (this.#underWay === 0) return;
      await this.#sleep(null);
    }
  }
}
