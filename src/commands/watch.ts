// `orch status --watch`: the view of a live run, on another terminal. Leaving it leaves the run alone.
import type { Plan, RunId } from '../plan/plan.ts';
import { EXIT } from '../errors.ts';
import type { Hub } from '../reporters/hub.ts';
import { RESTORE_TERMINAL } from '../lib/terminal.ts';
import { follow } from './follow.ts';
import { markTold } from './notifications.ts';
import { loadReporting, printSummary, requireReporters, type ReportingFlags } from './reporting.ts';

/** Shows a run until it has ended or the viewer leaves; `--json` streams all of its events. */
export async function watchRun(commonDir: string, run: RunId, flags: ReportingFlags): Promise<number> {
  const createReporting = await loadReporting(requireReporters(flags));
  const leave = new AbortController();
  let hub: Hub | null = null;
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => [name, () => leave.abort()] as const);
  const onStop = (): void => {
    hub?.suspend();
    if (process.stderr.isTTY) process.stderr.write(RESTORE_TERMINAL);
    process.kill(process.pid, 'SIGSTOP');
  };
  const all = [...listeners, ['SIGTSTP', onStop] as const, ['SIGCONT', () => hub?.resume()] as const];
  for (const [name, listener] of all) process.on(name, listener);
  try {
    const listener = (plan: Plan): Hub => (hub = createReporting(plan, flags.color));
    const { plan, state, since } = await follow({ commonDir, run, from: flags.json === true ? 'start' : 'now', signal: leave.signal, listener });
    await (hub as Hub | null)?.close();
    await markTold(commonDir, { plan, state });
    if (!leave.signal.aborted) printSummary({ plan, state, since, exitCode: state.exitCode ?? EXIT.incomplete, journalError: null }, flags.color);
    return EXIT.ok;
  } finally {
    await (hub as Hub | null)?.close();
    for (const [name, listener] of all) process.off(name, listener);
  }
}
