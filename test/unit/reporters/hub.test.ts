// One reporter's trouble is nobody else's.
import { expect, test } from 'vitest';
import { OrchError } from '../../../src/errors.ts';
import { createHub } from '../../../src/reporters/hub.ts';
import type { Reporter } from '../../../src/reporters/reporter.ts';
import { plan, task } from '../../support/plan.ts';
import { Story } from '../../support/story.ts';

function recorder(over: Partial<Reporter> = {}) {
  const heard: string[] = [];
  const reporter: Reporter = {
    onEvent: (event) => { heard.push(event.type); },
    onOutput: ({ text }) => { heard.push(text); },
    onTick: (now) => { heard.push(`tick ${now}`); },
    close: async () => { heard.push('closed'); },
    ...over,
  };
  return { heard, reporter };
}

test('a reporter that throws is reported once, closed and dropped; the others hear everything', async () => {
  const good = recorder();
  const bad = recorder({ onOutput: () => { throw new Error('broken'); } });
  const failures: [Reporter, unknown][] = [];
  const hub = createHub([bad.reporter, good.reporter], { onReporterFailure: (reporter, error) => { failures.push([reporter, error]); throw new Error('and so is the report'); } });
  const story = new Story(plan([task('a')]), [hub]);
  story.begin();
  hub.onOutput({ task: 'a', attempt: 1, text: 'line' });
  hub.onOutput({ task: 'a', attempt: 1, text: 'line' });
  hub.onTick(7);
  await hub.close();
  expect(good.heard).toEqual(['run-started', 'line', 'line', 'tick 7', 'closed']);
  expect(bad.heard).toEqual(['run-started', 'closed']);
  expect(failures).toEqual([[bad.reporter, new Error('broken')]]);
});

test('close is once for each, waits for all, and a close that fails is reported', async () => {
  const failures: unknown[] = [];
  let release: (() => void) | null = null;
  const slow = recorder({ close: () => new Promise((resolve) => { release = resolve; }) });
  const bad = recorder({ close: async () => { throw new Error('no'); } });
  const good = recorder({ onTick: undefined, onOutput: undefined } as unknown as Partial<Reporter>);
  const hub = createHub([slow.reporter, bad.reporter, good.reporter], { onReporterFailure: (_, error) => { failures.push(error); } });
  hub.onTick(1);
  hub.onOutput({ task: 'a', attempt: 1, text: 'x' });
  let isClosed = false;
  const closing = hub.close().then(() => { isClosed = true; });
  await Promise.resolve();
  expect(isClosed).toBe(false);
  (release as (() => void) | null)?.();
  await closing;
  await hub.close();
  expect(good.heard).toEqual(['closed']);
  expect(failures).toEqual([new Error('no')]);
});

test('two owners of a stream are a usage error, different streams are not', () => {
  const options = { onReporterFailure: () => {} };
  expect(() => createHub([recorder({ owns: 'stderr' }).reporter, recorder({ owns: 'stdout' }).reporter, recorder().reporter], options)).not.toThrow();
  expect(() => createHub([recorder({ owns: 'stderr' }).reporter, recorder({ owns: 'stderr' }).reporter], options)).toThrow(OrchError);
  expect(() => createHub([recorder({ owns: 'stdout' }).reporter, recorder({ owns: 'stdout' }).reporter], options)).toThrow(expect.objectContaining({ exitCode: 2 }));
});
