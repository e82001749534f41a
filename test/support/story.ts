// A run told by hand: facts go through the real reducer, and every listener hears what a reporter would.
import type { Plan, TaskId } from '../../src/plan/plan.ts';
import type { Delivery, Fact, FailureReason, PhaseDetail, PhaseResult, RetryClass, RunEvent, TaskOutcome } from '../../src/run/events.ts';
import { reduce } from '../../src/run/reduce.ts';
import { initialState } from '../../src/run/state.ts';
import type { RunState } from '../../src/run/state.ts';

export interface Listener {
  onEvent(event: RunEvent, state: RunState): void;
}

export const DELIVERY: Delivery = { head: 'a'.repeat(40), ref: 'refs/heads/orch/test/x', commits: 1, filesChanged: 3, insertions: 40, deletions: 2 };

export class Story {
  readonly plan: Plan;
  readonly events: RunEvent[] = [];
  state: RunState;
  now = Date.UTC(2026, 10, 20, 7, 31);
  readonly #listeners: readonly Listener[];

  constructor(plan: Plan, listeners: readonly Listener[] = []) {
    this.plan = plan;
    this.state = initialState(plan);
    this.#listeners = listeners;
  }

  tell(fact: Fact): RunEvent {
    const event: RunEvent = { v: 1, seq: this.state.seq + 1, at: this.now, run: this.plan.run, ...fact };
    this.state = reduce(this.plan, this.state, event);
    this.events.push(event);
    for (const listener of this.#listeners) listener.onEvent(event, this.state);
    return event;
  }

  wait(ms: number): this {
    this.now += ms;
    return this;
  }

  begin(): void {
    const { name, base, target, tasks } = this.plan;
    this.tell({ type: 'run-started', format: 1, name, base: base.sha, target, tasks: tasks.length, plan: '0' });
  }

  /** Prepared and at work. */
  start(task: TaskId, attempt = 1): void {
    this.tell({ type: 'phase-started', phase: 'prepare', task, attempt });
    this.finish(task, { ok: true, detail: { worktree: `/worktrees/${task}`, start: 'b'.repeat(40) } }, attempt);
    this.tell({ type: 'phase-started', phase: 'work', task, attempt });
  }

  /** Ends the phase that runs. */
  finish(task: TaskId, result: PhaseResult, attempt = 1): void {
    const now = this.state.tasks[this.plan.tasks.findIndex(({ id }) => id === task)]?.now;
    this.tell({ type: 'phase-finished', phase: now?.at === 'running' ? now.phase : 'work', task, attempt, result });
  }

  complete(task: TaskId, detail: PhaseDetail = { delivery: DELIVERY }): void {
    this.finish(task, { ok: true, detail });
    this.settle(task, 'completed');
  }

  fail(task: TaskId, why: { reason?: FailureReason; message?: string; retry?: RetryClass; detail?: PhaseDetail } = {}): void {
    const { reason = 'agent-error', message = 'the agent exited with 1', retry = 'never', detail = { log: `/logs/${task}/output.log` } } = why;
    this.finish(task, { ok: false, reason, retry, message, detail });
    if (retry === 'never') this.settle(task, 'failed', { reason, message });
  }

  settle(task: TaskId, outcome: TaskOutcome, why: { reason: FailureReason | null; message: string | null } = { reason: null, message: null }): void {
    this.tell({ type: 'task-settled', task, outcome, ...why });
  }
}
