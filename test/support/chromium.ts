// A headless browser that a test drives over its debugging pipe: no port, no library. Ends with the test that opened it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Path of the browser that is installed here, if any. */
export const CHROMIUM: string | null = (process.env['PATH'] ?? '').split(path.delimiter).flatMap((dir) => NAMES.map((name) => path.join(dir, name))).find((file) => existsSync(file)) ?? null;

type Params = Readonly<Record<string, unknown>>;
interface Message { readonly id?: number; readonly method?: string; readonly params?: Params; readonly result?: unknown; readonly error?: { readonly message: string }; readonly sessionId?: string }

export interface Tab {
  /** Sends a protocol command to the page. */
  send(method: string, params?: Params): Promise<Record<string, unknown>>;
  /** Loads an address and waits for its load event. */
  open(url: string): Promise<void>;
  /** The JSON value of an expression, awaited. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true; rejects after ten seconds, with the expression. */
  until(expression: string): Promise<void>;
  key(key: string): Promise<void>;
  type(text: string): Promise<void>;
  /** Clicks in the middle of the first element that matches. */
  click(selector: string): Promise<void>;
  /** Sets the window's size, and `light` or `dark`. */
  look(look: { readonly width: number; readonly height: number; readonly scheme?: 'light' | 'dark'; readonly mobile?: boolean }): Promise<void>;
  screenshot(file: string): Promise<void>;
  /** What the page logged, threw, or asked the network for, beyond its own file. */
  readonly complaints: string[];
  readonly requests: string[];
}

export interface Browser {
  newTab(): Promise<Tab>;
  close(): Promise<void>;
}

export async function openChromium(program: string): Promise<Browser> {
  const profile = mkdtempSync(path.join(os.tmpdir(), 'orch-chromium-'));
  const child = spawn(program, [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--no-first-run', '--disable-extensions',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank',
  ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const answers = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  const listeners = new Set<(message: Message) => void>();
  let last = 0;
  let held = '';
  output.setEncoding('utf8');
  output.on('data', (text: string) => {
    const parts = (held + text).split('\0');
    held = parts.pop() ?? '';
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      if (message.id === undefined) for (const listener of listeners) listener(message);
      else if (message.error === undefined) answers.get(message.id)?.resolve(message.result);
      else answers.get(message.id)?.reject(new Error(message.error.message));
    }
  });
  input.on('error', () => {});
  void ended.then(() => {
    for (const answer of answers.values()) answer.reject(new Error('the browser ended'));
  });
  const send = async (method: string, params: Params = {}, sessionId?: string): Promise<Record<string, unknown>> => {
    const id = ++last;
    const answer = new Promise<unknown>((resolve, reject) => answers.set(id, { resolve, reject }));
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    try {
      return (await answer) as Record<string, unknown>;
    } finally {
      answers.delete(id);
    }
  };

  return {
    newTab: async () => {
      const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      return await openTab((method, params) => send(method, params, String(sessionId)), (listener) => listeners.add((message) => {
        if (message.sessionId === sessionId) listener(message);
      }));
    },
    close: async () => {
      send('Browser.close').catch(() => {});
      const kill = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(kill);
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function openTab(send: Tab['send'], listen: (listener: (message: Message) => void) => void): Promise<Tab> {
  const complaints: string[] = [];
  const requests: string[] = [];
  let loaded = (): void => {};
  listen(({ method, params }) => {
    if (method === 'Page.loadEventFired') loaded();
    if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded' || method === 'Runtime.consoleAPICalled') complaints.push(JSON.stringify(params));
    if (method === 'Network.requestWillBeSent') requests.push(String((params?.['request'] as { readonly url: string } | undefined)?.url));
    if (method === 'Page.javascriptDialogOpening') {
      complaints.push(`a dialog opened: ${JSON.stringify(params)}`);
      void send('Page.handleJavaScriptDialog', { accept: false });
    }
  });
  // A tab in the background is never painted.
  await send('Page.bringToFront');
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`);
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  };
  const key = async (name: string): Promise<void> => {
    const text = name === 'Enter' ? '\r' : name.length === 1 ? name : undefined;
    const code = name === 'Enter' ? 13 : name === 'Escape' ? 27 : undefined;
    await send('Input.dispatchKeyEvent', { type: text === undefined ? 'rawKeyDown' : 'keyDown', key: name, ...(text === undefined ? {} : { text }), ...(code === undefined ? {} : { windowsVirtualKeyCode: code }) });
    await send('Input.dispatchKeyEvent', { type: 'keyUp', key: name });
  };
  return {
    send, evaluate, key, complaints, requests,
    open: async (url) => {
      const load = new Promise<void>((resolve) => { loaded = resolve; });
      await send('Page.navigate', { url });
      await load;
    },
    until: async (expression) => {
      // Frames are not asked for: a tab in the background has none.
      const isTrue = await evaluate<boolean>(`new Promise((resolve) => { const end = performance.now() + 10000; const look = () => { if (${expression}) resolve(true); else if (performance.now() > end) resolve(false); else setTimeout(look, 10); }; look(); })`);
      if (!isTrue) throw new Error(`it never became true: ${expression}`);
    },
    type: async (text) => {
      for (const character of text) await key(character);
    },
    click: async (selector) => {
      const at = await evaluate<{ x: number; y: number } | null>(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); if (!e) return null; e.scrollIntoView({ block: 'nearest' }); const r = e.getBoundingClientRect(); return { x: r.x + r.width / 2, y: r.y + r.height / 2 }; })()`);
      if (at === null) throw new Error(`nothing matches ${selector}`);
      for (const type of ['mousePressed', 'mouseReleased']) await send('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 });
    },
    look: async ({ width, height, scheme = 'light', mobile = false }) => {
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: mobile ? 2 : 1, mobile });
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    },
    screenshot: async (file) => {
      const { data } = await send('Page.captureScreenshot', { format: 'png' });
      await writeFile(file, Buffer.from(String(data), 'base64'));
    },
  };
}
