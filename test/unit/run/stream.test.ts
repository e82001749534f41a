// The guarantees at the top of src/run/events.ts, over random plans with failures, cancels and crash-resumes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/run/events.ts';
import { grownPlan, openFanOuts } from '../../../src/run/grown.ts';
import { exitCodeOf } from '../../../src/run/outcome.ts';
import { isMergeable } from '../../../src/run/merges.ts';
import { reduce } from '../../../src/run/reduce.ts';
import { initialState, type RunState } from '../../../src/run/state.ts';
import { agentTask, plan } from '../../support/plan.ts';
import { askedArbitrary, scenarioArbitrary, simulate, type Scenario, type Seen } from './simulation.ts';
import { tries } from '../../support/tries.ts';

const RUNS = tries(2500);
const ASKED_RUNS = tries(600);

/** Events up to each resume, so that what a resume may repeat is judged apart. */
function sessionsOf(journal: readonly RunEvent[]): RunEvent[][] {
  const sessions: RunEvent[][] = [];
  for (const event of journal) {
    if (event.type === 'run-started' || event.type === 'run-resumed') sessions.push([]);
    sessions.at(-1)?.push(event);
  }
  return sessions;
}

function checkOrder({ journal }: Seen): void {
  expect(journal.map((e) => e.seq)).toEqual(journal.map((_, i) => i + 1));
  expect(journal[0]?.type).toBe('run-started');
  expect(journal.filter((e) => e.type === 'run-started')).toHaveLength(1);
  expect(journal.at(-1)?.type).toBe('run-finished');
}

function checkPhases({ journal }: Seen): void {
  const sessions = sessionsOf(journal);
  for (const [i, session] of sessions.entries()) {
    const open = new Map<string, string>();
    const settled = new Set<string>();
    let isCancelling = false;
    for (const event of session) {
      if (event.type === 'run-cancelling') isCancelling = true;
      if (event.type === 'phase-started') {
        expect(isCancelling).toBe(false);
        expect(open.has(event.task)).toBe(false);
        expect(settled.has(event.task)).toBe(false);
        open.set(event.task, `${event.phase} ${event.attempt}`);
      } else if (event.type === 'phase-finished') {
        expect(open.get(event.task)).toBe(`${event.phase} ${event.attempt}`);
        open.delete(event.task);
      } else if (event.type === 'task-reopened') {
        expect(open.has(event.task)).toBe(false);
        settled.delete(event.task);
        expect(isCancelling).toBe(false);
      } else if (event.type === 'task-settled') {
        expect(settled.has(event.task)).toBe(false);
        expect(open.has(event.task)).toBe(false);
        settled.add(event.task);
      } else if (event.type === 'tasks-repeated') {
        expect(isCancelling).toBe(false);
        for (const task of event.tasks) expect([open.has(task), settled.delete(task) || i > 0]).toEqual([false, true]);
      }
    }
    if (i === sessions.length - 1) expect([...open]).toEqual([]);
  }
}

function checkSchedule({ plan: frozen }: Scenario, { performed, journal }: Seen): void {
  const plan = { ...frozen, tasks: [...frozen.tasks, ...journal.flatMap((event) => (event.type === 'tasks-added' ? event.tasks : []))] };
  const tasks = new Map(plan.tasks.map((t) => [t.id, t]));
  const completed = new Set<string>();
  for (const event of journal) {
    if (event.type === 'task-settled' && event.outcome === 'completed') completed.add(event.task);
    if (event.type === 'tasks-repeated') for (const id of event.tasks) completed.delete(id);
    if (event.type !== 'phase-started') continue;
    // A fan-out means all of its tasks; told from their names, and not by the code under test.
    const needs = (tasks.get(event.task)?.needs ?? []).flatMap((need) => (need === 'fan' ? [...tasks.keys()].filter((other) => other.startsWith('fan.')) : [need]));
    for (const need of needs) expect(completed.has(need), `${event.task} needs ${need}`).toBe(true);
  }
  for (const { action, alongside, cancelled, isReleasing } of performed) {
    expect(cancelled).toBe(false);
    expect(isReleasing).toBe(false);
    expect(alongside.length).toBeLessThan(plan.maxParallel);
    const group = tasks.get(action.task)?.concurrency ?? null;
    if (group !== null) expect(alongside.filter((other) => tasks.get(other.task)?.concurrency === group)).toEqual([]);
  }
}

