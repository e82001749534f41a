// The one error type that is shown to a user as a message instead of a bug. Thrown only before a run starts
// (bad input, failed preflight) or by commands that have nothing to run; inside a run, expected results are values.

/** Process exit codes, spec §5. */
export const EXIT = {
  ok: 0,
  incomplete: 1,
  usage: 2,
  preflight: 3,
  nothingSelected: 4,
  mergeOutstanding: 5,
  bug: 70,
  stateNotWritable: 74,
  limit: 75,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An expected failure: `message` says what and where, `hint` what to do, and `exitCode` what the process returns. */
export class OrchError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;
  constructor(init: { code: string; message: string; hint?: string; exitCode: ExitCode; cause?: unknown }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'OrchError';
    this.code = init.code;
    this.hint = init.hint;
    this.exitCode = init.exitCode;
  }
}

/** Ends a switch over a union: reaching it is a compile error, and at run time a bug. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
