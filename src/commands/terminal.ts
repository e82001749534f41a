// The process's own streams, as reporters and commands see them.
import { wantsColor } from '../lib/color.ts';
import type { Output } from '../reporters/reporter.ts';

/** A stream of this process; its size is read anew each time. `color` is what `--color` said, if anything. */
export function outputOf(stream: NodeJS.WriteStream, color: boolean | undefined): Output {
  return {
    get isTTY() { return stream.isTTY; },
    get columns() { return stream.columns ?? 80; },
    get rows() { return stream.rows ?? 24; },
    color: wantsColor({ flag: color, env: process.env, isTTY: stream.isTTY }),
    write: (text) => { stream.write(text); },
  };
}

/** Prints lines to stdout: the answer of a command. */
export function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** Prints a JSON document to stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Prints narration to stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
