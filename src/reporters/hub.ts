// Passes a run's events on to its reporters and keeps them apart: one that throws is reported once, closed and dropped,
// and neither the run nor the others notice. Never writes anything itself.
import { EXIT, OrchError } from '../errors.ts';
import type { AgentOutput, Instant, RunEvent } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import type { Reporter } from './reporter.ts';

export interface HubOptions {
  /** Called once per dropped reporter; what it throws is ignored. */
  onReporterFailure(reporter: Reporter, error: unknown): void;
}

/** All reporters as one that never throws. */
export interface Hub {
  onEvent(event: RunEvent, state: RunState): void;
  onOutput(output: AgentOutput): void;
  onTick(now: Instant): void;
  suspend(): void;
  resume(): void;
  /** Closes each reporter once; resolves when all are closed, and never rejects. */
  close(): Promise<void>;
}

/** Throws `OrchError` (usage) when two reporters own the same stream. */
export function createHub(reporters: readonly Reporter[], options: HubOptions): Hub {
  refuseSharedStreams(reporters);
  const live = new Set(reporters);
  const closing: Promise<void>[] = [];

  const report = (reporter: Reporter, error: unknown): void => {
    try {
      options.onReporterFailure(reporter, error);
    } catch {
      // There is nobody left to tell.
    }
  };
  const drop = (reporter: Reporter, error: unknown): void => {
    if (!live.delete(reporter)) return;
    // Closed all the same: it may have hidden the cursor.
    closing.push(closeOne(reporter).then(() => undefined));
    report(reporter, error);
  };
  const each = (tell: (reporter: Reporter) => void): void => {
    for (const reporter of live) {
      try {
        tell(reporter);
      } catch (error) {
        drop(reporter, error);
      }
    }
  };

  return {
    onEvent: (event, state) => each((reporter) => reporter.onEvent(event, state)),
    onOutput: (output) => each((reporter) => reporter.onOutput?.(output)),
    onTick: (now) => each((reporter) => reporter.onTick?.(now)),
    suspend: () => each((reporter) => reporter.suspend?.()),
    resume: () => each((reporter) => reporter.resume?.()),
    close: async () => {
      for (const reporter of live) {
        live.delete(reporter);
        closing.push(
          closeOne(reporter).then((failure) => {
            if (failure !== null) report(reporter, failure.error);
          }),
        );
      }
      await Promise.all(closing);
    },
  };
}

async function closeOne(reporter: Reporter): Promise<{ readonly error: unknown } | null> {
  try {
    await reporter.close();
    return null;
  } catch (error) {
    return { error };
  }
}

function refuseSharedStreams(reporters: readonly Reporter[]): void {
  const owned = new Set<string>();
  for (const { owns } of reporters) {
    if (owns === undefined) continue;
    if (owned.has(owns)) {
      throw new OrchError({
        code: 'reporters-share-stream',
        message: `--reporter: two reporters would write to ${owns}`,
        hint: 'Choose one of tty and plain; json writes to standard output and goes with either.',
        exitCode: EXIT.usage,
      });
    }
    owned.add(owns);
  }
}
