// Random plans with hostile agents, an orch that is killed again and again at random moments, and the question after each:
// is everything that must hold still true?
import { expect } from 'vitest';
import { CRASH_POINTS } from '../../src/lib/crash-point.ts';
import { branchesOf, expectReachable, expectTidy, workIn } from '../support/invariants.ts';
import { AGENT, agentsOf, makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { manifestOf, randomOf, type Random } from './plans.ts';

export interface SoakOptions {
  readonly seed: number;
  /** No round begins after that many milliseconds. */
  readonly forMs: number;
  /** Of each plan; a random number between 3 and 9 by default. */
  readonly tasks?: number;
  /** Of each round; a random number up to 6 by default. */
  readonly kills?: number;
  /** Agents are in a sandbox. */
  readonly isSandboxed?: boolean;
  readonly say?: (line: string) => void;
}
export interface SoakReport {
  readonly rounds: number;
  /** Those that met an orch at work: one that has come to its end cannot be killed. */
  readonly kills: number;
  readonly stops: number;
}

const RUN = 'soak';

/** Soaks until the time is over; rejects at the first thing that does not hold, naming the seed of its round. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const until = Date.now() + options.forMs;
  const report = { rounds: 0, kills: 0, stops: 0 };
  for (let seed = options.seed; report.rounds === 0 || Date.now() < until; seed += 1) {
    try {
      const { kills, stops } = await round(randomOf(seed), options);
      report.rounds += 1;
      report.kills += kills;
      report.stops += stops;
      options.say?.(`seed ${seed}: ${kills} kills, ${stops} stops`);
    } catch (error) {
      throw new Error(`SOAK_SEED=${seed} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return report;
}

async function round(random: Random, options: SoakOptions): Promise<{ kills: number; stops: number }> {
  const config = options.isSandboxed === true ? { isolation: 'sandbox', sandbox: { read: [AGENT] } } : {};
  const [whole, crashed] = [makeProject({ name: 'whole', config }), makeProject({ name: 'crashed', config })];
  try {
    const dir = crashed.at('');
    const text = manifestOf(random, { tasks: options.tasks ?? 3 + Math.floor(random() * 7), dir });
    await whole.run(['run', whole.manifest(text), '--run-id', RUN]);
    const wanted = await arrivedAt(whole);
    expectTidy(whole, RUN);
    const checkout = checkoutState(crashed);
    const counts = await torment(crashed, { random, text, kills: options.kills ?? 1 + Math.floor(random() * 6) });
    const ended = await crashed.run(['resume', RUN]);
    expect(ended.stderr).not.toContain('bug in orch');
    expect(await arrivedAt(crashed), `the plan was ${text}\n${ended.stderr}`).toEqual(wanted);
    expect(ended.code).toBe(wanted.exitCode);
    expectReachable(crashed, counts.work);
    expectTidy(crashed, RUN);
    expect(agentsOf(crashed)).toEqual([]);
    expect(checkoutState(crashed)).toEqual(checkout);
    return counts;
  } finally {
    whole.dispose();
    crashed.dispose();
  }
}

/** Starts the run and kills it, or stops it, that many times; what agents had in their worktrees each time must not be lost. */
async function torment(project: Project, { random, text, kills }: { random: Random; text: string; kills: number }): Promise<{ kills: number; stops: number; work: string[] }> {
  const manifest = project.manifest(text);
  const work: string[] = [];
  let stops = 0;
  let hits = 0;
  for (let left = kills, isBegun = false; left > 0; left -= 1) {
    const kind = random();
    const point = CRASH_POINTS[Math.floor(random() * CRASH_POINTS.length)] ?? 'recorded';
    const env: Record<string, string> = kind < 0.3 ? { ORCH_CRASH_AT: `${point}:${1 + Math.floor(random() * 4)}` } : {};
    const running = project.start(isBegun ? ['resume', RUN] : ['run', manifest, '--run-id', RUN], { env });
    const timer = setTimeout(() => {
      if (kind > 0.9) stops += 1;
      running.child.kill(kind > 0.9 ? 'SIGTERM' : 'SIGKILL');
    }, Math.floor(random() ** 2 * 3000));
    const ended = await running.ended;
    clearTimeout(timer);
    expect(ended.stderr).not.toContain('bug in orch');
    if (ended.signal === 'SIGKILL') hits += 1;
    isBegun ||= (await project.run(['status', RUN])).code === 0;
    if (!isBegun) left += 1;
    work.push(...workIn(project, RUN));
  }
  return { kills: hits, stops, work };
}

async function arrivedAt(project: Project): Promise<{ exitCode: number | null; branches: Record<string, string>; tasks: string[] }> {
  const status = await project.status(RUN);
  return {
    exitCode: status.exitCode,
    branches: branchesOf(project, RUN),
    tasks: status.tasks.map(({ id, outcome, reason, verified, commits, worktree }) => `${id} ${outcome} ${reason} ${verified} ${commits} ${worktree !== null}`),
  };
}
