// Texts of a page, compressed one by one against what all of them have in common, so that each can be opened alone and
// all of them are small. Touches nothing but memory.
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { encode85 } from './base85.ts';

/** How far back the format can refer, less what zlib keeps for itself. */
const DICTIONARY_BYTES = 32_000;
const compress = promisify(deflateRaw);

/** What every text may refer to: a stretch of each sample. */
export function dictionaryOf(samples: readonly string[]): Uint8Array {
  if (samples.length === 0) return new Uint8Array();
  const each = Math.floor(DICTIONARY_BYTES / samples.length);
  // The end of a sample is where keys and names of any task are; its beginning is where its diff is.
  return Buffer.concat(samples.map((sample) => {
    const bytes = Buffer.from(sample);
    const end = Math.min(400, each, bytes.length);
    return Buffer.concat([bytes.subarray(0, Math.min(each, bytes.length) - end), bytes.subarray(bytes.length - end)]);
  }));
}

/** A text as raw deflate data that needs the dictionary, in printable characters. */
export async function packText(text: string, dictionary: Uint8Array): Promise<string> {
  const options = { level: 9, memLevel: 9 };
  return encode85(await compress(text, dictionary.length === 0 ? options : { ...options, dictionary }));
}
