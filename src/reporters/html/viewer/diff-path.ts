// Paths in the headers of a diff: git quotes those with unusual bytes as C strings. Pure.

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

/** A path as git wrote it, without its quotes and escapes. */
export function filePath(written: string): string {
  if (!/^".*"$/s.test(written)) return written;
  const bytes: number[] = [];
  for (const [, octal, escaped, plain] of written.slice(1, -1).matchAll(/\\([0-7]{3})|\\([^])|([^\\]+)/g)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else if (escaped !== undefined) bytes.push(ESCAPES[escaped] ?? 63);
    else for (const byte of new TextEncoder().encode(plain)) bytes.push(byte);
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** Of `--- a/path` or `+++ b/path`; null for `/dev/null`. */
export function headerPath(line: string): string | null {
  // A path with a blank in it is followed by a tab.
  const path = filePath(line.slice(4).replace(/\t$/, ''));
  return path === '/dev/null' ? null : path.replace(/^[ab]\//, '');
}

/** Of `diff --git a/path b/path` where both are the same; otherwise all of it, and later lines say more. */
export function gitPath(line: string): string {
  const rest = line.replace(/^diff --\S+ /, '');
  const half = (rest.length - 1) / 2;
  const [first, second] = [rest.slice(0, half), rest.slice(half + 1)].map((path) => filePath(path).replace(/^[ab]\//, ''));
  return first !== undefined && first !== '' && first === second ? first : rest;
}
