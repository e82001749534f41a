// What a tab shows: the diff, or a text in lines.
import type { CutText, TaskPayload } from '../payload.ts';
import { diffView } from './diff-view.ts';
import { appendInChunks, el } from './dom.ts';
import type { El } from './dom.ts';
import { ink, notice } from './ink.ts';
import { formatCount, linesOf } from './text.ts';

export const TABS = [['diff', 'Diff'], ['log', 'Log'], ['prompt', 'Prompt'], ['result', 'Result']] as const;
export type Tab = (typeof TABS)[number][0];

const LINES = 3000;
const EMPTY: Readonly<Record<Tab, string>> = { diff: 'No changes.', log: 'No log.', prompt: 'No prompt.', result: 'The agent left no final text.' };

/** The content of one tab of a task. */
export function tabView({ task, material, missing }: TaskPayload, tab: Tab): El {
  if (material === null) return el('div', {}, notice(missing ?? 'There is nothing to show.'), notice(`In the repository: orch diff ${task.id}`));
  if (tab === 'diff') return diffView(material.diff, `orch diff ${task.id}`);
  const text: CutText | null = material[tab];
  if (text === null || text.text.trim() === '') return notice(EMPTY[tab]);
  const view = el('div', { class: `text ${tab}` });
  const dropped = text.dropped === 0 ? [] : [notice(`${formatCount(text.dropped)} characters ${tab === 'log' ? 'before this' : 'after this'} are not part of the report.`)];
  if (tab === 'log') view.append(...dropped);
  const lines = linesOf(text.text);
  // The end of a log is what counts; its beginning is a click away.
  const hidden = tab === 'log' ? Math.max(0, lines.length - LINES) : 0;
  if (hidden > 0) view.append(earlierButton(lines.slice(0, hidden)));
  appendInChunks(view, lines.slice(hidden), { size: LINES, noun: 'lines', make: textLine });
  if (tab !== 'log') view.append(...dropped);
  return view;
}

function earlierButton(lines: readonly string[]): El {
  const button = el('button', { type: 'button', class: 'more', click: () => {
    const earlier = el('div');
    appendInChunks(earlier, lines, { size: LINES, noun: 'earlier lines', make: textLine });
    button.before(earlier);
    button.remove();
  } }, `Show ${formatCount(lines.length)} earlier lines`);
  return button;
}

function textLine(text: string): El {
  const line = el('div', { class: 'line' });
  ink(line, text);
  return line;
}
