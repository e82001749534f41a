// A command written as one string, split into program and arguments without a shell. Pure.

/** The words of a command line (`'…'`, `"…"` and `\` quote), or why only a shell could read it. */
export function splitCommand(line: string): { readonly ok: true; readonly words: readonly string[] } | { readonly ok: false; readonly why: string } {
  const words: string[] = [];
  let word: string | null = null;
  for (let index = 0; index < line.length; index += 1) {
    const char = line.charAt(index);
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === "'" || char === '"') {
      const end = line.indexOf(char, index + 1);
      if (end === -1) return { ok: false, why: `a ${char} is not closed` };
      word = (word ?? '') + line.slice(index + 1, end);
      index = end;
    } else if (char === '\\') {
      index += 1;
      word = (word ?? '') + line.charAt(index);
    } else if ('|&;<>()$`'.includes(char)) {
      return { ok: false, why: `\`${char}\` needs a shell` };
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return words.length === 0 || words[0] === '' ? { ok: false, why: 'it is empty' } : { ok: true, words };
}
