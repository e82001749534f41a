// What parseManifest makes of right manifests, and that no text at all makes it throw.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import { readDocument } from '../../../src/manifest/document.ts';
import { parseManifest } from '../../../src/manifest/parse.ts';
import type { Manifest } from '../../../src/manifest/parse.ts';
import { manifestOfPrompts } from '../../../src/manifest/prompts.ts';
import { isId } from '../../../src/lib/slug.ts';
import { tries } from '../../support/tries.ts';

function parsed(text: string): Manifest {
  const result = parseManifest(text, { file: 'tasks.yml' });
  if (!result.ok) throw new Error(formatDiagnostics(result.diagnostics));
  return result.manifest;
}
function complaints(text: string): string {
  const result = parseManifest(text, { file: 't' });
  return result.ok ? 'nothing wrong' : formatDiagnostics(result.diagnostics);
}
const ids = (text: string): string[] => parsed(text).tasks.map(({ id }) => id);

describe('the shapes of tasks', () => {
  it('reads a list of prompts', () => {
    const { tasks } = parsed('tasks:\n  - Fix it\n  - Document it\n');
    expect(tasks).toEqual([
      { id: 'fix-it', fields: { prompt: 'Fix it' }, path: ['tasks', 0] },
      { id: 'document-it', fields: { prompt: 'Document it' }, path: ['tasks', 1] },
    ]);
  });
  it('reads a map in the order of the file, prompts in the short form too', () => {
    const { tasks } = parsed('tasks:\n  z: Fix it\n  10: { run: make, timeout: 1h30m, needs: z }\n  2: x\n  a: { prompt-file: p.md, idle-timeout: off }\n');
    expect(tasks.map(({ id, fields }) => [id, { ...fields }])).toEqual([
      ['z', { prompt: 'Fix it' }], ['10', { run: 'make', timeout: 5_400_000, needs: ['z'] }], ['2', { prompt: 'x' }], ['a', { 'prompt-file': 'p.md', 'idle-timeout': null }],
    ]);
  });
  it('makes ids from the name, the prompt, the file, the command, or the number', () => {
    expect(ids('tasks: [{ name: A name, prompt: x }, { prompt-file: prompts/api docs.md }, { run: npm test }, 修复, { id: own, prompt: x }]')).toEqual(['a-name', 'api-docs', 'npm-test', 'task-4', 'own']);
  });
  it('numbers ids that are taken, ids of a later task included', () => {
    expect(ids('tasks: [x, x, X!, { id: x-2, prompt: y }, x]')).toEqual(['x', 'x-3', 'x-4', 'x-2', 'x-5']);
  });
  it('numbers 10,000 equal prompts in time that grows with their number', () => {
    expect(ids(`tasks:\n${'  - the same\n'.repeat(10_000)}`).at(-1)).toBe('the-same-10000');
  });
  it('lets defaults give the work', () => {
    expect(parsed('defaults: { prompt-file: "${{ task.id }}.md" }\ntasks: { a: {}, b: { run: x } }').tasks).toHaveLength(2);
  });
});

describe('values', () => {
  it('keeps the text of variables as it was written', () => {
    expect({ ...parsed('env: { A: 1.10, B: true, C: 010, D: "x", E: 0x1F }\ntasks: [x]').head.env }).toEqual({ A: '1.10', B: 'true', C: '010', D: 'x', E: '0x1F' });
  });
  it('does the same in defaults, tasks and agents', () => {
    const { head, tasks } = parsed('defaults: { env: { A: 1.0 } }\nagents: { m: { command: x, env: { B: 2.0 } } }\ntasks: { t: { run: x, env: { C: 3.0 } } }');
    expect([head.defaults?.env?.['A'], head.agents?.['m']?.env?.['B'], tasks[0]?.fields.env?.['C']]).toEqual(['1.0', '2.0', '3.0']);
  });
  it('reads max-fail as a number and as a percentage', () => {
    expect(parsed('max-fail: 3\ntasks: [x]').head['max-fail']).toEqual({ kind: 'count', count: 3 });
    expect(parsed('max-fail: 10%\nfail-fast: false\ntasks: [x]').head['max-fail']).toEqual({ kind: 'percent', percent: 10 });
  });
  it('takes names that objects have without being given them', () => {
    expect(ids('tasks: { constructor: x, tostring: y, valueof: z }')).toEqual(['constructor', 'tostring', 'valueof']);
    expect(complaints('tasks: { a: { run: x, needs: constructor } }')).toContain('there is no task "constructor"');
    expect(complaints('constructor: 1\ntoString: 2\ntasks: [x]')).toContain('unknown key "constructor"');
  });
  it('reads maps that have no prototype', () => {
    const { document } = readDocument('a: { b: [{ c: 1 }] }', 't');
    const value = document?.value as { a: { b: object[] } };
    expect([value, value.a, value.a.b[0]].map((map) => Object.getPrototypeOf(map) as unknown)).toEqual([null, null, null]);
  });
  it('reads JSON, tabs and escapes included, and a byte order mark', () => {
    expect(parsed('\ufeff{\n\t"tasks": [\n\t\t"a \\ud83d\\ude42 \\/ b"\n\t]\n}').tasks[0]?.fields.prompt).toBe('a 🙂 / b');
  });
  it('reads a few aliases', () => {
    expect(parsed('defaults: { verify: &v [a, b] }\ntasks: { x: { run: y, verify: *v } }').tasks[0]?.fields.verify).toEqual(['a', 'b']);
  });
  it('reads what JSON.stringify writes, whatever the prompts', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text.trim() !== '' && !text.includes('\0')), { minLength: 1 }), (prompts) => {
      expect(parsed(JSON.stringify({ tasks: prompts })).tasks.map(({ fields }) => fields.prompt)).toEqual(prompts);
    }));
  });
  it('takes a prompt of 2 MB, and one that looks like an option', () => {
    const { tasks } = parsed(JSON.stringify({ tasks: ['x'.repeat(2_000_000), '--help'] }));
    expect(tasks.map(({ fields }) => fields.prompt?.length)).toEqual([2_000_000, 6]);
  });
});

