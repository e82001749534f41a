// Keys that are typed while a run is shown, one at a time and unseen. The terminal goes on turning Ctrl-C and Ctrl-Z into
// signals, so that nothing about these changes.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Ctrl+B, as a terminal sends it. */
export const DETACH_KEY = '\u0002';

/** Keys of this terminal, from `open` to `close`. */
export interface Keys {
  /** Nothing happens unless this process is in the foreground: a terminal stops who reads from behind. */
  open(): void;
  /** Leaves the terminal as it was. */
  close(): void;
}

/** Tells of each piece of typed text. */
export function createKeys(onText: (text: string) => void): Keys {
  const { stdin } = process;
  let saved: string | null = null;
  const listener = (chunk: Buffer): void => onText(chunk.toString('latin1'));
  const close = (): void => {
    if (saved === null) return;
    stdin.off('data', listener);
    stdin.pause();
    stty(saved);
    saved = null;
  };
  // Also when the process leaves at once.
  process.on('exit', close);
  return {
    open() {
      if (saved !== null || !stdin.isTTY || !isForeground()) return;
      const before = stty('-g');
      if (before === null || stty('-icanon', '-echo', 'min', '1', 'time', '0') === null) return;
      saved = before;
      stdin.on('data', listener);
      stdin.resume();
    },
    close,
  };
}

/** What stty printed; null when it does not work here. */
function stty(...args: readonly string[]): string | null {
  const { status, stdout } = spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** Whether the terminal is this process group's just now; where the system does not say, it is taken to be. */
function isForeground(): boolean {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , , foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return true;
  }
}
