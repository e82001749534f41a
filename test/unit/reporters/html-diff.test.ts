// The page's reading of diffs: nothing is lost, nothing is believed that a hunk did not promise.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDiff } from '../../../src/reporters/html/viewer/diff.ts';
import type { DiffFile } from '../../../src/reporters/html/viewer/diff.ts';
import { lineMarks } from '../../../src/reporters/html/viewer/diff-marks.ts';
import { sampleDiff, seeded } from '../../support/report.ts';
import { tries } from '../../support/tries.ts';

const SIGNS = { same: ' ', added: '+', removed: '-', note: '' } as const;

/** The diff that was read, line by line: heads, then hunks. */
function written(files: readonly DiffFile[]): string[] {
  return files.flatMap((file) => [...file.head, ...file.hunks.flatMap((hunk) => [hunk.header, ...hunk.rows.map((row) => SIGNS[row.kind] + row.text)])]);
}

const CHANGED = `diff --git a/src/a.ts b/src/a.ts
index 1111111..2222222 100644
--- a/src/a.ts
+++ b/src/a.ts
@@ -3,4 +3,5 @@ function a() {
 same
-old line
+new line
+another
 same too
 end
\\ No newline at end of file
`;

test('rows have their line numbers, and the file its counts', () => {
  const [file] = parseDiff(CHANGED);
  expect(file).toMatchObject({ path: 'src/a.ts', oldPath: null, change: 'modified', isBinary: false, added: 2, removed: 1 });
  expect(file?.hunks[0]?.rows.map(({ kind, before, after, text }) => [kind, before, after, text])).toEqual([
    ['same', 3, 3, 'same'], ['removed', 4, null, 'old line'], ['added', null, 4, 'new line'], ['added', null, 5, 'another'],
    ['same', 5, 6, 'same too'], ['same', 6, 7, 'end'], ['note', null, null, '\\ No newline at end of file'],
  ]);
});

test('what stands in a hunk is content, however much it looks like a header', () => {
  const [file, ...more] = parseDiff(`diff --git a/x b/x
--- a/x
+++ b/x
@@ -1,2 +1,3 @@
---- a/evil
-- b/evil
+++ b/evil
+@@ -1 +1 @@
+diff --git a/evil b/evil
`);
  expect(more).toEqual([]);
  expect(file).toMatchObject({ path: 'x', added: 3, removed: 2 });
});

test('what a hunk did not promise is no part of it', () => {
  const rowsOf = (text: string): string[] => parseDiff(text)[0]?.hunks[0]?.rows.map((row) => row.text) ?? [];
  expect(rowsOf('--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n+stray\n')).toEqual(['a', 'b']);
  expect(rowsOf('--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n-stray\n+b\n')).toEqual(['a', 'b']);
  expect(rowsOf('--- a/x\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n stray\n')).toEqual(['a']);
});

test.each([
  ['new', 'diff --git a/n b/n\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n', { path: 'n', change: 'added', added: 1 }],
  ['deleted', 'diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n', { path: 'd', change: 'deleted', removed: 1 }],
  ['renamed', 'diff --git a/old name b/new name\nsimilarity index 100%\nrename from old name\nrename to new name\n', { path: 'new name', oldPath: 'old name', change: 'renamed' }],
  ['binary', 'diff --git a/i.png b/i.png\nindex 1..2 100644\nBinary files a/i.png and b/i.png differ\n', { path: 'i.png', isBinary: true }],
  ['binary patch', 'diff --git a/i.png b/i.png\nGIT binary patch\nliteral 3\nKcmZQzfB*mh\n\n+++ b/evil\n', { path: 'i.png', isBinary: true, hunks: [] }],
  ['mode only', 'diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n', { path: 'run.sh', change: 'modified' }],
  ['quoted', 'diff --git "a/r\\303\\244po \\"x\\"\\t.ts" "b/r\\303\\244po \\"x\\"\\t.ts"\n--- "a/r\\303\\244po \\"x\\"\\t.ts"\n+++ "b/r\\303\\244po \\"x\\"\\t.ts"\n@@ -1 +1 @@\n-a\n+b\n', { path: 'räpo "x"\t.ts' }],
  ['blank in its name', 'diff --git a/a b.ts b/a b.ts\n--- a/a b.ts\t\n+++ b/a b.ts\t\n@@ -1 +1 @@\n-a\n+b\n', { path: 'a b.ts' }],
  ['not made by git', '--- a/p\n+++ b/p\n@@ -1 +1 @@\n-a\n+b\n', { path: 'p', added: 1 }],
])('a file that is %s', (_, text, expected) => {
  expect(parseDiff(text)).toHaveLength(1);
  expect(parseDiff(text)[0]).toMatchObject(expected);
});

test('two files without git headers are two files', () => {
  const one = (name: string): string => `--- a/${name}\n+++ b/${name}\n@@ -1 +1 @@\n-a\n+b\n`;
  expect(parseDiff(one('p') + one('q')).map(({ path }) => path)).toEqual(['p', 'q']);
});

test('no line is lost or made up, in diffs that were damaged anywhere', () => {
  const whole = sampleDiff(4000, seeded(3));
  const lines = fc.oneof(fc.constantFrom(...whole.split('\n').slice(0, 60)), fc.constantFrom('@@ -1 +1 @@', '@@ -1,9999999 +1 @@', '--- a/x', '+++ b/y', 'GIT binary patch', '\\ No newline', '@@@ -1 -1 +1 @@@', 'diff --cc z', '"', 'diff --git "a/'), fc.string({ minLength: 1 }).map((text) => text.replaceAll('\n', ' ')));
  fc.assert(fc.property(fc.array(lines.filter((line) => line !== ''), { maxLength: 60 }), (damaged) => {
    const text = damaged.map((line) => `${line}\n`).join('');
    expect(written(parseDiff(text)).sort()).toEqual([...damaged].sort());
  }), { numRuns: tries(300) });
  expect(written(parseDiff(whole)).map((line) => `${line}\n`).join('')).toBe(whole);
});

test('a long diff is read in time that grows with its length', () => {
  const big = `diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,200000 @@\n${'+line\n'.repeat(200_000)}`;
  // With work quadratic in the lines it takes longer than a test may.
  expect(parseDiff(big)[0]?.added).toBe(200_000);
});

test('marks are on what differs within a line, and on nothing where lines have little in common', () => {
  const [file] = parseDiff('--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n-const a = 1;\n-completely other\n+const a = 22;\n+zzz\n+more\n');
  const rows = file?.hunks[0]?.rows ?? [];
  const marks = lineMarks(rows);
  expect(rows.map((row) => row.text.slice(...(marks.get(row) ?? [0, 0])))).toEqual(['1', '', '22', '', '']);
});
