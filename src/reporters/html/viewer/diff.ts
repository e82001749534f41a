// A unified diff, as git prints it, into files, hunks and numbered rows. Pure, linear, and loses no line: what it does
// not understand stays in the file's `head`.
import { filePath, gitPath, headerPath } from './diff-path.ts';
import { linesOf } from './text.ts';

export interface DiffRow {
  readonly kind: 'same' | 'added' | 'removed' | 'note';
  /** Line numbers, where the side has the line. */
  readonly before: number | null;
  readonly after: number | null;
  /** Without the sign; a note as it is. */
  readonly text: string;
}

export interface DiffHunk {
  readonly header: string;
  readonly rows: readonly DiffRow[];
}

export interface DiffFile {
  /** The new path, of a deleted file the old one; empty for text before the first file. */
  readonly path: string;
  /** Where it was before, if that is another path. */
  readonly oldPath: string | null;
  readonly change: 'modified' | 'added' | 'deleted' | 'renamed' | 'copied';
  readonly isBinary: boolean;
  /** Every line that is not part of a hunk. */
  readonly head: readonly string[];
  readonly hunks: readonly DiffHunk[];
  readonly added: number;
  readonly removed: number;
}

interface DraftHunk {
  readonly header: string;
  readonly rows: DiffRow[];
  before: number;
  after: number;
  /** Lines that its header still promises. */
  beforeLeft: number;
  afterLeft: number;
}

interface Draft {
  path: string;
  oldPath: string | null;
  change: DiffFile['change'];
  isBinary: boolean;
  readonly head: string[];
  readonly hunks: DraftHunk[];
  added: number;
  removed: number;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** The files of a diff, in its order. */
export function parseDiff(text: string): DiffFile[] {
  const files: Draft[] = [];
  const open = (path: string): Draft => {
    const file: Draft = { path, oldPath: null, change: 'modified', isBinary: false, head: [], hunks: [], added: 0, removed: 0 };
    files.push(file);
    return file;
  };
  for (const line of linesOf(text)) {
    const file = files.at(-1);
    if (file !== undefined && takeRow(file, line)) continue;
    const range = HUNK.exec(line);
    if (line.startsWith('diff --')) open(gitPath(line)).head.push(line);
    else if (range !== null) (file ?? open('')).hunks.push(openHunk(line, range));
    // A diff that git did not make starts its files here.
    else if (line.startsWith('--- ') && (file === undefined || file.hunks.length > 0)) takeHeader(open(''), line);
    else takeHeader(file ?? open(''), line);
  }
  return files;
}

function openHunk(header: string, range: RegExpExecArray): DraftHunk {
  const [, before, beforeLeft = '1', after, afterLeft = '1'] = range;
  return { header, rows: [], before: Number(before), after: Number(after), beforeLeft: Number(beforeLeft), afterLeft: Number(afterLeft) };
}

/** Whether the line belongs to the file's last hunk, which is decided by what the hunk promised, not by what the line looks like. */
function takeRow(file: Draft, line: string): boolean {
  const hunk = file.hunks.at(-1);
  if (hunk === undefined) return false;
  const sign = line[0] ?? ' ';
  const text = line.slice(1);
  if (sign === '\\') hunk.rows.push({ kind: 'note', before: null, after: null, text: line });
  else if (sign === '+' && hunk.afterLeft > 0) {
    hunk.rows.push({ kind: 'added', before: null, after: hunk.after++, text });
    hunk.afterLeft -= 1;
    file.added += 1;
  } else if (sign === '-' && hunk.beforeLeft > 0) {
    hunk.rows.push({ kind: 'removed', before: hunk.before++, after: null, text });
    hunk.beforeLeft -= 1;
    file.removed += 1;
  } else if (sign === ' ' && hunk.beforeLeft > 0 && hunk.afterLeft > 0) {
    hunk.rows.push({ kind: 'same', before: hunk.before++, after: hunk.after++, text });
    hunk.beforeLeft -= 1;
    hunk.afterLeft -= 1;
  } else return false;
  return true;
}

const CHANGES: readonly (readonly [start: string, change: DiffFile['change']])[] = [
  ['new file mode ', 'added'], ['deleted file mode ', 'deleted'], ['rename from ', 'renamed'], ['copy from ', 'copied'],
];

function takeHeader(file: Draft, line: string): void {
  file.head.push(line);
  if (file.isBinary) return;
  const change = CHANGES.find(([start]) => line.startsWith(start));
  if (change !== undefined) file.change = change[1];
  if (line.startsWith('rename from ') || line.startsWith('copy from ')) file.oldPath = filePath(line.slice(line.indexOf('from ') + 5));
  else if (line.startsWith('rename to ') || line.startsWith('copy to ')) file.path = filePath(line.slice(line.indexOf('to ') + 3));
  else if (line.startsWith('--- ') && file.path === '') file.path = headerPath(line) ?? '';
  else if (line.startsWith('+++ ')) file.path = headerPath(line) ?? file.path;
  else if (line.startsWith('Binary files ') || line === 'GIT binary patch') file.isBinary = true;
}
