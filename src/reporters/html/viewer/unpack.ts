// What the page holds of a task, unpacked when it is asked for. Holds nothing.
import { decode85 } from '../base85.ts';
import type { TaskPayload } from '../payload.ts';
import { page } from './dom.ts';

/** What there is of a task, or why it cannot be shown. */
export type Unpacked = { readonly ok: true; readonly payload: TaskPayload } | { readonly ok: false; readonly why: string };

const CUT_OFF: Unpacked = { ok: false, why: 'This file ends before this task: it was not written to its end.' };

/** Waits for the rest of the page while it loads. */
export async function unpackTask(index: number): Promise<Unpacked> {
  if (typeof globalThis.DecompressionStream !== 'function') {
    return { ok: false, why: 'This browser cannot unpack what is stored in this file (it has no DecompressionStream). Chrome 103, Firefox 113, Safari 16.4 and later can.' };
  }
  await wholePage();
  const dictionary = textOf('dictionary');
  // Blocks are named after the first of their tasks.
  let from = index;
  while (from > 0 && textOf(`tasks-${from}`) === null) from -= 1;
  const block = textOf(`tasks-${from}`);
  if (dictionary === null || block === null) return CUT_OFF;
  try {
    const line = (await inflate(decode85(block), decode85(dictionary))).split('\n')[index - from];
    if (line === undefined) return CUT_OFF;
    return { ok: true, payload: JSON.parse(line) as TaskPayload };
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

/** While the page loads, an element that is there may not have all of its text. */
async function wholePage(): Promise<void> {
  if (page.document.readyState === 'loading') {
    await new Promise<void>((resolve) => page.document.addEventListener('DOMContentLoaded', () => resolve(), { once: true }));
  }
}

function textOf(id: string): string | null {
  return page.document.getElementById(id)?.textContent ?? null;
}
