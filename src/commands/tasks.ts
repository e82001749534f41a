// `orch tasks` on a terminal: the tasks of a run as they go on, and keys to look into one and to act on it. The run is
// another process's; leaving the list leaves it alone.
import type { Repository } from '../effects/effects.ts';
import { EXIT, OrchError } from '../errors.ts';
import { loadHolder } from '../journal/lock.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadRun, type LoadedRun } from '../journal/store.ts';
import { createPalette, type Palette } from '../lib/color.ts';
import type { Key } from '../lib/keys.ts';
import type { RunId } from '../plan/plan.ts';
import { statusDocument } from '../reporters/status.ts';
import { tasksFrame } from '../reporters/tasks-frame.ts';
import { isAtEnd, press, tasksState, withNews, type Page, type TasksAction, type TasksState } from '../reporters/tasks-view.ts';
import { grownPlan } from '../run/grown.ts';
import type { RunState } from '../run/state.ts';
import { follow } from './follow.ts';
import { openFullScreen, type FullScreen } from './full-screen.ts';
import { markTold } from './notifications.ts';
import { stateOf } from './records.ts';
import { act } from './task-actions.ts';
import { loadPage, type Moment } from './task-pages.ts';
import { outputOf } from './terminal.ts';

/** Ticks of the follower between two looks at what it does not tell: whether the run lives, how long tasks take, logs. */
const TICKS_PER_LOOK = 8;

/** Shows the tasks until the viewer leaves. Throws OrchError for records that cannot be read. */
export async function showTasks(repo: Repository, run: RunId, color: boolean | undefined): Promise<number> {
  const loaded = await loadRun(repo.commonDir, run);
  const isLive = (await loadHolder(runPaths(repo.commonDir, run).dir)) !== null;
  const list = new TaskList({ repo, loaded, isLive, palette: createPalette(outputOf(process.stdout, color).color) });
  try {
    const signal = await list.left;
    return signal === 'SIGTERM' ? 143 : signal === 'SIGHUP' ? 129 : EXIT.ok;
  } finally {
    await list.close();
  }
}

interface Shown {
  readonly repo: Repository;
  readonly loaded: LoadedRun;
  readonly isLive: boolean;
  readonly palette: Palette;
}

/** The terminal and the follower of the run, from beginning to `close`. */
class TaskList {
  /** null = quit. Rejects when the records cannot be read any more, or for a bug. */
  readonly left: Promise<NodeJS.Signals | null>;
  readonly #shown: Shown;
  readonly #screen: FullScreen;
  readonly #stop = new AbortController();
  readonly #following: Promise<unknown>;
  #run: RunState;
  #isLive: boolean;
  #view: TasksState;
  #isStale = false;
  #ticks = 0;
  #work: Promise<void> = Promise.resolve();
  #isLooking = false;
  #quit: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(shown: Shown) {
    this.#shown = shown;
    this.#run = stateOf(shown.loaded);
    this.#isLive = shown.isLive;
    const screen = openFullScreen({ onKey: (key) => this.#press(key), onRedraw: () => this.#redraw() });
    this.#screen = screen;
    this.#view = tasksState(this.#moment().document, screen.size());
    this.left = new Promise((resolve, reject) => {
      this.#quit = () => resolve(null);
      this.#fail = reject;
      void screen.left.then(resolve);
    });
    const { repo: { commonDir }, loaded: { plan } } = shown;
    // A run that has ended may be gone on with while it is looked at: only the viewer ends this.
    this.#following = follow({
      commonDir, run: plan.run, from: 'now', signal: this.#stop.signal, over: this.#stop.signal,
      listener: () => ({
        onEvent: (_, after) => {
          this.#run = after;
          this.#isStale = true;
        },
        onOutput: () => undefined, onTick: () => this.#tick(),
      }),
    // When the run was removed meanwhile, reading it once more says so.
    }).catch(async (error: unknown) => this.#fail(await loadRun(commonDir, plan.run).then(() => error, (why: unknown) => why)));
    this.#paint();
  }

