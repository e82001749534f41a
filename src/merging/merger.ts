// The one loop of a merge: asks the queue what to do, writes it down, does it, tells the queue what came of it. It knows
// neither git nor processes, only that each job is answered.
import { unreachable } from '../errors.ts';
import { decideMerge } from './decide.ts';
import type { Candidate, Job, JobId, JobResult, MergeFact, QueueState, Verdict } from './queue.ts';
import { reduceQueue } from './reduce.ts';
import type { Sha, TaskId } from '../plan/plan.ts';

/** What the queue's jobs do. A rejection stops the queue: what is not merged by then stays unmerged. */
export interface MergeWorld {
  /** `name` is for this one stack; stacks of one name replace each other. */
  assemble(name: string, onto: Sha, branches: readonly Candidate[], signal: AbortSignal): Promise<Extract<JobResult, { kind: 'assembled' }>>;
  /** Runs the verify commands on exactly this commit. A dropped one may still be stopping when the next is asked for. */
  verify(commit: Sha, signal: AbortSignal): Promise<Verdict>;
  /** Moves the target to exactly this commit, after a last look at what it contains. */
  land(from: Sha, to: Sha, branches: readonly TaskId[]): Promise<Extract<JobResult, { kind: 'landed' | 'target-moved' }>>;
}

export interface MergerOptions {
  readonly world: MergeWorld;
  readonly state: QueueState;
  /** Called with every fact before anything comes of it; awaited; its failure stops the queue. */
  readonly record: (fact: MergeFact) => Promise<void>;
}

/** Merges what arrives until the queue is finished. */
export class Merger {
  readonly #options: MergerOptions;
  readonly #running = new Map<JobId, { readonly abort: AbortController; readonly done: Promise<void> }>();
  readonly #inbox: MergeFact[] = [];
  #state: QueueState;
  #wake: () => void = () => {};

  constructor(options: MergerOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  get state(): QueueState {
    return this.#state;
  }

  /** Arrivals, the target, a stop: facts that come from outside. */
  tell(fact: MergeFact): void {
    this.#inbox.push(fact);
    this.#wake();
  }

  /** Resolves with the final state once no job runs any more. Rejects when a fact could not be recorded. */
  async run(): Promise<QueueState> {
    try {
      for (;;) {
        for (let fact = this.#inbox.shift(); fact !== undefined; fact = this.#inbox.shift()) await this.#take(fact);
        if (this.#state.isFinished) return this.#state;
        const decision = decideMerge(this.#state);
        if (decision === undefined) await this.#news();
        else if ('record' in decision) await this.#take(decision.record);
        else await this.#launch(decision.launch);
      }
    } finally {
      const jobs = [...this.#running.values()];
      for (const { abort } of jobs) abort.abort();
      await Promise.all(jobs.map(({ done }) => done));
    }
  }

  async #news(): Promise<void> {
    if (this.#inbox.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  async #take(fact: MergeFact): Promise<void> {
    await this.#options.record(fact);
    this.#state = reduceQueue(this.#state, fact);
    // Whatever made a job useless, its answer is not waited for.
    for (const [job, { abort }] of this.#running) if (!this.#state.jobs.has(job)) abort.abort();
  }

  async #launch(what: Job): Promise<void> {
    const job = this.#state.nextJob;
    await this.#take({ type: 'job-started', job, what });
    const abort = new AbortController();
    const done = this.#perform(job, what, abort.signal).then(
      (result) => this.#end({ type: 'job-finished', job, result }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#end(abort.signal.aborted ? { type: 'job-dropped', job } : { type: 'job-finished', job, result: { kind: 'failed', message } });
      },
    );
    this.#running.set(job, { abort, done });
  }

  #end(fact: Extract<MergeFact, { job: JobId }>): void {
    this.#running.delete(fact.job);
    // A dropped job is no longer anybody's.
    if (this.#state.jobs.has(fact.job)) this.tell(fact);
    else this.#wake();
  }

  async #perform(job: JobId, what: Job, signal: AbortSignal): Promise<JobResult> {
    const { world } = this.#options;
    switch (what.kind) {
      case 'assemble':
        return world.assemble(`line-${job}`, what.onto, this.#candidates(what.branches), signal);
      case 'verify':
        return { kind: 'verified', verdict: await world.verify(what.commit, signal) };
      case 'try': {
        const { steps, clashes } = await world.assemble(`try-${what.branch}`, what.onto, this.#candidates([what.branch]), signal);
        const [step] = steps;
        if (step === undefined) return { kind: 'clashed', files: clashes[0]?.files ?? [] };
        return { kind: 'tried', commit: step.commit, verdict: await world.verify(step.commit, signal) };
      }
      case 'land':
        return world.land(what.from, what.to, what.branches);
      default:
        return unreachable(what);
    }
  }

  #candidates(ids: readonly TaskId[]): readonly Candidate[] {
    return ids.flatMap((id) => this.#state.branches.get(id)?.candidate ?? []);
  }
}
