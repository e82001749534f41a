// Markdown and JSON: what is said, in which order, and that nothing that a task said becomes markup.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonReport } from '../../../src/reporters/report-json.ts';
import { markdownReport } from '../../../src/reporters/report-markdown.ts';
import { failedTask, statusOf, taskDocument } from '../../support/report.ts';
import { tries } from '../../support/tries.ts';

test('says what to look into first, then what was delivered', () => {
  const text = markdownReport(statusOf([
    taskDocument('fine', { merge: 'merged' }), failedTask('broken', { attempts: 2 }), taskDocument('stuck', { merge: 'conflict' }),
    taskDocument('later', { outcome: 'skipped', reason: 'dependency', message: 'broken did not complete' }),
  ]));
  expect(text.split('\n')).toEqual([
    '# ❌ `test`', '', '**4 tasks**: 2 completed, 1 failed, 1 skipped', '', 'finished (exit 1) · 1h10m · $0.48 · base `aaaaaaaaaaaa` · target `main`', '',
    '## Failed (1)', '', '- ✖ `broken` **failed** (verify-failed), 2 attempts, 1m01s, $0.12, 2 files +10 −3 on `orch/test/broken`: `npm test: exit 1`', '',
    '## Completed, not merged (1)', '', '- ✖ `stuck` **merge conflict**', '',
    '## Stopped or skipped (1)', '', '- ○ `later` skipped: `broken did not complete`', '',
    '## Completed (2)', '', '| Task | Files | + | − | Merge | Cost | Time | Branch |', '|---|--:|--:|--:|---|--:|--:|---|',
    '| `fine` | 2 | 10 | 3 | merged | $0.12 | 1m01s | `orch/test/fine` |', '| `stuck` | 2 | 10 | 3 | conflict | $0.12 | 1m01s | `orch/test/stuck` |', '',
  ]);
});

/** The text without its code spans, as CommonMark delimits them: a run of backticks up to the next run as long. */
function withoutCode(line: string): string {
  return line.replace(/(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, '');
}

test('nothing that a task said is markup, mention or link', () => {
  const nasty = fc.string({ unit: fc.constantFrom('`', '``', '*', '@everyone', '#1', '<script>', '|', '\n', '\n\n# x', '[a](http://b)', '\u001B[31m', '\\', ' ', 'a', '-->'), minLength: 1, maxLength: 12 });
  fc.assert(fc.property(nasty, (message) => {
    const lines = markdownReport(statusOf([failedTask('t', { message })])).split('\n');
    const line = lines.find((text) => text.startsWith('- ✖')) ?? '';
    expect(withoutCode(line)).toMatch(/^- ✖ {2}\*\*failed\*\* \(verify-failed\), 1m01s, \$0\.12, 2 files \+10 −3 on (: )?$/);
    expect(lines.filter((text) => text.startsWith('#'))).toEqual(['# ❌ `test`', '## Failed (1)']);
  }), { numRuns: tries(300) });
});

test('stays within its bytes, with a count of what was left out', () => {
  const tasks = Array.from({ length: 3000 }, (_, i) => failedTask(`t${i}`, { message: 'ü'.repeat(400) }));
  for (const mostBytes of [3000, 50_000, 900_000]) {
    const text = markdownReport(statusOf(tasks), { mostBytes });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(mostBytes);
    expect(Buffer.byteLength(text)).toBeGreaterThan(mostBytes / 3);
    const shown = text.match(/^- ✖/gm)?.length ?? 0;
    expect(text).toContain(`… and ${3000 - shown} more tasks that this text has no room for`);
  }
});

test('JSON is the document, with nothing in it that acts on a terminal', () => {
  const document = statusOf([failedTask('a', { message: 'x\u001B[31m\u202E\u009B\u2028"\\' })]);
  const text = jsonReport(document);
  expect(JSON.parse(text)).toEqual(document);
  expect(text).not.toMatch(/[^\n\P{Cc}]|[\u202E\u2028]/u);
  expect(text.endsWith('}\n')).toBe(true);
});