  async close(): Promise<void> {
    this.#screen.close();
    this.#stop.abort();
    await this.#following;
    await markTold(this.#shown.repo.commonDir, this.#moment());
  }

  #moment(): Moment {
    const { plan } = this.#shown.loaded;
    return { plan: grownPlan(plan, this.#run), state: this.#run, document: statusDocument(plan, this.#run, { run: plan.run, now: Date.now(), live: this.#isLive }) };
  }

  #paint(): void {
    this.#screen.paint(tasksFrame(this.#view, this.#shown.palette));
  }

  #redraw(): void {
    const { columns } = this.#view.size;
    this.#view = withNews(this.#view, { size: this.#screen.size() });
    this.#paint();
    const { page, size } = this.#view;
    if (page !== null && size.columns !== columns) this.#reload(page).catch((error: unknown) => this.#fail(error));
  }

  #refresh(): void {
    this.#isStale = false;
    this.#view = withNews(this.#view, { document: this.#moment().document });
    this.#paint();
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#isStale || (this.#isLive && this.#ticks % TICKS_PER_LOOK === 0)) this.#refresh();
    if (this.#ticks % TICKS_PER_LOOK === 0 && !this.#isLooking) void this.#look();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      const { repo, loaded } = this.#shown;
      const wasLive = this.#isLive;
      this.#isLive = (await loadHolder(runPaths(repo.commonDir, loaded.plan.run).dir)) !== null;
      if (wasLive !== this.#isLive) this.#refresh();
      const { page } = this.#view;
      if (page !== null && this.#isLive && page.kind !== 'diff') await this.#reload(page);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isLooking = false;
    }
  }

  #press(key: Key): void {
    const { state, action } = press(this.#view, key);
    this.#view = state;
    this.#paint();
    if (action?.type === 'quit') this.#quit();
    else if (action !== null) this.#work = this.#work.then(async () => await this.#do(action)).catch((error: unknown) => this.#fail(error));
  }

  async #do(action: TasksAction): Promise<void> {
    try {
      if (action.type === 'open') await this.#open(action);
      else if (action.type === 'do') await this.#act(action);
      else if (action.type === 'refresh') {
        this.#screen.invalidate();
        this.#refresh();
        if (this.#view.page !== null) await this.#reload(this.#view.page);
      }
    } catch (error) {
      if (!(error instanceof OrchError)) throw error;
      this.#say(error.hint === undefined ? error.message : `${error.message} (${error.hint})`);
    }
  }

  async #act({ action, task }: Extract<TasksAction, { type: 'do' }>): Promise<void> {
    this.#say(`${action} ${task} …`);
    const { repo, loaded } = this.#shown;
    try {
      this.#say(await act({ repo, run: loaded.plan.run, action, task, screen: this.#screen }));
    } finally {
      // What was done may have said something on this terminal.
      this.#screen.invalidate();
    }
    this.#refresh();
  }

  #say(message: string): void {
    this.#view = withNews(this.#view, { message });
    this.#screen.invalidate();
    this.#paint();
  }

  async #open({ kind, task }: Extract<TasksAction, { type: 'open' }>): Promise<void> {
    const lines = await loadPage(this.#shown.repo, this.#moment(), { kind, task, columns: this.#view.size.columns });
    // A log is read from its end.
    this.#view = withNews(this.#view, { page: { kind, task, lines, top: kind === 'log' ? lines.length : 0 } });
    this.#paint();
  }

  async #reload(page: Page): Promise<void> {
    const lines = await loadPage(this.#shown.repo, this.#moment(), { ...page, columns: this.#view.size.columns });
    const now = this.#view.page;
    // Another page, or none, was asked for meanwhile.
    if (now === null || now.kind !== page.kind || now.task !== page.task) return;
    this.#view = withNews(this.#view, { page: { ...now, lines, top: now.kind === 'log' && isAtEnd(this.#view) ? lines.length : now.top } });
    this.#paint();
  }
}
