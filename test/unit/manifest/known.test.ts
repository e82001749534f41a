// Tasks that are added to others: they may need these, and never take their ids.
import { expect, test } from 'vitest';
import { manifestOfPrompts } from '../../../src/manifest/prompts.ts';
import { parseManifest, type KnownTasks } from '../../../src/manifest/parse.ts';

const known: KnownTasks = new Map([['build', ['build']], ['fix-it', ['fix-it']], ['docs', ['docs.a', 'docs.b']]]);

test('they need what is there, also by the name of a matrix', () => {
  expect(parseManifest('tasks: { a: { needs: [build, docs, b], prompt: x }, b: y }', { file: 'f', known })).toMatchObject({ ok: true });
  expect(parseManifest('tasks: { a: { needs: [biuld], prompt: x } }', { file: 'f', known })).toMatchObject({ ok: false, diagnostics: [{ message: 'there is no task "biuld"' }] });
});

test('an id that is taken is refused where it was written, and avoided where it was made', () => {
  expect(parseManifest('tasks: { build: x }', { file: 'f', known })).toMatchObject({ ok: false, diagnostics: [{ line: 1, message: 'the run has a task "build" already' }] });
  const made = manifestOfPrompts(['Fix it', 'Fix it'], known);
  expect(made.ok && made.manifest.tasks.map(({ id }) => id)).toEqual(['fix-it-2', 'fix-it-3']);
});
