// What is told of a run that nobody watched: documents, bursts, and the sequence for a terminal.
import { expect, test } from 'vitest';
import { endText, notificationLines, notificationsOf, terminalNotification } from '../../../src/reporters/notification.ts';
import { statusDocument } from '../../../src/reporters/status.ts';
import { agentTask, plan } from '../../support/plan.ts';
import { Story } from '../../support/story.ts';

function told(count: number, failing: readonly number[] = []): Story {
  const ids = Array.from({ length: count }, (_, index) => `t${index}`);
  const story = new Story(plan(ids.map((id) => agentTask(id))));
  story.begin();
  for (const [index, task] of ids.entries()) {
    const isFailing = failing.includes(index);
    story.tell({ type: 'task-settled', task, outcome: isFailing ? 'failed' : 'completed', reason: null, message: isFailing ? 'no \u001B[31mway' : null });
  }
  return story;
}
const documentOf = (story: Story) => statusDocument(story.plan, story.state, { run: 'test', now: story.now, live: false });
const linesOf = (story: Story, after = 0): string[] => notificationLines(notificationsOf(story.events, after, documentOf(story)), new Map([['test', documentOf(story)]]));

test('1,000 completions in a burst are three lines and a count; the run comes first, then what failed', () => {
  const story = told(1000, [999]);
  story.tell({ type: 'run-finished', exitCode: 1 });
  expect(linesOf(story)).toEqual(['test finished (exit 1): 999 completed, 1 failed', 'test: t999 failed: no way', 'test: t0 completed', 'and 998 more: orch status']);
});

test('three are three lines, and nothing is nothing', () => {
  expect(linesOf(told(3))).toEqual(['test: t0 completed', 'test: t1 completed', 'test: t2 completed']);
  expect(linesOf(told(4))).toHaveLength(4);
  expect(linesOf(told(3), 4)).toEqual([]);
  expect(linesOf(told(3), 3)).toEqual(['test: t2 completed']);
});

test('documents for programs', () => {
  const story = told(1, [0]);
  story.tell({ type: 'run-finished', exitCode: 1 });
  const head = { v: 1, run: 'test', at: '2026-11-20T07:31:00.000Z' };
  expect(notificationsOf(story.events, 0, documentOf(story))).toEqual([
    { ...head, seq: 2, type: 'task-settled', task: 't0', outcome: 'failed', message: 'no \u001B[31mway' },
    { ...head, seq: 3, type: 'run-finished', exitCode: 1, counts: expect.objectContaining({ failed: 1, completed: 0 }) as object, costUsd: 0 },
  ]);
});

test('a terminal is told in the way that it knows, through tmux, and nothing gets out of the sequence', () => {
  expect(terminalNotification('a;b\u0007\u001B]0;x', { TERM: 'xterm' })).toBe('\u001B]9;a,b0,x\u0007');
  expect(terminalNotification('hi', { TERM: 'foot' })).toBe('\u001B]777;notify;orch;hi\u0007');
  expect(terminalNotification('hi', { TERM: 'screen', TMUX: '/tmp/x' })).toBe('\u001BPtmux;\u001B\u001B]9;hi\u0007\u001B\\');
  expect(endText('r', 1, { ...documentOf(told(3, [1])).counts })).toBe('orch r: 2 tasks completed, 1 failed (exit 1)');
});
