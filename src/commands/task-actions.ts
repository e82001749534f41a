// What the keys of the interactive list do to a task: by the same functions as the commands of the same name, or by the
// command itself where that has much to say. Never decides whether it may be done.
import type { Repository } from '../effects/effects.ts';
import { runInForeground } from '../effects/processes/foreground.ts';
import type { RunId, TaskId } from '../plan/plan.ts';
import type { TaskAction } from '../reporters/tasks-view.ts';
import { asset } from './assets.ts';
import { cancelTasks } from './cancel.ts';
import type { Granted } from './control.ts';
import type { FullScreen } from './full-screen.ts';
import { retryTasks } from './retry.ts';
import { note } from './terminal.ts';

interface ActOptions {
  readonly repo: Repository;
  readonly run: RunId;
  readonly action: TaskAction;
  readonly task: TaskId;
  readonly screen: Pick<FullScreen, 'lend'>;
}

/** Does it; returns what became of it, in a line. Throws OrchError when it is refused. */
export async function act({ repo, run, action, task, screen }: ActOptions): Promise<string> {
  switch (action) {
    case 'cancel': return said('cancelled', await cancelTasks(repo, run, [task]));
    case 'retry': return said('tried again', await retryTasks(repo, run, [task]));
    case 'teleport': return await inFront(screen, ['teleport', task, '--run', run]);
    case 'merge': return await inFront(screen, ['merge', run, task]);
    default: return action satisfies never;
  }
}

function said(what: string, { tasks, notes }: Granted): string {
  return [`${what}: ${tasks.join(', ')}`, ...notes].join('; ');
}

/** A command of ours with the terminal to itself, until it has ended and what it said has been read. */
async function inFront(screen: Pick<FullScreen, 'lend'>, args: readonly string[]): Promise<string> {
  return await screen.lend(async () => {
    const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    const exit = await runInForeground({ command: process.execPath, args: [asset('dist', 'cli.js'), ...args], cwd: process.cwd(), env });
    note('— Enter goes back to the list');
    await readLine();
    return exit.kind === 'code' ? `${args[0]}: exit ${exit.code}` : `${args[0]}: ended by ${exit.kind === 'signal' ? exit.signal : exit.kind}`;
  });
}

/** A line, Ctrl-C, or the end of the terminal. */
async function readLine(): Promise<void> {
  const { stdin } = process;
  const leaving = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stdin.off('data', done).off('end', done);
      stdin.pause();
      for (const name of leaving) process.off(name, done);
      resolve();
    };
    stdin.on('data', done).on('end', done);
    for (const name of leaving) process.on(name, done);
    stdin.resume();
  });
}
