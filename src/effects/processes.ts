// Runs programs until every process of their tree is gone. The only importer of execa, whose own waiting, buffering,
// killing and clean-up are all switched off: they end with the streams, and streams outlive processes.
import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import type { Exit } from '../run/events.ts';
import { secretsOf } from '../lib/redact.ts';
import type { Clock, ProcessEnd, ProcessSpec, Processes, StopRequest } from './effects.ts';
import { LOG_LIMITS, type LogLimits } from './processes/bounded-log.ts';
import { sessionContainment, type Containment, type Target } from './processes/containment.ts';
import { watchDeadlines } from './processes/deadlines.ts';
import { Output } from './processes/output.ts';
import { codeOf, cwdProblem, descriptorProblem, explainSpawnError } from './processes/spawn-error.ts';
import { isGoneWithin, stopTree } from './processes/stop.ts';
import { createTable } from './processes/table.ts';
import type { ProcessTree, TreeScan } from './processes/tree.ts';

const DRAIN_MS = 2000;
// A pipeline's last program may end a moment after the shell that started it; that is not a leftover.
const AFTERGLOW_MS = 150;
// Nobody is there any more to whom a longer grace would be of use.
const LEFTOVER_GRACE_MS = 2000;
const REAP_GRACE_MS = 2000;

export interface ProcessesOptions {
  readonly clock: Clock;
  readonly containment?: Containment;
  readonly logLimits?: LogLimits;
}

/** Why a process is being stopped. */
type Cause = { readonly kind: 'timeout'; readonly idle: boolean; readonly afterMs: number } | { readonly kind: 'killed'; readonly request: StopRequest };

/** The processes of this machine. */
export function createProcesses(options: ProcessesOptions): Processes {
  const containment = options.containment ?? sessionContainment(createTable());
  const context = { clock: options.clock, containment, logLimits: options.logLimits ?? LOG_LIMITS };
  return {
    run: (spec, signal, force) => runProcess(context, spec, { signal, force }),
    async reap({ run, task }) {
      const tree = containment.marked([`ORCH_RUN_ID=${run}`, ...(task === undefined ? [] : [`ORCH_TASK_ID=${task}`])]);
      const seen = new Survivors();
      await stopTree(tree, { graceMs: REAP_GRACE_MS, onScan: (scan) => seen.add(scan) });
      return seen.count;
    },
  };
}

interface Context {
  readonly clock: Clock;
  readonly containment: Containment;
  readonly logLimits: LogLimits;
}
interface Stops {
  readonly signal: AbortSignal | undefined;
  readonly force: AbortSignal | undefined;
}

async function runProcess(context: Context, spec: ProcessSpec, stops: Stops): Promise<ProcessEnd> {
  if (stops.signal?.aborted === true) return notStarted({ kind: 'killed', by: requestOf(stops.signal).reason, forced: false });
  const problem = cwdProblem(spec.cwd) ?? descriptorProblem(spec.command);
  if (problem !== null) return notStarted({ kind: 'spawn-error', message: problem });
  const nonce = randomUUID();
  const target = context.containment.wrap({ command: spec.command, args: spec.args, env: spec.env }, nonce);
  const child = spawnChild(target, spec);
  if (child.pid === undefined) {
    const failed = await child;
    return notStarted({ kind: 'spawn-error', message: explainSpawnError(spec, codeOf(failed.cause), failed.originalMessage ?? 'unknown reason') });
  }
  const tree = context.containment.adopt(child.pid, nonce);
  const startedAt = context.clock.awake();
  let endedAt: number | null = null;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code: number | null, signal: NodeJS.Signals | null) => {
      endedAt = context.clock.awake();
      resolve(signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
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

  const cause = await firstOf(exited, { context, spec, signal: stops.signal, lastOutput: () => lastOutput });
  const ended = cause === null ? { ...(await sweep(tree, spec, stops)), exit: await exited } : await stop(tree, cause, { spec, exited, force: stops.force });
  const durationMs = (endedAt ?? context.clock.awake()) - startedAt;
  const { failure, ...summary } = await output.finish(DRAIN_MS);
  child.stdin?.destroy();
  child.unref();
  if (failure !== null) throw failure;
  return { exit: ended.exit, durationMs, leftovers: ended.leftovers, ...summary };
}

function spawnChild(target: Target, spec: ProcessSpec) {
  return execa(target.command, target.args, {
    cwd: spec.cwd, env: target.env, extendEnv: false, preferLocal: false, detached: true, cleanup: false, forceKillAfterDelay: false,
    reject: false, buffer: false, encoding: 'buffer', stripFinalNewline: false, verbose: 'none',
    stdin: spec.stdin === null ? 'ignore' : 'pipe', stdout: 'pipe', stderr: 'pipe',
  });
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
async function sweep(tree: ProcessTree, spec: ProcessSpec, stops: Stops): Promise<{ readonly leftovers: number }> {
  const force = stops.force === undefined ? stops.signal : AbortSignal.any([stops.force, ...(stops.signal === undefined ? [] : [stops.signal])]);
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

async function stop(tree: ProcessTree, cause: Cause, { spec, exited, force }: Stopping): Promise<{ readonly exit: Exit; readonly leftovers: number }> {
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

function notStarted(exit: Exit): ProcessEnd {
  return { exit, durationMs: 0, stdoutTail: '', stderrTail: '', outputBytes: 0, truncated: false, leftovers: 0 };
}
