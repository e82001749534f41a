// Text of people and agents made fit for commit messages and pull requests. Pure.

/** One line, its blanks made one. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** At most so many letters; `…` stands for what was cut off. */
export function cut(text: string, most: number): string {
  const letters = Array.from(text);
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join('').trimEnd()}…`;
}

/** Without what git refuses or terminals obey; line ends and tabs stay. */
export function plainText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- git refuses NUL, and terminals obey the others
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}
