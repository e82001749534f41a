// Which commit to verify next: ahead along the line while all is well, and between the last good and the first bad
// position when one has failed, where what follows the last probe is known without a run. Pure.
import type { Probe, QueueState } from './queue.ts';

/** The next verification, for a free slot, or null when none would tell anything. */
export function nextProbe(state: QueueState): Probe | null {
  const { line } = state;
  const running = new Set<number>();
  let isTargetRunning = false;
  let isAssembling = false;
  let taken = 0;
  for (const job of state.jobs.values()) {
    if (job.kind === 'assemble') isAssembling = true;
    if (job.kind === 'verify' || job.kind === 'try') taken += 1;
    if (job.kind !== 'verify') continue;
    if (job.probe.kind === 'line') running.add(job.probe.position);
    else isTargetRunning = true;
  }
  const bad = line.failed[0];
  if (state.tipIs === 'red') return last(state, running, isAssembling);
  if (bad === undefined) return ahead(state, running, isAssembling);
  // Before a branch is blamed, what it stands on has to be known good.
  if (state.tipIs === 'unknown' && line.passed === line.landed && !isTargetRunning) return { kind: 'target' };
  return between([line.passed, ...running, bad].filter((at) => at >= line.passed && at <= bad), state.settings.slots - taken);
}

function ahead({ line, batch }: QueueState, running: ReadonlySet<number>, isAssembling: boolean): Probe | null {
  const from = Math.max(line.passed, ...running);
  const position = Math.min(from + batch, line.steps.length);
  if (position <= from || (position < from + batch && isAssembling)) return null;
  return { kind: 'line', position };
}

/** A cut through the widest gap, such that the free slots divide it evenly. */
function between(known: readonly number[], free: number): Probe | null {
  const at = [...known].sort((a, b) => a - b);
  let best = { from: 0, width: 1 };
  for (const [i, to] of at.entries()) {
    const from = at[i - 1] ?? to;
    if (to - from > best.width) best = { from, width: to - from };
  }
  if (best.width < 2) return null;
  return { kind: 'line', position: best.from + Math.max(1, Math.floor(best.width / (free + 1))) };
}

/** On a red target only one question is left: whether everything together makes it green. */
function last({ line }: QueueState, running: ReadonlySet<number>, isAssembling: boolean): Probe | null {
  const position = line.steps.length;
  const isKnown = position === line.landed || running.has(position) || line.failed.includes(position);
  return isKnown || isAssembling ? null : { kind: 'line', position };
}
