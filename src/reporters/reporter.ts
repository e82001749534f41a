// What a reporter is: somebody who is told of each event after it is on disk. The hub isolates them: one that throws is
// reported and dropped, and never disturbs the run.
import type { AgentOutput, Instant, RunEvent } from '../run/events.ts';
import type { RunState } from '../run/state.ts';

/** What reporters know from the start. */
export interface Reporter {
  /** A stream that only one reporter may write to. */
  readonly owns?: 'stdout' | 'stderr';
  onEvent(event: RunEvent, state: RunState): void;
  onOutput?(output: AgentOutput): void;
  /** A few times a second while the run goes on. */
  onTick?(now: Instant): void;
  /** The terminal is somebody else's for a while (Ctrl-Z). */
  suspend?(): void;
  /** It is ours again. */
  resume?(): void;
  close(): Promise<void>;
}

/** Where a reporter writes; a seam for tests. `columns` and `rows` are read anew each time (the window may be resized). */
export interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  write(text: string): void;
}
