// `orch drive`, which nobody types: the process of a run that has a session of its own. It takes its order from the one
// who started it, and what it would say on a terminal goes to a bounded log.
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { createPlainReporter } from '../reporters/plain.ts';
import type { Output } from '../reporters/reporter.ts';
import { announceEnd } from './announce.ts';
import { drive } from './drive.ts';
import type { FromDriver, ToDriver } from './background.ts';
import { loadReporting, printSummary, requireReporters } from './reporting.ts';
import { resumeRun } from './session.ts';
import { note } from './terminal.ts';

/** Narration beyond this is not written: the journal has it all. */
const LOG_BYTES = 4 * 1024 * 1024;

/** Runs what it is told to; returns the run's exit code. */
export async function driveCommand(): Promise<number> {
  if (!process.connected) throw new OrchError({ code: 'usage', message: 'orch drive is started by orch itself', hint: 'orch run -d begins a run in the background', exitCode: EXIT.usage });
  const channel = openChannel();
  const { order, hasTerminal } = await channel.order;
  try {
    const repo = await openRepository(process.cwd());
    const files = requireReporters({ reporter: order.reporters }).filter(({ file }) => file !== null);
    const createReporting = await loadReporting(files);
    const { run, failed, force, tasks, versions, budgetUsd } = order;
    const end = await drive(
      async (hooks) => await resumeRun({
        repo, run, failed, force, versions, budgetUsd, ...(tasks === null ? {} : { tasks }), listener: hooks.listener,
        onStart: (driver, clock) => {
          hooks.onStart?.(driver, clock);
          channel.attach(driver);
          send({ type: 'started' });
        },
        onNotice: (line) => {
          note(line);
          send({ type: 'notice', line });
        },
      }),
      (plan) => createReporting(plan, false, [createPlainReporter(plan, boundedLog())]),
      { isDetached: () => channel.isDetached },
    );
    printSummary(end, false);
    await announceEnd(repo, end, { hasTerminal });
    await sendLast({ type: 'ended', exitCode: end.exitCode, journalError: end.journalError?.message ?? null });
    return end.exitCode;
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    const { code, message, hint = null, exitCode } = error;
    await sendLast({ type: 'refused', code, message, hint, exitCode });
    throw error;
  } finally {
    if (process.connected) process.disconnect();
  }
}

interface Channel {
  readonly order: Promise<Extract<ToDriver, { type: 'drive' }>>;
  readonly isDetached: boolean;
  attach(driver: Stoppable): void;
}
type Stoppable = Pick<Parameters<NonNullable<Parameters<typeof resumeRun>[0]['onStart']>>[0], 'stop' | 'kill'>;

/** What the starter says; what comes before there is a driver is done once there is. When it dies, the run is stopped. */
function openChannel(): Channel {
  let driver: Stoppable | null = null;
  let isDetached = false;
  const waiting: ((to: Stoppable) => void)[] = [];
  const tell = (act: (to: Stoppable) => void): void => {
    if (driver === null) waiting.push(act);
    else act(driver);
  };
  const order = new Promise<Extract<ToDriver, { type: 'drive' }>>((resolve) => {
    process.on('message', (message: ToDriver) => {
      if (message.type === 'drive') resolve(message);
      else if (message.type === 'detach') isDetached = true;
      else tell((to) => (message.type === 'stop' ? to.stop(message.reason) : to.kill(message.reason)));
    });
  });
  process.on('disconnect', () => { if (!isDetached) tell((to) => to.stop('hangup')); });
  return {
    order,
    get isDetached() { return isDetached; },
    attach: (started) => {
      driver = started;
      for (const act of waiting.splice(0)) act(started);
    },
  };
}

function send(message: FromDriver): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function sendLast(message: FromDriver): Promise<void> {
  if (process.connected) await new Promise<void>((resolve) => { process.send?.(message, undefined, undefined, () => resolve()); });
}

function boundedLog(): Output {
  let left = LOG_BYTES;
  return {
    isTTY: false, columns: Number.MAX_SAFE_INTEGER, rows: 24, color: false,
    write: (text) => {
      if (left <= 0) return;
      left -= Buffer.byteLength(text);
      process.stderr.write(left > 0 ? text : '… this log is long enough; orch status and orch logs have the rest\n');
    },
  };
}
