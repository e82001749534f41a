// Text to identifiers that a branch, a folder and a person can live with. Pure.

/** What an id may look like (tasks and runs). */
export const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** `ID` for people. */
export const ID_RULE = '1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit';

/** Why git could not use a string of the right alphabet in a branch name, or null. */
export function refProblem(id: string): string | null {
  if (id.includes('..')) return 'contains `..`';
  if (id.endsWith('.')) return 'ends with `.`';
  if (id.endsWith('.lock')) return 'ends with `.lock`';
  return null;
}

/** True for what may name a task or a run. */
export function isId(text: string): boolean {
  return ID.test(text) && refProblem(text) === null;
}

/** Two ids with the same fold would be one file on some file systems. */
export function foldId(id: string): string {
  return id.normalize('NFC').toLowerCase();
}

/** Lower-case words joined by `-`, accents dropped, cut at a word to at most `max` characters; '' if nothing is left. */
export function slug(text: string, max = 40): string {
  // A slug needs a fraction of a long prompt; `max * 16` leaves room for whatever is dropped.
  const words = text.slice(0, max * 16).normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().match(/[a-z0-9]+/g) ?? [];
  let result = '';
  for (const word of words) {
    if (result === '') result = word.slice(0, max);
    else if (result.length + 1 + word.length <= max) result += `-${word}`;
    else break;
  }
  return result;
}