describe('hostile texts', () => {
  it.each([
    ['flow', '['.repeat(1_000_000), 'nested too deeply'],
    ['maps in JSON', '{"tasks":'.repeat(50_000), 'nested too deeply'],
    ['blocks', Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''), 'nested too deeply'],
    ['lists', '- '.repeat(500_000), 'nested too deeply'],
    ['keys', '? '.repeat(500_000), 'nested too deeply'],
    ['aliases', `a: &a [x,x]\nb: &b [${'*a,'.repeat(150)}]\ntasks: [x]`, 'alias number 101'],
    ['size', `tasks:\n  - ${'é'.repeat(2_700_000)}`, 'at most 5 MB'],
    ['errors', "'\n".repeat(2_500_000), 'unexpected'],
    ['elements', `tasks: [${'a,'.repeat(2_000_000)}]`, 'too many elements'],
    ['100 MB', 'x'.repeat(100_000_000), 'at most 5 MB'],
  ])('refuses too many %s', (_, text, message) => {
    expect(complaints(text)).toContain(message);
  });
  it('says everything about a long cycle in one short line', () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `  t${index}: { run: x, needs: t${(index + 1) % 10_000} }`);
    expect(complaints(`tasks:\n${lines.join('\n')}`)).toBe('t:2:24 tasks.t0.needs: these tasks need each other: t0 → t1 → t2 → t3 → t4 → t5 → t6 → t7 → t8 → t9 → … 9990 more … → t0; remove one of these needs');
  });
  it('never throws on any text', () => {
    const piece = fc.constantFrom('tasks:', '\n', '  ', '- ', 'a: ', '{', '}', '[', ']', '&a ', '*a', '!!x ', '"', "'", '|', '>', '#', '? ', '---', '%YAML 1.1', '\t', '${{', '<<: ', 'prompt: ', 'needs: ', '\0', '\r', ': ', ',', 'é');
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))), (text) => {
      parseManifest(text, { file: 't' });
    }), { numRuns: tries(1500) });
  });
  it('never throws on any JSON in any place, and its ids are always good', () => {
    const field = fc.constantFrom('prompt', 'run', 'needs', 'env', 'timeout', 'retry-on', 'id', 'verify', 'paths', '__proto__', 'constructor', 'foreach', 'x');
    const task = fc.oneof(fc.string(), fc.jsonValue(), fc.dictionary(field, fc.oneof(fc.string(), fc.jsonValue(), fc.constantFrom('a', '20m', 1))));
    const manifest = fc.record({ tasks: fc.oneof(fc.array(task), fc.dictionary(fc.string(), task), fc.jsonValue()), defaults: fc.jsonValue(), env: fc.jsonValue(), agents: fc.jsonValue() }, { requiredKeys: ['tasks'] });
    fc.assert(fc.property(manifest, (value) => {
      const result = parseManifest(JSON.stringify(value), { file: 't' });
      if (!result.ok) {
        expect(result.diagnostics.length).toBeGreaterThan(0);
        for (const { line, col, message } of result.diagnostics) expect([line > 0, col > 0, message.length > 0]).toEqual([true, true, true]);
        return;
      }
      const names = result.manifest.tasks.map(({ id }) => id);
      expect(new Set(names).size).toBe(names.length);
      expect(names.every(isId)).toBe(true);
    }), { numRuns: tries(500) });
  });
});

describe('prompts of a command line', () => {
  it('are tasks, named after the first', () => {
    const result = manifestOfPrompts(['Fix the bug', '--help: *a &b #c']);
    expect(result.ok && [result.manifest.head.name, result.manifest.tasks.map(({ fields }) => fields.prompt), result.manifest.source.at(['tasks', 1, 'prompt']).file]).toEqual([
      'fix-the-bug', ['Fix the bug', '--help: *a &b #c'], 'prompt 2',
    ]);
  });
  it('are named in problems', () => {
    const result = manifestOfPrompts(['x', ' ']);
    expect(result.ok || formatDiagnostics(result.diagnostics)).toBe('prompt 2: is empty');
  });
});
