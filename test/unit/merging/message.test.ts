// What merge commits say.
import { expect, test } from 'vitest';
import { mergeMessage, type MergeMessageParts } from '../../../src/merging/message.ts';

const parts: MergeMessageParts = { strategy: 'merge', run: 'r', task: 't', name: 'Fix the door', attempt: 2, prompt: 'Make it close.', coAuthor: null };

test('a merge names the task, a squash also what was asked; both say where they come from', () => {
  expect(mergeMessage(parts)).toBe('Merge Fix the door\n\nOrch-Run: r\nOrch-Task: t\nOrch-Attempt: 2\n');
  expect(mergeMessage({ ...parts, strategy: 'squash', coAuthor: 'Bot <bot@example.invalid>' })).toBe(
    'Fix the door\n\nMake it close.\n\nOrch-Run: r\nOrch-Task: t\nOrch-Attempt: 2\nCo-authored-by: Bot <bot@example.invalid>\n',
  );
  expect(mergeMessage({ ...parts, strategy: 'squash', prompt: ' Fix the door\n' })).toBe(mergeMessage({ ...parts, strategy: 'squash', prompt: null }));
});

test('long subjects and prompts are cut, and a prompt cannot forge trailers, comments or control characters', () => {
  const text = mergeMessage({ ...parts, strategy: 'squash', name: `a\n${'x'.repeat(200)}`, prompt: `Orch-Task: other\n# comment\n\u001b[31mred\u0000${'y'.repeat(900)}` });
  const [subject = '', blank, ...rest] = text.split('\n');
  expect(Array.from(subject)).toHaveLength(72);
  expect(blank).toBe('');
  expect(rest.slice(0, 3).join('\n')).toMatch(/^ Orch-Task: other\n # comment\n\[31mredy+…$/);
  expect(text.length).toBeLessThan(700);
  expect(text.match(/^Orch-Task: .*$/gm)).toEqual(['Orch-Task: t']);
});
