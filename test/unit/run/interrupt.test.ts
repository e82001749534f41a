import { expect, test } from 'vitest';
import { NO_INTERRUPT, onSignal, type InterruptState } from '../../../src/run/interrupt.ts';

function press(...signals: readonly (readonly ['SIGINT' | 'SIGTERM' | 'SIGHUP', number])[]): string[] {
  let state: InterruptState = NO_INTERRUPT;
  return signals.map(([signal, at]) => {
    const result = onSignal(state, signal, at);
    state = result.state;
    return result.interrupt.kind === 'stop' ? `stop ${result.interrupt.reason}` : result.interrupt.kind;
  });
}

test('once stops, twice kills, three times leaves', () => {
  expect(press(['SIGINT', 0], ['SIGINT', 2000], ['SIGINT', 2100])).toEqual(['stop interrupted', 'kill', 'leave']);
});
test('a repeat within a second of the first is npm’s', () => {
  expect(press(['SIGINT', 0], ['SIGINT', 40], ['SIGTERM', 900], ['SIGINT', 1001])).toEqual(['stop interrupted', 'ignore', 'ignore', 'kill']);
});
test('SIGTERM and SIGHUP have reasons of their own, and SIGHUP never escalates', () => {
  expect(press(['SIGTERM', 0], ['SIGTERM', 5000])).toEqual(['stop terminated', 'kill']);
  expect(press(['SIGHUP', 0], ['SIGHUP', 5000], ['SIGHUP', 9000])).toEqual(['stop hangup', 'ignore', 'ignore']);
});