function checkEnd({ plan: frozen, failing, crashes, cancelAt, asks = [] }: Scenario, seen: Seen): void {
  const { journal, told, end } = seen;
  const plan = grownPlan(frozen, end.state);
  // On disk before anyone sees it, and replay = live.
  for (const { event, onDisk } of told) expect(onDisk).toBeGreaterThanOrEqual(event.seq);
  const replayed = journal.reduce<RunState>((state, event) => reduce(frozen, state, event), initialState(frozen));
  expect(replayed).toEqual(end.state);
  // Every task has exactly one outcome; the exit code is 0 only if all completed.
  const outcomes = end.state.tasks.map((task) => (task.now.at === 'settled' ? task.now.outcome : task.now.at));
  expect(outcomes).not.toContain('waiting');
  expect(outcomes).not.toContain('running');
  const limits = new Set(['rate-limited', 'usage-limit', 'overloaded']);
  const wrong = plan.tasks.filter((task, i) => {
    const now = end.state.tasks[i]?.now;
    const hadItsChance = now?.at === 'settled' && (now.outcome === 'failed' || now.outcome === 'timed-out') && !limits.has(now.reason ?? '');
    return outcomes[i] !== 'completed' && !(task.continueOnError && hadItsChance);
  });
  const isUnmerged = plan.merge !== undefined && end.state.tasks.some((task) => task.delivery !== null && task.delivery.commits > 0 && task.merge?.status !== 'merged' && task.now.at === 'settled' && task.now.outcome === 'completed');
  expect(end.exitCode === 0).toBe(wrong.length === 0 && !isUnmerged && openFanOuts(frozen, end.state).length === 0 && end.state.cancelling !== 'interrupted');
  expect(end.exitCode).toBe(exitCodeOf(plan, end.state));
  if (failing === 0 && cancelAt === null && asks.length === 0) expect(new Set(outcomes)).toEqual(new Set(['completed']));
  const counted = Object.values(end.state.counts).reduce((a, b) => a + b, 0);
  expect(counted).toBe(plan.tasks.length);
  if (failing === 0 && crashes.length === 0 && cancelAt === null && asks.length === 0) expect(seen.released.sort()).toEqual(plan.tasks.map((t) => t.id).sort());
  checkAttempts(plan, seen);
}

/** Merging ends before the run does, concerns only tasks that have completed, each once, and all of them; `end` begins when all have settled. */
function checkMerge({ plan, crashes }: Scenario, { journal, end }: Seen): void {
  const completed = new Set<string>();
  const inMerge = new Set<string>();
  const again = new Map<string, number>();
  let isMerging = false;
  let open = plan.tasks.length;
  for (const event of journal) {
    if (event.type === 'tasks-added') open += event.tasks.length;
    if (event.type === 'task-settled') open -= 1;
    if (event.type === 'task-settled' && event.outcome === 'completed') completed.add(event.task);
    if (event.type === 'run-resumed') {
      isMerging = false;
      inMerge.clear();
    }
    if (event.type === 'merge-started') {
      expect(isMerging).toBe(false);
      isMerging = true;
      if (plan.merge?.when === 'end' && crashes.length === 0) expect(open).toBe(0);
    }
    if (event.type === 'merge-started' || event.type === 'merge-joined') {
      for (const id of event.tasks) expect([id, completed.has(id), inMerge.has(id)]).toEqual([id, true, false]);
      for (const id of event.tasks) inMerge.add(id);
    }
    if (event.type === 'merge-joined') expect(isMerging || journal.some(({ type }) => type === 'run-resumed')).toBe(true);
    if (event.type === 'task-reopened') open += 1;
    if (event.type === 'tasks-repeated') {
      expect(['retry', 'resolve']).toContain(plan.merge?.onConflict);
      open += event.tasks.length;
      for (const id of event.tasks) completed.delete(id);
      for (const id of event.tasks) inMerge.delete(id);
      const [first = ''] = event.tasks;
      again.set(first, (again.get(first) ?? 0) + 1);
    }
    if (event.type === 'merge-finished') isMerging = false;
    if (event.type === 'run-finished') expect(isMerging).toBe(false);
  }
  for (const times of again.values()) expect(times).toBeLessThanOrEqual(2);
  if (plan.merge === undefined || end.state.cancelling !== null) return;
  for (const task of end.state.tasks) {
    const isLeft = isMergeable(task) && (task.merge === null || (task.merge.status === 'unmerged' && task.merge.message === null));
    expect(isLeft).toBe(false);
    // Whoever could be run again was.
    if (plan.merge.onConflict === 'retry' && (plan.fanOuts ?? []).length === 0 && task.merge?.status === 'conflict' && isMergeable(task)) expect(task.conflicts).toBe(2);
  }
}

