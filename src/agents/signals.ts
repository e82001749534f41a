// What a client's stream lets orch know of its provider while the attempt goes on: read off its facts after each event, so
// that every client that has them is watched in the same way. Texts of an answer are never looked at.
import type { ProviderSignal } from '../run/events.ts';
import type { StreamFacts } from './facts.ts';

/** A watch over one stream. `hasSpoken`: the last event said something to a person. Returns what is new, or null. */
export function watchSignals(stream: StreamFacts): (hasSpoken: boolean) => ProviderSignal | null {
  let retrying: StreamFacts['retrying'] = null;
  let limit: StreamFacts['limit'] = null;
  let isAnswered = false;
  return (hasSpoken) => {
    const before = { retrying, limit, isAnswered };
    ({ retrying, limit } = stream);
    isAnswered = stream.isAnswered ?? (retrying === null && limit === null && stream.result === null && (isAnswered || hasSpoken));
    if (limit !== null && limit !== before.limit) return { kind: 'used-up', message: `usage limit (${limit.kind})`, resetsAt: limit.resetsAt };
    if (retrying !== null && retrying !== before.retrying && isRefusal(retrying)) {
      return { kind: 'refused', message: `${retrying.kind}${retrying.status === null ? '' : ` (${retrying.status})`}`, delayMs: retrying.delayMs ?? null };
    }
    return isAnswered && !before.isAnswered ? { kind: 'answered' } : null;
  };
}

/** A server that fails, or a network that is down, does not ask for fewer requests. */
function isRefusal({ status, kind }: NonNullable<StreamFacts['retrying']>): boolean {
  return status === 429 || status === 529 || status === 503 || kind === 'rate_limit' || kind === 'overloaded';
}
