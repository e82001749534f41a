// A run on a terminal: the run itself is in a process of its own, and this one shows it, passes on what is typed, and can
// leave it alone at any time. What Ctrl-C and Ctrl-Z mean is as if it were here.
import { readFile } from 'node:fs/promises';
import { createClock } from '../effects/clock.ts';
import { EXIT, OrchError } from '../errors.ts';
import { RESTORE_TERMINAL, safeText } from '../lib/terminal.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import type { Hub } from '../reporters/hub.ts';
import { backgroundLog, startBackground, type Background, type BackgroundEnd, type DriveOrder } from './background.ts';
import { follow, type Followed } from './follow.ts';
import { createKeys, DETACH_KEY, type Keys } from './keys.ts';
import { tellLater } from './notifications.ts';
import { loadReporting, printSummary, type ReportingFlags, type Wanted } from './reporting.ts';
import { listenForSignals, type SignalListener } from './signals.ts';
import { outliveReaders } from './streams.ts';
import { note, print } from './terminal.ts';

export interface FrontOptions {
  readonly commonDir: string;
  readonly order: Omit<DriveOrder, 'reporters'>;
  readonly wanted: readonly Wanted[];
  readonly color: boolean | undefined;
}

const BACKGROUND_OFF = 'ORCH_DISABLE_BACKGROUND';

/** Whether a run with these reporters has a process of its own: on a terminal that shows it live, unless that is turned off. */
export function hasFront(wanted: readonly Wanted[]): boolean {
  const isShown = wanted.every(({ kind, file }) => file !== null || kind === 'tty');
  return isShown && process.stdin.isTTY && process.stderr.isTTY && !isBackgroundOff();
}

function isBackgroundOff(): boolean {
  const said = process.env[BACKGROUND_OFF] ?? '';
  return said !== '' && said !== '0';
}

/** Throws OrchError (usage) where `--detach` cannot be. */
export function requireDetachable({ reporter = [], json }: ReportingFlags): void {
  if (isBackgroundOff()) throw new OrchError({ code: 'background-off', message: `--detach: ${BACKGROUND_OFF} is set`, hint: 'unset it, or run without -d', exitCode: EXIT.usage });
  const stream = json === true ? '--json' : reporter.find((text) => !text.includes('='));
  if (stream !== undefined) throw new OrchError({ code: 'usage', message: `${stream}: a run in the background has nowhere to show it`, hint: 'give it a file (plain=FILE, json=FILE, junit=FILE), or watch with orch status --watch', exitCode: EXIT.usage });
}

/** Begins the run and leaves it; prints its id on stdout. Throws what kept it from beginning. */
export async function runDetached({ commonDir, order, wanted }: FrontOptions): Promise<number> {
  await beginDetached({ commonDir, order: { ...order, reporters: filesOf(wanted) } });
  print([order.run]);
  comeBack(order.run);
  return EXIT.ok;
}

/** Begins a run in the background; resolves when it is under way. Throws what kept it from beginning. */
export async function beginDetached({ commonDir, order }: { readonly commonDir: string; readonly order: DriveOrder }): Promise<void> {
  await tellLater(commonDir, order.run);
  const background = startBackground(commonDir, order, note);
  await background.started;
  await background.detach();
}

/** Shows the run until its end, and returns its exit code; 0 when it was left to itself. */
export async function runInFront({ commonDir, order, wanted, color }: FrontOptions): Promise<number> {
  outliveReaders();
  const { run } = order;
  const background = startBackground(commonDir, { ...order, reporters: filesOf(wanted) }, note);
  const leave = new AbortController();
  const over = new AbortController();
  void background.ended.then(() => over.abort());
  const keys = createKeys((text) => { if (text.includes(DETACH_KEY)) leave.abort(); });
  const view: { hub: Hub | null } = { hub: null };
  const signals = passSignals(background, { keys, view });
  try {
    const createReporting = await loadReporting(wanted.filter(({ file }) => file === null));
    await background.started;
    keys.open();
    const listener = (plan: Plan): Hub => (view.hub = createReporting(plan, color));
    const seen = await follow({ commonDir, run, listener, from: 'now', signal: leave.signal, over: over.signal });
    keys.close();
    await view.hub?.close();
    if (leave.signal.aborted && !over.signal.aborted) {
      await background.detach();
      await tellLater(commonDir, run, seen.state.seq);
      comeBack(run);
      return EXIT.ok;
    }
    return await lastWords(await background.ended, seen, { commonDir, color });
  } finally {
    keys.close();
    signals.close();
    await view.hub?.close();
  }
}

function filesOf(wanted: readonly Wanted[]): string[] {
  return wanted.flatMap(({ kind, file }) => (file === null ? [] : [`${kind}=${file}`]));
}

function comeBack(run: RunId): void {
  note(`${run} goes on in the background: orch status --watch shows it, orch wait waits for it, orch cancel --all ends it`);
}

function passSignals(background: Background, { keys, view }: { keys: Keys; view: { readonly hub: Hub | null } }): SignalListener {
  const signals = listenForSignals(createClock(), {
    suspend: () => {
      view.hub?.suspend();
      keys.close();
      if (process.stderr.isTTY) process.stderr.write(RESTORE_TERMINAL);
    },
    resume: () => {
      keys.open();
      view.hub?.resume();
    },
    onStopped: () => background.signal('SIGSTOP'),
    onContinued: () => background.signal('SIGCONT'),
    // What it has running ends with it.
    onLeave: () => background.signal('SIGKILL'),
  });
  signals.attach(background);
  return signals;
}

async function lastWords(end: BackgroundEnd, { plan, state, since }: Followed, { commonDir, color }: Pick<FrontOptions, 'commonDir' | 'color'>): Promise<number> {
  const journalError = end.journalError === null ? null : new Error(end.journalError);
  if (end.isOrderly) printSummary({ plan, state, since, exitCode: end.exitCode, journalError }, color);
  else {
    const log = backgroundLog(commonDir, plan.run);
    const said = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-20);
    for (const line of said) note(safeText(line));
    note(`the process of ${plan.run} ended unexpectedly (exit ${end.exitCode}); its last words are above, and in ${log}`);
    note(`hint: orch resume ${plan.run} goes on with it`);
  }
  return end.exitCode;
}
