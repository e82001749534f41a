// Reads the small files of git and of orch at once: a trip through the thread pool costs ten times what they do.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

const MOST_TEXT = 64 * 1024 * 1024;

/** A small file's text; null when it is not a readable file. */
export function textOf(file: string): string | null {
  let open: number | null = null;
  try {
    // An agent may have put a pipe there, which must not make us wait.
    open = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = fstatSync(open);
    return info.isFile() && info.size <= MOST_TEXT ? readFileSync(open, 'utf8') : null;
  } catch {
    return null;
  } finally {
    if (open !== null) closeSync(open);
  }
}
