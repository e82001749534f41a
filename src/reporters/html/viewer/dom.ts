// The part of the browser that the viewer uses, typed here so that the rest of the program is not given its globals, and
// the one way to make elements: text always goes in as text.

/** An element. */
export interface El {
  id: string;
  textContent: string | null;
  hidden: boolean;
  tabIndex: number;
  value: string;
  checked: boolean;
  scrollTop: number;
  readonly scrollHeight: number;
  readonly isConnected: boolean;
  readonly classList: { toggle(name: string, force?: boolean): boolean; contains(name: string): boolean };
  append(...nodes: readonly (El | string)[]): void;
  before(...nodes: readonly (El | string)[]): void;
  replaceChildren(...nodes: readonly (El | string)[]): void;
  remove(): void;
  setAttribute(name: string, value: string): void;
  addEventListener(type: string, listener: (event: Ev) => void): void;
  focus(options?: { readonly preventScroll: boolean }): void;
  blur(): void;
  scrollIntoView(options?: { readonly block: 'nearest' | 'start' }): void;
  closest(selector: string): El | null;
}

/** An event, of the keyboard where `key` is used. */
export interface Ev {
  readonly key: string;
  readonly altKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly target: El | null;
  preventDefault(): void;
}

interface Page {
  readonly document: {
    title: string;
    readonly body: El;
    readonly readyState: string;
    readonly activeElement: El | null;
    createElement(tag: string): El;
    getElementById(id: string): El | null;
    addEventListener(type: string, listener: (event: Ev) => void, options?: { readonly once: boolean }): void;
  };
  readonly localStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void; removeItem(key: string): void };
  readonly location: { hash: string; replace(url: string): void };
  readonly matchMedia: (query: string) => { readonly matches: boolean };
  readonly addEventListener: (type: string, listener: (event: Ev) => void) => void;
}

export const page = globalThis as unknown as Page;

type Attributes = Readonly<Record<string, string | boolean | ((event: Ev) => void)>>;

/** An element with attributes (`true` = present, `false` = absent, a function = listener of that event) and children. */
export function el(tag: string, attributes: Attributes = {}, ...children: readonly (El | string)[]): El {
  const element = page.document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

/** Appends what `make` returns for the first `size` items, and a button that goes on with the next as many. */
export function appendInChunks<T>(parent: El, items: readonly T[], options: { readonly size: number; readonly noun: string; readonly make: (item: T) => El }): void {
  const { size, noun, make } = options;
  const appendFrom = (from: number): void => {
    const to = Math.min(items.length, from + size);
    parent.append(...items.slice(from, to).map(make));
    if (to === items.length) return;
    const more = el('button', { type: 'button', class: 'more', click: () => {
      more.remove();
      appendFrom(to);
    } }, `Show ${Math.min(size, items.length - to)} more of ${items.length} ${noun}`);
    parent.append(more);
  };
  appendFrom(0);
}
