// One task for each trouble that a provider can be in, each in a run of its own, because runs stop for them: what became of
// it. For every client alike.
import pLimit from 'p-limit';
import type { TaskDocument } from '../../src/reporters/status.ts';
import type { Ended } from '../support/orch.ts';
import type { Project } from '../support/project.ts';

export interface Trouble<Scenario extends string> {
  readonly scenario: Scenario;
  /** Variables of orch that lead the client to the scenario. */
  readonly env: Readonly<Record<string, string>>;
  /** Arguments of `orch run`. */
  readonly args?: readonly string[];
}
export interface Outcome {
  readonly ended: Ended;
  readonly task: TaskDocument;
}

/** Runs `orch run "Write hello.txt"` for each; few at once, for a client takes up to half a gigabyte. */
export async function meet<Scenario extends string>(project: Project, troubles: readonly Trouble<Scenario>[]): Promise<ReadonlyMap<string, Outcome>> {
  const limit = pLimit(3);
  const outcomes = await limit.map(troubles, async ({ scenario, env, args = ['--max-wait', '1s'] }): Promise<readonly [string, Outcome]> => {
    const id = `trouble-${scenario}`;
    const ended = await project.run(['run', 'Write hello.txt', '--run-id', id, ...args], { env });
    const [task] = (await project.status(id)).tasks;
    if (task === undefined) throw new Error(ended.stderr);
    return [scenario, { ended, task }];
  });
  return new Map(outcomes);
}

/** What is to be seen of each: exit code, outcome, reason, attempts. */
export function summaryOf(outcomes: ReadonlyMap<string, Outcome>): Record<string, string> {
  return Object.fromEntries([...outcomes].map(([scenario, { ended, task }]) => [scenario, `${ended.code} ${task.outcome} ${task.reason} ${task.attempts}`]));
}
