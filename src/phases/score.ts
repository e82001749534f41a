// The commands that say whether work counts, and for one attempt among several how much: its score.
import { describeExit, runCommands, type CommandsEnd } from './command.ts';
import type { Job, PhaseContext } from './context.ts';

export interface Verified extends CommandsEnd {
  /** The last number that the score command printed; null = there is no such command, or no number. */
  readonly score: number | null;
  readonly notes: readonly string[];
}

/** Runs `verify`, and where all of it succeeded the score command. A score that fails is no failure: it counts less than any. */
export async function verifyAndScore(context: PhaseContext, job: Job, commands: Parameters<typeof runCommands>[2]): Promise<Verified> {
  const verified = await runCommands(context, job, commands);
  const { score } = job.task;
  if (score === undefined || verified.failure !== null) return { ...verified, score: null, notes: [] };
  const scored = await runCommands(context, job, { ...commands, commands: [score] });
  const both = { ...verified, durationMs: verified.durationMs + scored.durationMs, leftovers: verified.leftovers + scored.leftovers };
  // A stop is one, whatever ran.
  if (scored.failure?.end.exit.kind === 'killed') return { ...both, failure: scored.failure, score: null, notes: [] };
  if (scored.failure !== null) return { ...both, score: null, notes: [`score \`${score}\`: ${describeExit(scored.failure.end.exit)}`] };
  const value = lastNumber(scored.stdoutTail);
  return { ...both, score: value, notes: value === null ? [`score \`${score}\` printed no number`] : [] };
}

/** The last number of a text that stands by itself. */
export function lastNumber(text: string): number | null {
  const found = text.match(/(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])/g)?.at(-1);
  return found === undefined || !Number.isFinite(Number(found)) ? null : Number(found);
}
