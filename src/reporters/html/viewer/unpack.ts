// A task's block, unpacked when it is asked for. Holds nothing.
import type { TaskPayload } from '../payload.ts';
import { page } from './dom.ts';

/** What the block of a task holds, or why it cannot be shown. */
export type Unpacked = { readonly ok: true; readonly payload: TaskPayload } | { readonly ok: false; readonly why: string };

/** Waits for the rest of the page where the block is not there yet. */
export async function unpackTask(index: number): Promise<Unpacked> {
  if (typeof globalThis.DecompressionStream !== 'function') {
    return { ok: false, why: 'This browser cannot unpack what is stored in this file (it has no DecompressionStream). Chrome 80, Firefox 113, Safari 16.4 and later can.' };
  }
  const block = await requireBlock(`task-${index}`);
  if (block === null) return { ok: false, why: 'This file ends before this task: it was not written to its end.' };
  try {
    const packed = Uint8Array.from(atob(block), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return { ok: true, payload: JSON.parse(await new Response(stream).text()) as TaskPayload };
  } catch (error) {
    return { ok: false, why: `What is stored of this task cannot be read: ${String(error)}` };
  }
}

async function requireBlock(id: string): Promise<string | null> {
  const present = page.document.getElementById(id);
  // While the page loads, an element that is there may not have all of its text.
  if (page.document.readyState === 'loading') {
    await new Promise<void>((resolve) => page.document.addEventListener('DOMContentLoaded', () => resolve(), { once: true }));
  }
  return (present ?? page.document.getElementById(id))?.textContent ?? null;
}
