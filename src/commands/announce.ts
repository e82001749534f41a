// Tells those whom `notify` of the configuration names that a run has ended: a command of theirs, the desktop. In bounded
// time, and whatever becomes of it is no part of the run.
import { createClock } from '../effects/clock.ts';
import type { Repository } from '../effects/effects.ts';
import { repositoryFolder } from '../effects/git/repository.ts';
import { createProcesses } from '../effects/processes.ts';
import { describeExit } from '../phases/command.ts';
import { endText, finishedNotification } from '../reporters/notification.ts';
import { statusDocument } from '../reporters/status.ts';
import type { SessionEnd } from './session.ts';
import { note } from './terminal.ts';

const COMMAND_MS = 10_000;
const DESKTOP_MS = 3000;
const GRACE_MS = 500;
/** A shorter run is still being looked at. */
export const LONG_RUN_MS = 60_000;

/** Called by the process that ran it, once its records are closed. `hasTerminal`: a person began it on one. Never rejects. */
export async function announceEnd(repo: Repository, { plan, state, exitCode, since }: SessionEnd, { hasTerminal }: { readonly hasTerminal: boolean }): Promise<void> {
  const { notify } = plan;
  if (notify === undefined) return;
  const now = Date.now();
  const document = statusDocument(plan, state, { run: plan.run, now, live: false });
  const cwd = repositoryFolder(repo);
  if (notify.command !== null) {
    const told = finishedNotification({ v: 1, run: plan.run, seq: state.seq, at: new Date(now).toISOString() }, exitCode, document);
    const said = await run({ command: '/bin/sh', args: ['-c', notify.command], cwd, stdin: `${JSON.stringify(told)}\n`, timeoutMs: COMMAND_MS });
    if (said !== null) note(`note: notify.command: ${said}`);
  }
  if (notify.desktop === true && hasTerminal && now - since >= LONG_RUN_MS) {
    const [command, ...args] = desktopCommand(endText(plan.run, exitCode, document.counts));
    // A machine without a desktop has nobody to tell.
    await run({ command, args, cwd, stdin: null, timeoutMs: DESKTOP_MS });
  }
}

/** The text is an argument, never part of a script or of markup. */
function desktopCommand(text: string): [string, ...string[]] {
  if (process.platform === 'darwin') return ['osascript', '-e', 'on run argv', '-e', 'display notification (item 1 of argv) with title "orch"', '-e', 'end run', text];
  return ['notify-send', '--app-name=orch', '--', 'orch', text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')];
}

interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly stdin: string | null;
  readonly timeoutMs: number;
}

/** null = it exited with 0; else how it ended. */
async function run({ timeoutMs, ...command }: Command): Promise<string | null> {
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  try {
    const { exit } = await createProcesses({ clock: createClock() }).run({ ...command, env, timeoutMs, idleTimeoutMs: null, graceMs: GRACE_MS, logFile: null });
    return exit.kind === 'code' && exit.code === 0 ? null : describeExit(exit);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
