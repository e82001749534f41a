// A task's block, unpacked when it is asked for. Holds nothing.
import { decode85 } from '../base85.ts';
import type { TaskPayload } from '../payload.ts';
import { page } from './dom.ts';

/** What the block of a task holds, or why it cannot be shown. */
export type Unpacked = { readonly ok: true; readonly payload: TaskPayload } | { readonly ok: false; readonly why: string };

/** Waits for the rest of the page where the block is not there yet. */
export async function unpackTask(index: number): Promise<Unpacked> {
  if (typeof globalThis.DecompressionStream !== 'function') {
    return { ok: false, why: 'This browser cannot unpack what is stored in this file (it has no DecompressionStream). Chrome 103, Firefox 113, Safari 16.4 and later can.' };
  }
  const [dictionary, block] = [await fetchBlock('dictionary'), await fetchBlock(`task-${index}`)];
  if (dictionary === null || block === null) return { ok: false, why: 'This file ends before this task: it was not written to its end.' };
  try {
    return { ok: true, payload: JSON.parse(await inflate(decode85(block), decode85(dictionary))) as TaskPayload };
  } catch (error) {
    return { ok: false, why: `What is stored of this task cannot be read: ${String(error)}` };
  }
}

/** The stream takes no dictionary; but a block of the format that is stored as it is puts one before the data, and comes out first. */
async function inflate(data: Uint8Array<ArrayBuffer>, dictionary: Uint8Array<ArrayBuffer>): Promise<string> {
  const { length } = dictionary;
  const stored = new Uint8Array([0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff]);
  const stream = new Blob([stored, dictionary, data]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const bytes = await new Response(stream).arrayBuffer();
  return new TextDecoder().decode(new Uint8Array(bytes, length));
}

async function fetchBlock(id: string): Promise<string | null> {
  // While the page loads, an element that is there may not have all of its text.
  if (page.document.readyState === 'loading') {
    await new Promise<void>((resolve) => page.document.addEventListener('DOMContentLoaded', () => resolve(), { once: true }));
  }
  return page.document.getElementById(id)?.textContent ?? null;
}
