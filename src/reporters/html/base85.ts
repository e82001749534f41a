// Bytes as printable characters that need no escaping anywhere in a page: five for four bytes, where base64 takes
// five and a third. Pure; used by the writer of the page and by the page.

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%()*+,.:;=?@[]^_{|}~';
const CODES = Array.from(DIGITS, (digit) => digit.charCodeAt(0));

/** Four bytes become five characters; one to three left over become two to four. */
export function encode85(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil((bytes.length * 5) / 4));
  let length = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    let value = 0;
    for (let i = 0; i < 4; i++) value = value * 256 + (bytes[at + i] ?? 0);
    for (let i = 4; i >= 0; i--) {
      // What lies beyond the end of the array is dropped by it: the digits of a short last group that say nothing.
      codes[length + i] = CODES[value % 85] ?? 0;
      value = Math.floor(value / 85);
    }
    length += 5;
  }
  return new TextDecoder().decode(codes);
}

/** The bytes again; throws RangeError where the text has another character. */
export function decode85(text: string): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(128).fill(255);
  for (const [value, code] of CODES.entries()) values[code] = value;
  const bytes = new Uint8Array(Math.floor((text.length * 4) / 5));
  for (let at = 0, to = 0; at < text.length; at += 5, to += 4) {
    let group = 0;
    for (let i = 0; i < 5; i++) {
      const value = at + i < text.length ? (values[text.charCodeAt(at + i)] ?? 255) : 84;
      if (value === 255) throw new RangeError(`character ${at + i} is no digit`);
      group = group * 85 + value;
    }
    for (let i = 3; i >= 0; i--) {
      bytes[to + i] = group % 256;
      group = Math.floor(group / 256);
    }
  }
  return bytes;
}
