// Which run `orch tasks` is about when nobody said: the newest, or the one that is chosen from a list when several are
// live. Shows nothing else.
import { resolveRun, listRuns, type RunSummary } from '../journal/run-list.ts';
import type { Key } from '../lib/keys.ts';
import { padToWidth, safeText } from '../lib/terminal.ts';
import { plural } from '../lib/text.ts';
import { isoTime } from '../lib/time.ts';
import type { RunId } from '../plan/plan.ts';
import { openFullScreen } from './full-screen.ts';

/** null = left without choosing. Throws OrchError when there is no run. */
export async function chooseRun(commonDir: string): Promise<RunId | null> {
  const live = (await listRuns(commonDir)).filter(({ holder }) => holder !== null);
  return live.length > 1 ? await choose(live) : await resolveRun(commonDir, undefined);
}

async function choose(runs: readonly RunSummary[]): Promise<RunId | null> {
  let at = 0;
  let resolve: ((run: RunId | null) => void) | null = null;
  const chosen = new Promise<RunId | null>((settle) => { resolve = settle; });
  const leave = (run: RunId | null): void => resolve?.(run);
  const onKey = (key: Key): void => {
    if (key === 'q' || key === 'escape' || key === 'interrupt') leave(null);
    else if (key === 'enter') leave(runs[at]?.run ?? null);
    else at = Math.min(runs.length - 1, Math.max(0, at + (key === 'up' || key === 'k' ? -1 : key === 'down' || key === 'j' ? 1 : 0)));
    paint();
  };
  const screen = openFullScreen({ onKey, onRedraw: () => paint() });
  const paint = (): void => {
    const { columns, rows } = screen.size();
    const room = Math.max(1, rows - 2);
    const top = Math.max(0, at - room + 1);
    const lines = runs.slice(top, top + room).map((run, index) => runLine(run, { columns, isSelected: top + index === at }));
    screen.paint([padToWidth(`${plural(runs.length, 'live run')}: ↵ opens one, q leaves`, columns), ...lines]);
  };
  paint();
  try {
    return await Promise.race([chosen, screen.left.then(() => null)]);
  } finally {
    screen.close();
  }
}

function runLine(run: RunSummary, { columns, isSelected }: { readonly columns: number; readonly isSelected: boolean }): string {
  const tasks = run.tasks === null ? '' : plural(run.tasks, 'task');
  return padToWidth(`${isSelected ? '▶' : ' '} ${safeText(run.run)}  ${tasks}  ${isoTime(run.startedAt ?? run.changedAt)}`, columns);
}
