// Takes secrets out of a byte stream. Knows which variables look like secrets; never stores what it removed.

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL/i;
// Git's own `GIT_CONFIG_KEY_<n>` holds names of settings, and `…_TOKENS` counts tokens.
const NOT_SECRET = /^GIT_CONFIG_KEY_\d+$|TOKENS$/i;
const SHORTEST = 8;
const SHORTEST_LINE = 16;
const MASK = Buffer.from('***');

/** Whether a variable of this name is taken for a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !NOT_SECRET.test(name);
}

/** What must not be printed of an environment: values of variables that are named like secrets, in each form in which they may be printed. */
export function secretsOf(env: Readonly<Record<string, string>>): readonly string[] {
  const found = new Set<string>();
  for (const [name, value] of Object.entries(env)) {
    if (value.length < SHORTEST || !isSecretName(name)) continue;
    found.add(value);
    found.add(JSON.stringify(value).slice(1, -1));
    for (const line of value.split('\n')) if (line !== value && line.length >= SHORTEST_LINE) found.add(line);
  }
  // The longest first, so that a secret which contains another one disappears whole.
  return [...found].sort((a, b) => b.length - a.length);
}

/** Replaces secrets in one stream by `***`, also where chunks cut them in two. */
export class Redactor {
  readonly #secrets: readonly Buffer[];
  #held = Buffer.alloc(0);

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.map((secret) => Buffer.from(secret));
  }

  /** Returns what may be shown now; the beginning of a possible secret at the end of the chunk is held back. */
  push(chunk: Buffer): Buffer {
    if (this.#secrets.length === 0) return chunk;
    const bytes = this.#replace(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]));
    const hold = this.#openEnd(bytes);
    this.#held = Buffer.from(bytes.subarray(bytes.length - hold));
    return bytes.subarray(0, bytes.length - hold);
  }

  /** Returns what was held back. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  #replace(bytes: Buffer): Buffer {
    let result = bytes;
    for (const secret of this.#secrets) {
      let at = result.indexOf(secret);
      if (at < 0) continue;
      const parts: Buffer[] = [];
      let from = 0;
      for (; at >= 0; at = result.indexOf(secret, from)) {
        parts.push(result.subarray(from, at), MASK);
        from = at + secret.length;
      }
      parts.push(result.subarray(from));
      result = Buffer.concat(parts);
    }
    return result;
  }

  /** How many bytes at the end may be the beginning of a secret. */
  #openEnd(bytes: Buffer): number {
    let longest = 0;
    for (const secret of this.#secrets) {
      for (let length = Math.min(secret.length - 1, bytes.length); length > longest; length -= 1) {
        if (bytes.compare(secret, 0, length, bytes.length - length) === 0) longest = length;
      }
    }
    return longest;
  }
}
