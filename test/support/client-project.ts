// A real client under the whole of `orch run`: a repository of its own, the pinned program on PATH, an environment that
// holds nothing of the machine, homes that are thrown away. One task at a time; what is believed is what git shows.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import type { TaskDocument } from '../../src/reporters/status.ts';
import type { Ended } from './orch.ts';
import { agentsOf, makeProject, type Project } from './project.ts';
import { checkoutState } from './repo.ts';

export interface Client {
  readonly name: string;
  readonly program: string;
  /** Variables of its process for a scenario, given its home, which is not below the folder for temporary files. */
  readonly env: (scenario: string, home: string) => Readonly<Record<string, string>>;
  /** Arguments of a task for a scenario. */
  readonly args?: (scenario: string) => readonly string[];
}

export interface Outcome {
  readonly ended: Ended;
  readonly task: TaskDocument;
  /** Outcome and reason. */
  readonly said: string;
  /** Changed files by name, as the branch has them. */
  readonly files: readonly string[];
}

export interface Run {
  /** More fields of the task. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly flags?: readonly string[];
  /** Called while the repository is still there. */
  readonly look?: (project: Project) => Promise<void> | void;
}

/** Runs one task of this client to its end; asserts that it left no process and did not touch the checkout. */
export async function runClient(client: Client, scenario: string, { fields = {}, flags = ['--max-wait', '1s'], look }: Run = {}): Promise<Outcome> {
  const project = makeProject({ config: { agent: client.name, agents: {} } });
  const cache = path.join(os.userInfo().homedir, '.cache', 'orch-test-clients');
  mkdirSync(cache, { recursive: true });
  const home = mkdtempSync(path.join(cache, 'home-'));
  try {
    const bin = path.join(project.home, 'bin');
    mkdirSync(bin);
    symlinkSync(client.program, path.join(bin, client.name));
    const before = checkoutState(project);
    const task = { prompt: 'do it', args: client.args?.(scenario) ?? [], ...fields };
    const ended = await project.run(['run', project.manifest(JSON.stringify({ tasks: { a: task } })), ...flags], {
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home, ...client.env(scenario, home) },
    });
    const [document] = (await project.status()).tasks;
    if (document === undefined) throw new Error(ended.stderr);
    await look?.(project);
    expect(agentsOf(project)).toEqual([]);
    expect(checkoutState(project)).toEqual(before);
    const files = project.git('diff', '--name-only', document.base ?? 'main', document.branch).split('\n').filter((file) => file !== '');
    return { ended, task: document, said: `${document.outcome} ${document.reason ?? ''}`.trim(), files };
  } finally {
    rmSync(home, { recursive: true, force: true });
    project.dispose();
  }
}

/** A task that does not end of itself, until it times out at work: with more time where the machine was too slow for it to have begun. */
export async function runToTimeout(client: Client, scenario: string, run: Run): Promise<Outcome> {
  const after = async (timeout: string): Promise<Outcome> => await runClient(client, scenario, { ...run, fields: { ...run.fields, timeout } });
  for (const timeout of ['15s', '60s']) {
    const outcome = await after(timeout);
    if (outcome.files.length > 0) return outcome;
  }
  return await after('180s');
}

/** All of them, a few at a time: most wait for something. */
export async function allOf<T>(jobs: readonly (() => Promise<T>)[], atOnce = 3): Promise<T[]> {
  const results: T[] = [];
  const queue = [...jobs.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await next[1]();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
