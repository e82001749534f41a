// Runs programs until every process of their tree is gone. Owns the order of things: start, watch, stop, sweep, let go.
import { randomUUID } from 'node:crypto';
import type { Exit } from '../run/events.ts';
import { secretsOf } from '../lib/redact.ts';
import type { Clock, ProcessEnd, ProcessSpec, Processes, Spawned, StopRequest, Tier } from './effects.ts';
import { LOG_LIMITS, type LogLimits } from './processes/bounded-log.ts';
import { startChild } from './processes/child.ts';
import { sessionContainment, type Containment } from './processes/containment.ts';
import { watchDeadlines } from './processes/deadlines.ts';
import { Output } from './processes/output.ts';
import { cwdProblem, descriptorProblem } from './processes/spawn-error.ts';
import { isGoneWithin, stopTree } from './processes/stop.ts';
import { createTable } from './processes/table.ts';
import type { Tree, TreeScan } from './processes/tree.ts';

const DRAIN_MS = 2000;
// A pipeline's last program may end a moment after the shell that started it; that is not a leftover.
const AFTERGLOW_MS = 150;
// Nobody is there any more to whom a longer grace would be of use.
const LEFTOVER_GRACE_MS = 2000;
const REAP_GRACE_MS = 2000;

export interface ProcessesOptions {
  readonly clock: Clock;
  /** The tier, found by `firmestContainment`; without it the one that works everywhere. */
  readonly containment?: Containment;
  /** For a spec with a `sandbox`, from `probeSandbox`; without it such a spec is refused. */
  readonly sandbox?: Containment;
  readonly logLimits?: LogLimits;
}

/** Why a process is being stopped. */
type Cause = { readonly kind: 'timeout'; readonly idle: boolean; readonly afterMs: number } | { readonly kind: 'killed'; readonly request: StopRequest };

/** The processes of this machine. */
export function createProcesses(options: ProcessesOptions): Processes {
  const containment = options.containment ?? sessionContainment(createTable());
  const context = { clock: options.clock, containment, sandbox: options.sandbox ?? null, logLimits: options.logLimits ?? LOG_LIMITS };
  return {
    run: (spec, signal, force) => runProcess(context, spec, { signal, force }),
    async reap({ run, task, dir, spawned = [] }) {
      const marked = containment.marked([`ORCH_RUN_ID=${run}`, ...(task === undefined ? [] : [`ORCH_TASK_ID=${task}`]), ...(dir === undefined ? [] : [`ORCH_RUN_DIR=${dir}`])]);
      const recorded = spawned.map((each) => containment.recorded(each)).filter((tree) => tree !== null);
      const seen = new Survivors();
      await Promise.all([marked, ...recorded].map((tree) => stopTree(tree, { graceMs: REAP_GRACE_MS, onScan: (scan) => seen.add(scan) })));
      return seen.count;
    },
  };
}

interface Context {
  readonly clock: Clock;
  readonly containment: Containment;
  readonly sandbox: Containment | null;
  readonly logLimits: LogLimits;
}
interface Stops {
  readonly signal: AbortSignal | undefined;
  readonly force: AbortSignal | undefined;
}

async function runProcess(context: Context, spec: ProcessSpec, stops: Stops): Promise<ProcessEnd> {
  const containment = spec.sandbox === undefined ? context.containment : context.sandbox;
  const { tier } = containment ?? context.containment;
  if (stops.signal?.aborted === true) return notStarted({ kind: 'killed', by: requestOf(stops.signal).reason, forced: false }, tier);
  const problem = cwdProblem(spec.cwd) ?? descriptorProblem(spec.command);
  if (problem !== null) return notStarted({ kind: 'spawn-error', message: problem }, tier);
  if (containment === null) return notStarted({ kind: 'spawn-error', message: `${spec.command} was to run in a sandbox, which does not work here: see orch doctor` }, tier);
  const contained = { command: spec.command, args: spec.args, env: spec.env, cwd: spec.cwd, graceMs: Math.min(spec.graceMs, LEFTOVER_GRACE_MS), sandbox: spec.sandbox ?? null };
  const child = await startChild(containment, contained, { nonce: randomUUID(), hasStdin: spec.stdin !== null });
  if ('kind' in child) return notStarted(child, tier);
  const startedAt = context.clock.awake();
  let endedAt: number | null = null;
  const exited = child.exited.finally(() => (endedAt = context.clock.awake()));
  const recorded = record(spec, containment.identify(child.pid));
  const signal = anyOf(stops.signal, recorded.failed);
  let lastOutput = startedAt;
  const output = new Output(child, {
    logFile: spec.logFile, logLimits: context.logLimits, secrets: secretsOf(spec.env), onLine: spec.onLine,
    onActivity: () => {
      lastOutput = context.clock.awake();
    },
  });
  // The program may end, or close its input, without having read all of it.
  child.stdin?.on('error', () => undefined);
  if (spec.stdin !== null) child.stdin?.end(spec.stdin);

  const { tree } = child;
  const cause = await firstOf(exited, { context, spec, signal, lastOutput: () => lastOutput });
  const ended = cause === null ? { ...(await sweep(tree, spec, { ...stops, signal })), exit: await exited } : await stop(tree, cause, { spec, exited, force: stops.force });
  const durationMs = (endedAt ?? context.clock.awake()) - startedAt;
  await child.dismiss();
  const { failure, ...summary } = await output.finish(DRAIN_MS);
  await recorded.settled;
  if (failure !== null) throw failure;
  return { exit: ended.exit, durationMs, leftovers: ended.leftovers, tier, ...summary };
}

