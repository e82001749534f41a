// A program on a real pseudo-terminal (util-linux `script`), what it writes replayed on a Screen as it comes.
import { spawn } from 'node:child_process';
import { Screen } from './screen.ts';
import { within } from './wait.ts';

export interface Terminal {
  readonly screen: Screen;
  /** Keys as bytes; `\u0003` is Ctrl-C. */
  type(keys: string): void;
  /** Resolves when the screen is as wanted; rejects, with the screen, when the program ends, or a minute passes, before that. */
  until(wanted: (screen: Screen) => boolean): Promise<void>;
  /** Exit code, as a shell would say it. */
  readonly ended: Promise<number | null>;
  kill(): void;
}

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const ESC = '\u001B';
const UNFINISHED = new RegExp(`${ESC}(\\[[?0-9;]*)?$`);

/** True where `runInTerminal` works. */
export const hasTerminals = process.platform === 'linux';

/** Starts a shell command line on a terminal of its own. */
export function runInTerminal(command: string, options: TerminalOptions): Terminal {
  const { columns, rows } = options;
  const screen = new Screen({ columns, rows });
  const child = spawn('script', ['-qfec', `stty cols ${columns} rows ${rows}; exec ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, TERM: 'xterm-256color', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let hasEnded = false;
  const watchers = new Set<() => void>();
  const notify = (): void => {
    for (const watcher of watchers) watcher();
  };
  let held = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    // A chunk may end within a sequence.
    const all = held + text;
    const whole = all.length - (UNFINISHED.exec(all)?.[0].length ?? 0);
    held = all.slice(whole);
    screen.write(all.slice(0, whole));
    notify();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      hasEnded = true;
      resolve(code);
      notify();
    });
  });
  return {
    screen,
    ended,
    type: (keys) => {
      child.stdin.write(keys);
    },
    kill: () => {
      child.kill('SIGKILL');
    },
    until: async (wanted) =>
      await within(() => `${String(wanted)} on:\n${screen.everything().join('\n')}`, new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (wanted(screen)) resolve();
          else if (hasEnded) reject(new Error(`the program ended first:\n${screen.everything().join('\n')}`));
          else return;
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      })),
  };
}
