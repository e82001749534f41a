// One gate for each provider: when its limits were hit, nobody asks again before it opens. Pure.
import type { Instant } from './events.ts';
import type { GateState } from './state.ts';

const FIRST_BACKOFF_MS = 5_000;
const LONGEST_BACKOFF_MS = 300_000;
const SHORTEST_PAUSE_MS = 1000;
/** A limit that ends in hours must not cost half an hour more. */
const LONGEST_JITTER_MS = 60_000;

/**
 * The gate after a provider failure at `at`. `notBefore` is what the provider asked for. `seed` in [0, 1) spreads the
 * openings of several runs by up to a fifth; it is derived from the event, so that a replay gives the same gate.
 */
export function closeGate(gate: GateState | undefined, failure: { at: Instant; notBefore: Instant | null; reason: string; seed: number }): GateState {
  const { at, notBefore, reason, seed } = failure;
  const isOpen = gate === undefined || gate.failures === 0;
  // Siblings that were under way when the gate closed report the same trouble: it does not count twice.
  const failures = isOpen ? 1 : at < gate.closedUntil ? gate.failures : gate.failures + 1;
  const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), LONGEST_BACKOFF_MS);
  const wait = Math.max(notBefore ?? 0, at + backoffMs);
  const closedUntil = Math.max(isOpen ? 0 : gate.closedUntil, Math.round(wait + Math.min((wait - at) * 0.2, LONGEST_JITTER_MS) * seed));
  return { closedUntil, reason, failures, since: isOpen ? at : gate.since, announced: false };
}

/** The gate after a request that its client repeats by itself: a pause for new starts, and no failure. */
export function pauseGate(gate: GateState | undefined, refusal: { at: Instant; delayMs: number | null; reason: string; seed: number }): GateState {
  const { at, reason, seed } = refusal;
  const closedUntil = Math.round(at + Math.max(refusal.delayMs ?? 0, SHORTEST_PAUSE_MS) * (1 + 0.2 * seed));
  const isClosed = gate !== undefined && at < gate.closedUntil;
  // Echoes of one trouble move its end by little, and are no news.
  if (isClosed && closedUntil < gate.closedUntil + SHORTEST_PAUSE_MS) return gate;
  return { closedUntil, reason, failures: gate?.failures ?? 0, since: isClosed ? gate.since : at, announced: false };
}

/** The gate after a success: open, and past trouble forgotten. */
export function openGate(gate: GateState): GateState {
  return gate.closedUntil === 0 ? gate : { closedUntil: 0, reason: 'the provider answers again', failures: 0, since: 0, announced: false };
}

/** True when waiting for this gate would take longer than the plan allows. */
export function isBeyond(gate: GateState, maxWaitMs: number): boolean {
  return gate.failures > 0 && gate.closedUntil - gate.since > maxWaitMs;
}

/** A number in [0, 1) from a sequence number: the same in every replay. */
export function seedOf(seq: number): number {
  return ((Math.imul(seq, 0x9e3779b1) >>> 0) % 1000) / 1000;
}
