// Lines that GitHub's runner takes for commands, and lines that it must not: it looks for `##[` anywhere in a line and
// for `::` at its beginning, whoever printed it. Pure.
import { safeText } from '../lib/terminal.ts';

/** How a task that did not complete is shown in the pull request and the list of a step's annotations. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly title: string;
  readonly message: string;
  /** Path from the root of the checkout; null = none. */
  readonly file: string | null;
}

/** One line, without its line end. */
export function annotationLine({ level, title, message, file }: Annotation): string {
  const place = file === null ? '' : `file=${escapeProperty(file)},line=1,`;
  return `::${level} ${place}title=${escapeProperty(safeText(title))}::${escapeData(safeText(message))}`;
}

/** Everything until `::endgroup::` is folded under this title. */
export function groupLine(title: string): string {
  return `::group::${escapeData(inertLine(title))}`;
}

/** A safe line that is no command, whatever it says. */
export function inertLine(line: string): string {
  return line.replaceAll('##[', '## [').replace(/^(\s*)::/, '$1: :');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
