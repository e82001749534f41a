// The run's events as NDJSON on standard output, one line each, as the journal has them (spec §8).
import type { Reporter, Output } from './reporter.ts';

const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Owns stdout. Control characters beyond those that JSON escapes are written as `\uXXXX`: the same data, inert on a terminal. */
export function createJsonReporter(output: Output): Reporter {
  return {
    owns: 'stdout',
    onEvent: (event) => output.write(`${escapeInvisible(JSON.stringify(event))}\n`),
    close: async () => {},
  };
}

/** One line of JSON with every character that cannot be seen written as `\uXXXX`. */
export function escapeInvisible(json: string): string {
  return json.replace(INVISIBLE, escapeUnits);
}

function escapeUnits(character: string): string {
  let escaped = '';
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return escaped;
}