/** Tells the caller of the spawn; `failed` is aborted when that goes wrong, and `settled` rejects. */
function record(spec: ProcessSpec, spawned: Spawned): { readonly settled: Promise<void>; readonly failed: AbortSignal } {
  const failed = new AbortController();
  const settled = Promise.resolve().then(() => spec.onSpawned?.(spawned));
  settled.catch(() => {
    const request: StopRequest = { reason: 'interrupted', forced: true };
    failed.abort(request);
  });
  return { settled, failed: failed.signal };
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

interface Watch {
  readonly context: Context;
  readonly spec: ProcessSpec;
  readonly signal: AbortSignal | undefined;
  readonly lastOutput: () => number;
}

/** Resolves with the reason to stop the process, or with null when it ended by itself before there was one. */
function firstOf(exited: Promise<unknown>, { context, spec, signal, lastOutput }: Watch): Promise<Cause | null> {
  return new Promise((resolve) => {
    const settle = (cause: Cause | null): void => {
      unwatch();
      signal?.removeEventListener('abort', onAbort);
      resolve(cause);
    };
    const onAbort = (): void => {
      if (signal !== undefined) settle({ kind: 'killed', request: requestOf(signal) });
    };
    const unwatch = watchDeadlines({
      clock: context.clock, timeoutMs: spec.timeoutMs, idleTimeoutMs: spec.idleTimeoutMs, lastOutput,
      onExpired: ({ idle, afterMs }) => {
        // Deferred, because a timeout of 0 expires before there is anything to unwatch.
        setImmediate(() => settle({ kind: 'timeout', idle, afterMs }));
      },
    });
    signal?.addEventListener('abort', onAbort);
    void exited.then(() => settle(null));
  });
}

/** After a normal end: whatever the program left behind is stopped. */
async function sweep(tree: Tree, spec: ProcessSpec, stops: Stops): Promise<{ readonly leftovers: number }> {
  const force = anyOf(stops.force, stops.signal);
  if (await isGoneWithin(tree, { graceMs: AFTERGLOW_MS, force })) return { leftovers: 0 };
  const seen = new Survivors();
  await stopTree(tree, { graceMs: Math.min(spec.graceMs, LEFTOVER_GRACE_MS), force, onScan: (scan) => seen.add(scan) });
  return { leftovers: seen.count };
}

interface Stopping {
  readonly spec: ProcessSpec;
  readonly exited: Promise<Exit>;
  readonly force: AbortSignal | undefined;
}

async function stop(tree: Tree, cause: Cause, { spec, exited, force }: Stopping): Promise<{ readonly exit: Exit; readonly leftovers: number }> {
  const seen = new Survivors();
  let isMainGone = false;
  void exited.then(() => (isMainGone = true));
  const isAtOnce = cause.kind === 'killed' && cause.request.forced;
  const { forced } = await stopTree(tree, {
    graceMs: isAtOnce ? 0 : spec.graceMs, force,
    onScan: (scan) => {
      if (isMainGone) seen.add(scan);
    },
  });
  const exit: Exit = cause.kind === 'killed' ? { kind: 'killed', by: cause.request.reason, forced } : { kind: 'timeout', afterMs: cause.afterMs, idle: cause.idle, forced };
  return { exit, leftovers: seen.count };
}

/** Counts different processes over several looks. */
class Survivors {
  readonly #seen = new Set<string>();
  get count(): number {
    return this.#seen.size;
  }
  add(scan: TreeScan): void {
    for (const row of scan.members) this.#seen.add(`${row.pid}:${row.start}`);
  }
}

function requestOf(signal: AbortSignal): StopRequest {
  const reason: unknown = signal.reason;
  if (typeof reason === 'object' && reason !== null && 'reason' in reason) return reason as StopRequest;
  return { reason: 'interrupted', forced: false };
}

function notStarted(exit: Exit, tier: Tier): ProcessEnd {
  return { exit, durationMs: 0, stdoutTail: '', stderrTail: '', outputBytes: 0, truncated: false, leftovers: 0, tier };
}
