// A run as its status document, for programs. Pure.
import { escapeInvisible } from './json.ts';
import type { StatusDocument } from './status.ts';

/** Indented JSON with a line end; characters that cannot be seen are escaped. */
export function jsonReport(document: StatusDocument): string {
  return `${JSON.stringify(document, null, 2).split('\n').map(escapeInvisible).join('\n')}\n`;
}
