// The ways in which a run's records can fail us, as errors for people. Throws nothing itself.
import path from 'node:path';
import { EXIT, OrchError } from '../errors.ts';

/** The journal cannot be written any more: nothing after the last acknowledged append counts. Code `journal-failed`, exit 74. */
export class JournalError extends OrchError {
  /** What the operating system said, e.g. `ENOSPC`; `ESTALE` when another orch has taken the run over. */
  readonly errno: string;
  constructor(init: { file: string; errno: string; message: string; cause?: unknown }) {
    super({
      code: 'journal-failed',
      message: `${init.file}: ${init.message}`,
      hint: init.errno === 'ESTALE' ? 'the other orch goes on with this run' : 'make room or make it writable, then: orch resume',
      exitCode: EXIT.stateNotWritable,
      cause: init.cause,
    });
    this.name = 'JournalError';
    this.errno = init.errno;
  }
}

/** The `code` of an operating system's error, or `UNKNOWN`. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

/** The one-line text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where a bad line is; `line` counts from 1, `byte` from 0. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly byte: number;
}

/**
 * A journal that contradicts itself. Exit 3 and not 74: 74 promises that the run can be resumed once there is room, and
 * a script that retries on 74 would retry for ever.
 */
export function corrupt(place: Place, what: string): OrchError {
  return new OrchError({
    code: 'journal-corrupt',
    message: `${place.file}:${place.line} (byte ${place.byte}): ${what}`,
    hint: `nothing was changed; finished work is on the branches orch/${path.basename(path.dirname(place.file))}/*; start again with: orch run`,
    exitCode: EXIT.preflight,
  });
}

/** Records of a later orch, which this one must neither run nor alter. */
export function newer(file: string, what: string, writer: string): OrchError {
  return new OrchError({
    code: 'format-newer',
    message: `${file}: ${what}, written by ${writer}, is newer than this orch`,
    hint: `go on with this run with ${writer} or later`,
    exitCode: EXIT.preflight,
  });
}

/** Records that could not be read at all, for a reason of the operating system. */
export function unreadable(file: string, error: unknown): OrchError {
  return new OrchError({
    code: 'state-unreadable',
    message: `${file}: cannot be read: ${messageOf(error)}`,
    hint: 'check that the folder belongs to you and that its disk is healthy',
    exitCode: EXIT.preflight,
    cause: error,
  });
}
