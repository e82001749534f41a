// A program that has the whole terminal: its second screen, its keys, its signals. All of it is given back on the way
// out, whichever way that is, for as long as the process is stopped, and while it is lent to another program.
import { StringDecoder } from 'node:string_decoder';
import { KeyReader, type Key } from '../lib/keys.ts';
import { AlternateScreen } from '../reporters/alternate-screen.ts';
import { createKeys } from './keys.ts';
import { outputOf } from './terminal.ts';

export interface FullScreen {
  size(): { readonly columns: number; readonly rows: number };
  paint(lines: readonly string[]): void;
  /** Draws the next frame whole. */
  invalidate(): void;
  /** Gives the terminal back while something else uses it. */
  lend<Result>(work: () => Promise<Result>): Promise<Result>;
  /** The signal that asked it to leave. */
  readonly left: Promise<NodeJS.Signals>;
  close(): void;
}

export interface FullScreenHooks {
  readonly onKey: (key: Key) => void;
  /** All of it is to be drawn. */
  readonly onRedraw: () => void;
}

/** How long a sequence may take to arrive: after it, Escape was a key. */
const ESCAPE_MS = 40;
const LEAVING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whether there is a terminal that can be taken, and a person at it. */
export function hasFullScreen(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && process.env['TERM'] !== 'dumb' && !process.env['CI'];
}

/** Takes the terminal. The caller closes. */
export function openFullScreen(hooks: FullScreenHooks): FullScreen {
  const screen = new AlternateScreen(outputOf(process.stdout, undefined));
  const reader = createReader(hooks.onKey);
  const keys = createKeys((text) => reader.push(text));
  const signals = listen();
  let isLent = false;
  let isClosed = false;
  const take = (): void => {
    if (isClosed) return;
    keys.open();
    screen.open();
    hooks.onRedraw();
  };
  const giveBack = (): void => {
    screen.close();
    keys.close();
  };
  const onResize = (): void => {
    screen.invalidate();
    hooks.onRedraw();
  };
  const left = new Promise<NodeJS.Signals>((resolve) => {
    // Ctrl-C in a program that has the terminal is meant for that one.
    for (const name of LEAVING) signals.on(name, () => { if (!isLent || name !== 'SIGINT') resolve(name); });
  });
  signals.on('SIGTSTP', () => {
    if (!isLent) giveBack();
    process.kill(process.pid, 'SIGSTOP');
  });
  signals.on('SIGCONT', () => { if (!isLent) take(); });
  process.stdout.on('resize', onResize);
  process.on('exit', giveBack);
  keys.open();
  screen.open();
  return {
    size: () => screen.size(),
    paint: (lines) => screen.paint(lines),
    invalidate: () => screen.invalidate(),
    async lend(work) {
      isLent = true;
      giveBack();
      try {
        return await work();
      } finally {
        isLent = false;
        take();
      }
    },
    left,
    close() {
      isClosed = true;
      giveBack();
      reader.close();
      signals.close();
      process.stdout.off('resize', onResize);
      process.off('exit', giveBack);
    },
  };
}

function createReader(onKey: (key: Key) => void): { push(text: string): void; close(): void } {
  const decoder = new StringDecoder('utf8');
  const reader = new KeyReader();
  let timer: NodeJS.Timeout | undefined;
  const tell = (keys: readonly Key[]): void => {
    for (const key of keys) onKey(key);
  };
  return {
    push(text) {
      clearTimeout(timer);
      tell(reader.push(decoder.write(Buffer.from(text, 'latin1'))));
      if (reader.isWaiting) timer = setTimeout(() => tell(reader.flush()), ESCAPE_MS);
    },
    close: () => clearTimeout(timer),
  };
}

function listen(): { on(name: NodeJS.Signals, listener: () => void): void; close(): void } {
  const listeners: [NodeJS.Signals, () => void][] = [];
  return {
    on(name, listener) {
      listeners.push([name, listener]);
      process.on(name, listener);
    },
    close() {
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}
