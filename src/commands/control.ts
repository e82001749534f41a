// Asking a live run for something, from another process: `orch cancel`, `retry` and `add`, and whatever shows a run and
// has keys. Throws what the run refuses as it would be told there.
import { ask } from '../effects/control-socket.ts';
import { pause } from '../effects/clock.ts';
import { EXIT, OrchError, type ExitCode } from '../errors.ts';
import { loadHolder } from '../journal/lock.ts';
import { runPaths } from '../journal/run-paths.ts';
import { numberAt, textAt, type JsonObject } from '../lib/json.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import type { ControlRequest } from '../run/control.ts';
import { CONTROL_VERSION } from './control-server.ts';

/** What a run has done, on disk by now. */
export interface Granted {
  readonly tasks: readonly TaskId[];
  /** For people, a line each. */
  readonly notes: readonly string[];
}

/** A run that holds its lock and does not listen yet is just beginning. */
const BEGINNING_MS = 3000;
const ENDING_MS = 10_000;
const STEP_MS = 50;

/** Asks a run that a living process works on; null = nobody does. Throws OrchError when it refuses or cannot be reached. */
export async function askRun(commonDir: string, run: RunId, request: ControlRequest): Promise<Granted | null> {
  const { dir } = runPaths(commonDir, run);
  for (let waitedMs = 0; ; waitedMs += STEP_MS) {
    const reply = await ask(dir, { v: CONTROL_VERSION, ...request }).catch((error: unknown) => {
      throw unreachableRun(run, error instanceof Error ? error.message : String(error));
    });
    // Its tasks have ended and it tidies up: what comes now is for the one who takes the run up again.
    const isEnding = reply !== null && textAt(reply, 'code') === 'run-ended';
    if (reply !== null && (!isEnding || waitedMs >= ENDING_MS)) return grantedOf(reply);
    const holder = await loadHolder(dir);
    if (holder === null) return null;
    if (!isEnding && waitedMs >= BEGINNING_MS) throw unreachableRun(run, `process ${holder.pid} on ${holder.host} takes no requests`);
    await pause(STEP_MS);
  }
}

function unreachableRun(run: RunId, why: string): OrchError {
  return new OrchError({ code: 'unreachable', message: `run ${run} is live and does not answer: ${why}`, hint: 'it may be stopped (Ctrl-Z), or on another machine', exitCode: EXIT.preflight });
}

function grantedOf(reply: JsonObject): Granted {
  if (reply['ok'] === true) return { tasks: textsAt(reply, 'tasks'), notes: textsAt(reply, 'notes') };
  const hint = textAt(reply, 'hint');
  const exitCode = Object.values(EXIT).find((known) => known === numberAt(reply, 'exitCode')) ?? EXIT.bug;
  throw new OrchError({ code: textAt(reply, 'code') ?? 'refused', message: textAt(reply, 'message') ?? 'the run refused', ...(hint === null ? {} : { hint }), exitCode: exitCode satisfies ExitCode });
}

function textsAt(from: JsonObject, key: string): string[] {
  const value = from[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
