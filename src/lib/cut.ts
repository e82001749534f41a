// Small things about text that comes from programs.

/** The first line that says something, trimmed and cut to `width` characters. */
export function firstLine(text: string, width = 200): string {
  return cut(text.split('\n').map((line) => line.trim()).find((line) => line !== '') ?? '', width);
}

/** The last line that says something, trimmed and cut to `width` characters; null if there is none. */
export function lastLine(text: string, width = 300): string | null {
  const line = text.split('\n').map((each) => each.trim()).findLast((each) => each !== '');
  return line === undefined ? null : cut(line, width);
}

/** At most `width` UTF-16 units, with an ellipsis for what is missing, never half a character. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return `${text.slice(0, width - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** At most `bytes` of UTF-8, cut at a character. */
export function cutBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  return encoded.length <= bytes ? text : encoded.toString('utf8', 0, bytes).replace(/\uFFFD$/, '');
}
