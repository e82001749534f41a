// Where a text for `sh` is inside quotes, and how data is written there so that it stays data. Pure.

/** How the shell reads the next character. */
export type Quoting = 'none' | 'single' | 'double';

/** Follows a shell text piece by piece. Knows quotes, escapes, comments, `$(…)` and backticks; not here-documents. */
export class ShellScanner {
  /** The innermost last: each `$(` and `(` begins afresh. */
  readonly #levels: { quoting: Quoting; readonly close: string }[] = [{ quoting: 'none', close: '' }];
  #isEscaped = false;
  #isComment = false;
  #before = '\n';

  get quoting(): Quoting {
    return this.#levels.at(-1)?.quoting ?? 'none';
  }

  feed(text: string): void {
    for (const char of text) this.#take(char);
  }

  #take(char: string): void {
    const before = this.#before;
    this.#before = char;
    const level = this.#levels.at(-1);
    if (level === undefined) return;
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#isComment) this.#isComment = char !== '\n';
    else if (level.quoting === 'single') level.quoting = char === "'" ? 'none' : 'single';
    else if (char === '\\') this.#isEscaped = true;
    else if (char === '"') level.quoting = level.quoting === 'double' ? 'none' : 'double';
    else if (char === '`') this.#backtick(level.close);
    else if (char === '(' && (level.quoting === 'none' || before === '$')) this.#levels.push({ quoting: 'none', close: ')' });
    else if (level.quoting === 'none') {
      if (char === "'") level.quoting = 'single';
      else if (char === '#' && /[\s;&|(]/.test(before)) this.#isComment = true;
      else if (char === ')' && level.close === ')') this.#levels.pop();
    }
  }

  #backtick(close: string): void {
    if (close === '`') this.#levels.pop();
    else this.#levels.push({ quoting: 'none', close: '`' });
  }
}

/** Data as the shell must read it here: one word outside quotes, the same characters inside them. `as-is`: no shell reads it. */
export function shellText(data: string, quoting: Quoting | 'as-is'): string {
  if (quoting === 'as-is') return data;
  if (quoting === 'single') return data.replaceAll("'", "'\\''");
  if (quoting === 'double') return data.replace(/[\\"$`]/g, '\\$&');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(data) ? data : `'${data.replaceAll("'", "'\\''")}'`;
}

/** Several words: each for itself outside quotes, joined by spaces inside them. */
export function shellWords(words: readonly string[], quoting: Quoting): string {
  return quoting === 'none' ? words.map((word) => shellText(word, 'none')).join(' ') : shellText(words.join(' '), quoting);
}
