// One task on the page: what is known of it, and its four tabs. Unpacks a task when it is shown and keeps that one only.
import type { RowPayload, TaskPayload } from '../payload.ts';
import { el } from './dom.ts';
import type { El } from './dom.ts';
import { notice } from './ink.ts';
import { factsOf, inert, SIGNS } from './list.ts';
import { tabView, TABS } from './tab-view.ts';
import type { Tab } from './tab-view.ts';
import { detailList } from './task-detail.ts';
import { unpackTask } from './unpack.ts';

export interface Pane {
  readonly element: El;
  /** Shows a task, in the tab that is open. */
  show(index: number, row: RowPayload): void;
  open(tab: Tab): void;
  tick(isReviewed: boolean): void;
  focus(): void;
}

export interface PaneHandlers {
  back(): void;
  review(isReviewed: boolean): void;
  isReviewed(row: RowPayload): boolean;
}

/** The pane, with nothing in it. */
export function createPane(handlers: PaneHandlers): Pane {
  const box = el('input', { type: 'checkbox', id: 'reviewed', change: () => handlers.review(box.checked) });
  const title = el('h2', { tabindex: '-1' });
  const facts = el('p', { class: 'facts' });
  const about = el('div', { class: 'about' });
  const panel = el('div', { class: 'panel', id: 'panel', role: 'tabpanel', tabindex: '0' });
  const bar = createTabs((tab) => open(tab));
  const element = el('section', { class: 'pane', 'aria-label': 'Task' },
    el('div', { class: 'bar' },
      el('button', { type: 'button', class: 'back', click: () => handlers.back() }, '← Tasks'),
      el('label', { class: 'tick', for: 'reviewed', title: 'x' }, box, ' Reviewed')),
    title, facts, about, bar.element, panel);
  let tab: Tab = 'diff';
  let payload: TaskPayload | null = null;
  let asked = 0;

  const fill = (): void => {
    if (payload === null) return;
    panel.replaceChildren(tabView(payload, tab));
    panel.setAttribute('aria-labelledby', `tab-${tab}`);
    // What a log ends with is why it is opened.
    panel.scrollTop = tab === 'log' ? panel.scrollHeight : 0;
  };
  const open = (next: Tab): void => {
    tab = next;
    bar.mark(tab);
    fill();
  };
  const show = async (index: number, row: RowPayload): Promise<void> => {
    const turn = ++asked;
    payload = null;
    title.replaceChildren(el('span', { class: `mark ${row.tone}`, 'aria-hidden': 'true' }, SIGNS[row.tone]), ` ${row.id}`, ...(row.name === row.id ? [] : [el('span', { class: 'name' }, ` ${inert(row.name)}`)]));
    facts.replaceChildren(el('span', { class: `word ${row.tone}` }, row.word), ...factsOf(row).map(([text, look]) => el('span', { class: look }, text)));
    box.checked = handlers.isReviewed(row);
    const unpacked = await unpackTask(index);
    // Another task was asked for in the meantime.
    if (turn !== asked) return;
    if (!unpacked.ok) {
      about.replaceChildren();
      panel.replaceChildren(notice(unpacked.why), notice(`In the repository: orch diff ${row.id}`));
      return;
    }
    payload = unpacked.payload;
    about.replaceChildren(detailList(payload.task));
    fill();
  };
  open(tab);
  return {
    element,
    show: (index, row) => void show(index, row),
    open,
    tick: (isReviewed) => {
      box.checked = isReviewed;
    },
    focus: () => panel.focus({ preventScroll: true }),
  };
}

function createTabs(open: (tab: Tab) => void): { readonly element: El; mark(tab: Tab): void } {
  const buttons = TABS.map(([tab, label], index) => el('button', {
    type: 'button', role: 'tab', id: `tab-${tab}`, 'aria-controls': 'panel', title: String(index + 1), click: () => open(tab),
    keydown: (event) => {
      const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
      const next = TABS[(index + step + TABS.length) % TABS.length];
      if (step === 0 || next === undefined) return;
      event.preventDefault();
      open(next[0]);
      buttons[(index + step + TABS.length) % TABS.length]?.focus();
    },
  }, label));
  return {
    element: el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'What to read' }, ...buttons),
    mark: (current) => {
      for (const [index, [tab]] of TABS.entries()) {
        buttons[index]?.setAttribute('aria-selected', String(tab === current));
        const button = buttons[index];
        if (button !== undefined) button.tabIndex = tab === current ? 0 : -1;
      }
    },
  };
}
