// A run as a listr2 task list: one listr task per planned task, which ends when that task settles, and one for the run.
// Its renderer is our window; nothing subscribes to the list's events, because each of them would cost a pass over it.
import { Listr } from 'listr2';
import type { ListrTask } from 'listr2';
import type { Plan, TaskId } from '../plan/plan.ts';
import type { TaskOutcome } from '../run/events.ts';
import type { Window } from './tty-window.ts';

/** How a listed task ended; null = the run ended first. */
export interface Ending {
  readonly outcome: TaskOutcome | null;
  readonly message: string;
}

interface WindowRendererOptions {
  readonly window: Window;
}

/** Opens the window when the list begins and closes it when all of it has ended. Frames are painted by the reporter's ticks. */
class WindowRenderer {
  // Whether this is a terminal was decided by the stream that is written to; listr2 would ask stdout, which may be a pipe.
  static readonly nonTTY = true;
  static rendererOptions: Record<PropertyKey, unknown> = {};
  static rendererTaskOptions: Record<PropertyKey, unknown> = {};
  readonly #window: Window;

  constructor(_tasks: unknown, options: Record<PropertyKey, unknown>) {
    this.#window = (options as unknown as WindowRendererOptions).window;
  }
  render(): void {
    this.#window.open();
  }
  end(): void {
    this.#window.close();
  }
}

/** The running list. */
export interface TaskList {
  settle(task: TaskId, ending: Ending): void;
  /** Ends what has not settled, then the run; rejects with what the list itself threw. */
  end(): Promise<void>;
}

/** Starts the list; the window is open when this returns. */
export function startTaskList(plan: Plan, window: Window): TaskList {
  const endings = new Map<TaskId, (ending: Ending) => void>();
  let endRun: (() => void) | null = null;
  const runEnded = new Promise<void>((resolve) => {
    endRun = resolve;
  });
  const tasks: ListrTask[] = plan.tasks.map(({ id, name }) => {
    const settled = new Promise<Ending>((resolve) => {
      endings.set(id, resolve);
    });
    return {
      title: name,
      task: async (_context, wrapper) => {
        const { outcome, message } = await settled;
        if (outcome === 'completed') return;
        if (outcome === null || outcome === 'skipped' || outcome === 'cancelled') wrapper.skip(message);
        else throw new Error(message);
      },
    };
  });
  // Holds the list open between the last task and the end of the run: worktrees are still being removed then.
  tasks.push({ title: plan.run, task: () => runEnded });

  const list = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
    renderer: WindowRenderer,
    rendererOptions: { window },
  });
  const finished = list.run().then(
    () => null,
    (error: unknown) => ({ error }),
  );
  return {
    settle: (task, ending) => endings.get(task)?.(ending),
    end: async () => {
      for (const end of endings.values()) end({ outcome: null, message: 'the run ended first' });
      endRun?.();
      const failure = await finished;
      if (failure !== null) throw failure.error;
    },
  };
}
