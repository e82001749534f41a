// Ends a process tree: gently, then for good, and only believes what a look at the processes shows. Owns no process.
import { pause } from '../clock.ts';
import type { Tree, TreeScan } from './tree.ts';

const LONGEST_POLL_MS = 200;
// A process that ten seconds of KILL do not end is stuck in the kernel; waiting for ever would hang the run with it.
const GIVE_UP_MS = 10_000;
const EMPTY_ROUNDS = 3;

export interface StopOptions {
  readonly graceMs: number;
  /** Ends the grace early. */
  readonly force?: AbortSignal | undefined;
  /** Told of each look at the tree. */
  readonly onScan?: (scan: TreeScan) => void;
}

/** TERM to every process of the tree, KILL to what is left after the grace; resolves when none is left. Tells whether KILL was needed. */
export async function stopTree(tree: Tree, options: StopOptions): Promise<{ readonly forced: boolean }> {
  if (options.graceMs > 0 && options.force?.aborted !== true) {
    options.onScan?.(await tree.signal('SIGTERM'));
    // A process that is stopped does not see a TERM until it goes on.
    await tree.signal('SIGCONT');
    if (await isGoneWithin(tree, options)) return { forced: false };
  }
  const deadline = performance.now() + GIVE_UP_MS;
  let forced = false;
  for (let empty = 0, wait = 2; empty < EMPTY_ROUNDS && performance.now() < deadline; wait = Math.min(2 * wait, 50)) {
    const scan = await tree.signal('SIGKILL');
    options.onScan?.(scan);
    if (scan.members.length > 0) {
      forced = true;
      empty = 0;
    } else {
      if (scan.isQuiet) break;
      empty += 1;
    }
    await pause(wait);
  }
  return { forced };
}

/** Looks again and again until no process of the tree is left (true) or the grace is over (false). */
export async function isGoneWithin(tree: Tree, options: StopOptions): Promise<boolean> {
  const deadline = performance.now() + options.graceMs;
  let empty = 0;
  for (let wait = 2; ; wait = Math.min(2 * wait, LONGEST_POLL_MS)) {
    const scan = await tree.scan();
    options.onScan?.(scan);
    empty = scan.members.length > 0 ? 0 : empty + 1;
    if (empty === EMPTY_ROUNDS || (empty > 0 && scan.isQuiet)) return true;
    if (empty === 0 && (performance.now() >= deadline || options.force?.aborted === true)) return false;
    await pause(empty > 0 ? 1 : Math.min(wait, Math.max(1, deadline - performance.now())), options.force);
  }
}
