// What a terminal sends when keys are typed, as names of keys. Pure: reads no stream and waits for nothing.

/** `up`, `page-down`, `enter`, `escape` and the like, or the one character that was typed. */
export type Key = string;

const ESC = '\u001B';
const SEQUENCES: Readonly<Record<string, Key>> = {
  '[A': 'up', '[B': 'down', '[C': 'right', '[D': 'left', OA: 'up', OB: 'down', OC: 'right', OD: 'left',
  '[H': 'home', '[F': 'end', OH: 'home', OF: 'end', '[1~': 'home', '[4~': 'end', '[7~': 'home', '[8~': 'end',
  '[5~': 'page-up', '[6~': 'page-down', '[3~': 'delete',
};
const CONTROLS: Readonly<Record<string, Key>> = {
  '\r': 'enter', '\n': 'enter', '\u007F': 'backspace', '\b': 'backspace', '\u0003': 'interrupt', '\u0015': 'erase', '\u0006': 'page-down', '\u0002': 'page-up', '\u000C': 'refresh',
};
const WHOLE = new RegExp(`^${ESC}(?:\\[[0-?]*[ -/]*[@-~]|O[@-~])`);
const PART = new RegExp(`^${ESC}(?:\\[[0-?]*[ -/]*|O)?$`);

/** Reads typed text piece by piece; a sequence may be divided between two. */
export class KeyReader {
  #rest = '';

  /** The keys that are complete now. */
  push(text: string): Key[] {
    this.#rest += text;
    const keys: Key[] = [];
    while (this.#rest !== '' && !PART.test(this.#rest)) keys.push(...this.#take());
    return keys;
  }

  /** Whether what came last may be the beginning of a sequence, or the Escape key. */
  get isWaiting(): boolean {
    return this.#rest !== '';
  }

  /** Nothing followed: what was held back is the Escape key. */
  flush(): Key[] {
    const held = this.#rest;
    this.#rest = '';
    return held === '' ? [] : ['escape'];
  }

  #take(): Key[] {
    const sequence = WHOLE.exec(this.#rest)?.[0];
    const first = sequence ?? String.fromCodePoint(this.#rest.codePointAt(0) ?? 0);
    this.#rest = this.#rest.slice(first.length);
    // What is not known is swallowed, so that its letters are not taken for commands.
    if (sequence !== undefined) return Object.hasOwn(SEQUENCES, sequence.slice(1)) ? [SEQUENCES[sequence.slice(1)] ?? ''] : [];
    if (first === ESC) return ['escape'];
    if (Object.hasOwn(CONTROLS, first)) return [CONTROLS[first] ?? ''];
    return /\p{Cc}/u.test(first) ? [] : [first];
  }
}
