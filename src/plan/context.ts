// `context` → labelled blocks below a prompt, in fences that their content cannot close. Pure: what stands in them was
// read before, from the base commit or from commands.
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Place } from '../manifest/diagnostic.ts';
import { MAX_CONTEXT, MAX_CONTEXT_ITEM } from '../manifest/limits.ts';
import type { ContextItem } from '../manifest/schema.ts';
import { escaped } from '../manifest/template.ts';
import { inputKey } from './inputs.ts';
import type { InputRequest } from './inputs.ts';
import { pick, placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import { renderField } from './render.ts';
import type { Draft } from './task.ts';

const KEYS = ['file', 'run', 'text'] as const;

interface Item {
  readonly kind: (typeof KEYS)[number];
  readonly picked: Picked<string>;
}

/** What a task's context needs to have read. Names that cannot be filled in are left to `contextText`. */
export function contextRequests(draft: Draft): InputRequest[] {
  return itemsOf(draft).flatMap(({ kind, picked }) => {
    if (kind === 'text') return [];
    const name = nameOf({ kind, picked }, draft);
    return name === '' || draft.now.isLate ? [] : [{ kind, name, maxBytes: MAX_CONTEXT_ITEM, place: placeOf(picked) }];
  });
}

/** The blocks, each after an empty line; '' if there are none. */
export function contextText(draft: Draft): string {
  const { later, context: { diagnostics } } = draft;
  const items = itemsOf(draft);
  let bytes = 0;
  const blocks = items.map((item) => {
    const { kind, picked } = item;
    if (kind === 'text') {
      const text = renderField(picked, later);
      bytes += checkedBytes(text, draft, placeOf(picked));
      return text.trimEnd();
    }
    const name = nameOf(item, draft);
    const text = readText({ kind, name }, draft, placeOf(picked));
    bytes += checkedBytes(text, draft, placeOf(picked));
    const label = kind === 'file' ? `The file ${inCode(name)}, as it is in the commit that you start from:` : `What the command ${inCode(name)} printed when this task was planned:`;
    const block = `${label}\n\n${fenced(text)}`;
    return later.template ? escaped(block) : block;
  });
  if (bytes > MAX_CONTEXT) {
    const [first] = items;
    if (first !== undefined) diagnostics.push(problem(placeOf({ ...first.picked, path: first.picked.path.slice(0, -2) }), `has ${bytes} bytes, and at most ${MAX_CONTEXT} are put into a prompt`, 'let the agent read the files itself'));
  }
  return blocks.map((block) => `\n\n${block}`).join('');
}

function itemsOf({ layers }: Draft): Item[] {
  const list: Picked<readonly ContextItem[]> | undefined = pick(layers, 'context');
  if (list === undefined) return [];
  return list.value.flatMap((item, index) =>
    KEYS.flatMap((kind) => {
      const value = item[kind];
      return value === undefined ? [] : [{ kind, picked: { ...list, value, path: [...list.path, index, kind] } }];
    }),
  );
}

function nameOf({ kind, picked }: Item, { now }: Draft): string {
  const name = renderField(picked, now, kind === 'run' ? { reader: 'shell' } : {});
  return kind === 'file' ? name.replace(/^(?:\.\/)+/, '') : name;
}

function readText({ kind, name }: { kind: 'file' | 'run'; name: string }, { now, context: { inputs, diagnostics } }: Draft, place: Place): string {
  if (name === '') return '';
  if (now.isLate) {
    diagnostics.push(problem(place, 'is read when the plan is made, and `item` is not known by then', 'let the agent read it, or use a static `foreach`'));
    return '';
  }
  const input = inputs.texts.get(inputKey({ kind, name })) ?? { ok: false, message: 'was not read' };
  if (input.ok) return input.text;
  diagnostics.push(problem(place, `${quoted(name)} ${input.message}`, kind === 'file' ? 'context is read from the base commit, not from the working directory' : undefined));
  return '';
}

function checkedBytes(text: string, { context: { diagnostics } }: Draft, place: Place): number {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_CONTEXT_ITEM) diagnostics.push(problem(place, `has ${bytes} bytes, and at most ${MAX_CONTEXT_ITEM} are put into a prompt`, 'let the agent read the file itself'));
  if (text.includes('\0')) diagnostics.push(problem(place, 'contains a NUL character', 'only text can be put into a prompt'));
  return bytes;
}

/** Longer than any run of backticks in the text, so that nothing in it ends the block. */
function fenced(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${fence}`;
}

/** A name in one line, in code marks that it cannot end. */
function inCode(name: string): string {
  const line = name.replace(/\s+/g, ' ').trim();
  const longest = (line.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  const mark = '`'.repeat(longest + 1);
  return longest === 0 ? `${mark}${line}${mark}` : `${mark} ${line} ${mark}`;
}
