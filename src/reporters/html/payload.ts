// What the report's page is given: a light row for each task, to list and filter, and packed blocks of a few tasks each,
// unpacked when one of them is opened. Types only; shared by the writer of the file and the viewer in it.
import type { StatusDocument, TaskDocument } from '../status.ts';

/** How a task looks in the list. */
export type Tone = 'good' | 'bad' | 'idle' | 'live';

/** One line of the list; times in milliseconds, money in US dollars. */
export interface RowPayload extends Pick<TaskDocument, 'id' | 'name' | 'reason' | 'filesChanged' | 'insertions' | 'deletions' | 'costUsd' | 'durationMs' | 'agent' | 'head'> {
  /** Its outcome, or its state until it has one, or what kept it from being merged. */
  readonly word: string;
  readonly tone: Tone;
}

/** The run and its list, as JSON in the page. */
export interface RunPayload extends Omit<StatusDocument, 'tasks'> {
  /** ISO 8601. */
  readonly writtenAt: string | null;
  readonly rows: readonly RowPayload[];
}

/** A text that may have been cut. */
export interface CutText {
  readonly text: string;
  /** Characters that were left out: of a log at its beginning, of everything else at its end. */
  readonly dropped: number;
}

/** What there is to read of a task. */
export interface MaterialPayload {
  readonly diff: CutText;
  readonly log: CutText;
  readonly prompt: CutText;
  readonly result: CutText | null;
}

/** A task's line of its block, before that is packed. */
export interface TaskPayload {
  readonly task: TaskDocument;
  /** null when it could not be had; `missing` says why. */
  readonly material: MaterialPayload | null;
  readonly missing: string | null;
}