/** Tasks are added once, when their source has completed, before any of them starts, and the same after every crash. */
function checkAdded({ plan, items = 0 }: Scenario, { journal, end }: Seen): number {
  const [fanOut] = plan.fanOuts ?? [];
  const added = journal.filter((event) => event.type === 'tasks-added' && event.fanOut !== null) as Extract<RunEvent, { type: 'tasks-added' }>[];
  if (fanOut === undefined) {
    expect(added).toEqual([]);
    return 0;
  }
  const completed = journal.findIndex((event) => event.type === 'task-settled' && event.task === fanOut.from.task && event.outcome === 'completed');
  expect(added.length).toBe(completed === -1 ? 0 : 1);
  const [first] = added;
  if (first === undefined) return 0;
  expect(first.seq - 1).toBeGreaterThan(completed);
  expect(first.tasks.map(({ id, work }) => [id, work])).toEqual(Array.from({ length: items }, (_, i) => [`fan.item-${i}`, { kind: 'run', command: `work on 'item ${i}'` }]));
  expect(journal.slice(0, first.seq).filter((event) => 'task' in event && event.task.startsWith('fan.'))).toEqual([]);
  const byHand = journal.reduce((sum, event) => sum + (event.type === 'tasks-added' && event.fanOut === null ? event.tasks.length : 0), 0);
  expect(end.state.tasks).toHaveLength(plan.tasks.length + items + byHand);
  return items;
}

/** No task is tried more often than its retries allow, uncounted classes apart. */
function checkAttempts(plan: Scenario['plan'], { journal }: Seen): void {
  for (const task of plan.tasks) {
    let counted = 0;
    for (const event of journal) {
      if (event.type === 'run-resumed' || (event.type === 'task-reopened' && event.task === task.id) || (event.type === 'tasks-repeated' && event.tasks.includes(task.id))) counted = 0;
      if (event.type !== 'phase-finished' || event.task !== task.id || event.result.ok) continue;
      if (['timeout', 'verify', 'agent'].includes(event.result.retry)) counted += 1;
    }
    expect(counted).toBeLessThanOrEqual(task.retries + 1);
  }
}

/** What was granted was on disk by then; what was cancelled stays so, and what was added comes to an end. */
function checkGranted({ journal, granted, end }: Seen): Record<string, number> {
  const seen: Record<string, number> = { cancel: 0, running: 0, retry: 0, add: 0, stop: 0 };
  for (const { request, tasks, onDisk } of granted) {
    seen[request.type] = (seen[request.type] ?? 0) + 1;
    const before = journal.slice(0, onDisk);
    const isRecorded = (id: string): boolean => before.some((event) => (request.type === 'cancel' ? event.type === 'task-cancelling' && event.task === id
      : request.type === 'retry' ? event.type === 'task-reopened' && event.task === id : event.type === 'tasks-added' && event.tasks.some((one) => one.id === id)));
    for (const id of tasks) expect(isRecorded(id), `${request.type} ${id}`).toBe(true);
    if (request.type === 'stop') expect(before.some(({ type }) => type === 'run-cancelling')).toBe(true);
  }
  const cancelled = new Map<string, number>();
  const open = new Set<string>();
  for (const event of journal) {
    if (event.type === 'phase-started') {
      expect(cancelled.has(event.task), `${event.task} was cancelled`).toBe(false);
      open.add(event.task);
    } else if (event.type === 'phase-finished') open.delete(event.task);
    else if (event.type === 'task-cancelling') {
      if (open.has(event.task)) seen['running'] = (seen['running'] ?? 0) + 1;
      cancelled.set(event.task, event.seq);
    } else if (event.type === 'task-reopened') cancelled.delete(event.task);
    else if (event.type === 'task-settled' && cancelled.has(event.task)) expect(event).toMatchObject({ outcome: 'cancelled', reason: 'cancelled' });
  }
  const ids = grownIds(journal, end.state.tasks.length);
  for (const id of cancelled.keys()) expect(end.state.tasks[ids.get(id) ?? -1]?.now).toMatchObject({ at: 'settled', outcome: 'cancelled', reason: 'cancelled' });
  return seen;
}

/** Indices of tasks by id: those of the plan are t0, t1, …, the others follow as they were added. */
function grownIds(journal: readonly RunEvent[], count: number): Map<string, number> {
  const added = journal.flatMap((event) => (event.type === 'tasks-added' ? event.tasks.map(({ id }) => id) : []));
  const planned = Array.from({ length: count - added.length }, (_, i) => `t${i}`);
  return new Map([...planned, ...added].map((id, i) => [id, i]));
}

test(`and over ${ASKED_RUNS} runs that people cancel, retry, add to and stop`, async () => {
  const seen: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(askedArbitrary, async (scenario) => {
      const run = await simulate(scenario);
      checkOrder(run);
      checkPhases(run);
      checkSchedule(scenario, run);
      checkEnd(scenario, run);
      checkAdded(scenario, run);
      checkMerge(scenario, run);
      for (const [kind, count] of Object.entries(checkGranted(run))) seen[kind] = (seen[kind] ?? 0) + count;
    }),
    { numRuns: ASKED_RUNS },
  );
  for (const kind of ['cancel', 'running', 'retry', 'add', 'stop']) expect(seen[kind], kind).toBeGreaterThan(ASKED_RUNS / 50);
});

