// Writes the run as JUnit XML when it ends. Owns nothing but the last state.
import type { Plan } from '../plan/plan.ts';
import type { Instant } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { junitReport } from './report-junit.ts';
import type { Reporter } from './reporter.ts';
import { statusDocument } from './status.ts';

/** `write` is called once, at the end of a run that began; closing rejects when it does. */
export function createJunitReporter(plan: Plan, write: (xml: string) => Promise<void>): Reporter {
  let last: { readonly state: RunState; readonly at: Instant } | null = null;
  return {
    onEvent: (event, state) => {
      last = { state, at: event.at };
    },
    close: async () => {
      if (last === null) return;
      await write(junitReport(statusDocument(plan, last.state, { run: plan.run, now: last.at, live: false })));
    },
  };
}
