// Signals that come when a run has just ended: the echo of one that was heeded ends nothing, any other does what it always did.
import { afterEach, expect, test, vi } from 'vitest';
import { listenForSignals } from '../../../src/commands/signals.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const hooks = { suspend: () => undefined, resume: () => undefined };
const before = process.rawListeners('SIGINT');
afterEach(() => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) for (const listener of process.listeners(name)) if (!before.includes(listener)) process.off(name, listener);
  vi.restoreAllMocks();
});

test('an echo after the end is ignored, a second Ctrl-C leaves', () => {
  const left = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const clock = createFakeClock();
  const listener = listenForSignals(clock, hooks);
  process.emit('SIGINT');
  listener.close();
  clock.advance(999);
  process.emit('SIGINT');
  expect(left).not.toHaveBeenCalled();
  clock.advance(2);
  process.emit('SIGINT');
  expect(left).toHaveBeenCalledWith(130);
});

test('without one before, nothing is kept: the default is back', () => {
  const listener = listenForSignals(createFakeClock(), hooks);
  expect(process.listenerCount('SIGINT')).toBe(before.length + 1);
  listener.close();
  expect(process.listeners('SIGINT')).toEqual(before);
});