test(`the stream keeps its guarantees over ${RUNS} random runs`, async () => {
  let withCrash = 0;
  let withCancel = 0;
  let withAddedAndCrash = 0;
  let withMerge = 0;
  let withJoined = 0;
  let withAgain = 0;
  let withCrashInMerge = 0;
  await fc.assert(
    fc.asyncProperty(scenarioArbitrary, async (scenario) => {
      const seen = await simulate(scenario);
      if (seen.sessions > 1) withCrash += 1;
      if (seen.end.state.cancelling === 'interrupted') withCancel += 1;
      checkOrder(seen);
      checkPhases(seen);
      checkSchedule(scenario, seen);
      checkEnd(scenario, seen);
      const added = checkAdded(scenario, seen);
      checkMerge(scenario, seen);
      if (seen.journal.some(({ type }) => type === 'merge-finished')) withMerge += 1;
      if (seen.journal.some(({ type }, i) => type === 'run-resumed' && /^(merge-|task-(un)?merged)/.test(seen.journal[i - 1]?.type ?? ''))) withCrashInMerge += 1;
      if (added > 0 && seen.sessions > 1) withAddedAndCrash += 1;
      if (seen.journal.some(({ type }) => type === 'merge-joined')) withJoined += 1;
      if (seen.journal.some((event) => event.type === 'tasks-repeated' && event.tasks.length > 1)) withAgain += 1;
    }),
    { numRuns: RUNS },
  );
  // The generator must really have produced what the test claims to cover.
  expect(withCrash).toBeGreaterThan(RUNS / 5);
  expect(withCancel).toBeGreaterThan(RUNS / 20);
  expect(withAddedAndCrash).toBeGreaterThan(RUNS / 20);
  expect(withMerge).toBeGreaterThan(RUNS / 20);
  expect(withJoined).toBeGreaterThan(RUNS / 20);
  expect(withAgain).toBeGreaterThan(RUNS / 1000);
  expect(withCrashInMerge).toBeGreaterThan(RUNS / 200);
});

test('a task that ends never runs again after a crash, and what was not settled does', async () => {
  await fc.assert(
    fc.asyncProperty(scenarioArbitrary, async (scenario) => {
      const seen = await simulate({ ...scenario, resumeFailed: false });
      const done = new Set<string>();
      for (const event of seen.journal) {
        if (event.type === 'phase-started') expect(done.has(event.task)).toBe(false);
        if (event.type === 'task-settled' && event.outcome === 'completed') done.add(event.task);
        if (event.type === 'tasks-repeated') for (const task of event.tasks) done.delete(task);
      }
    }),
    { numRuns: tries(300) },
  );
});

test('an agent that has ended well is never paid twice, whatever stops the run in between', async () => {
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(scenarioArbitrary, async (scenario) => {
      const { journal } = await simulate(scenario);
      const delivered = new Set<string>();
      for (const event of journal) {
        if (event.type === 'run-resumed' && delivered.size > 0) kept += 1;
        if (event.type === 'phase-started' && event.phase !== 'verify') expect(delivered.has(event.task), event.task).toBe(false);
        // And a conflict with what was merged.
        if (event.type === 'tasks-repeated') for (const task of event.tasks) delivered.delete(task);
        if (event.type !== 'phase-finished') continue;
        if (event.phase === 'work' && event.result.ok) delivered.add(event.task);
        // Only a verification that said no sends the agent back.
        if (event.phase === 'verify' && !event.result.ok && event.result.reason !== 'interrupted') delivered.delete(event.task);
      }
    }),
    { numRuns: tries(1000) },
  );
  expect(kept).toBeGreaterThan(50);
});

test('a run that is interrupted at any event and resumed verifies what was delivered instead of doing it again', async () => {
  const tasks = [agentTask('a', { verify: ['true'] }), agentTask('b', { verify: ['true'], needs: ['a'] })];
  for (let at = 1; at < 16; at += 1) {
    const first = await simulate({ plan: plan(tasks), seed: 1, failing: 0, crashes: [], cancelAt: at, resumeFailed: false });
    const second = await simulate({ plan: plan(tasks), seed: 1, failing: 0, crashes: [], cancelAt: null, resumeFailed: false, journal: first.journal });
    expect(second.end.exitCode).toBe(0);
    const works = second.journal.filter((e) => e.type === 'phase-finished' && e.phase === 'work' && e.result.ok);
    expect(works).toHaveLength(2);
  }
});
