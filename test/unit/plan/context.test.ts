// `context`: what is put below a prompt, in fences that nothing in it closes, and within limits.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextInputsOf } from '../../../src/plan/build.ts';
import { complaints, planned, requestOf, workOf } from './rig.ts';
import { tries } from '../../support/tries.ts';

const one = (context: string, world = {}, rest = ''): string => workOf(planned(`tasks: { t: { prompt: Do it, context: ${context}${rest} } }`, world).tasks[0]);

describe('context', () => {
  it('follows the prompt, each item under its label', () => {
    expect(one('[{ file: ./db/schema.sql }, { run: "git log --oneline" }, { text: "Of ${{ task.id }}" }]', { files: { 'db/schema.sql': 'create x;' }, commands: { 'git log --oneline': 'abc\n' } })).toBe(
      'Do it\n\nThe file `db/schema.sql`, as it is in the commit that you start from:\n\n```\ncreate x;\n```\n\nWhat the command `git log --oneline` printed when this task was planned:\n\n```\nabc\n```\n\nOf t',
    );
  });
  it('is not read as a template, also in a task that is one', () => {
    const world = { files: { 'ci.yml': 'run: ${{ secrets.X }} $${{ y' } };
    expect(one('[{ file: ci.yml }]', world)).toContain('run: ${{ secrets.X }} $${{ y');
    const late = planned('tasks: { a: { run: x }, t: { needs: a, prompt: "${{ needs.a.branch }}", context: [{ file: ci.yml }] } }', world).tasks[1];
    expect([late?.late, workOf(late)]).toEqual([true, expect.stringContaining('run: $${{ secrets.X }} $$${{ y')]);
  });
  it('may be that of each item', () => {
    const world = { files: { 'a.js': 'A', 'b.js': 'B' }, commands: { "grep x 'a.js'": 'never', 'grep x a.js': '1', 'grep x b.js': '2' } };
    const text = 'tasks: { t: { foreach: { files: "*.js" }, prompt: p, context: [{ file: "${{ item.file }}" }, { run: "grep x ${{ item }}" }] } }';
    expect(contextInputsOf(requestOf(text, world)).map(({ kind, name }) => `${kind} ${name}`)).toEqual(['file a.js', 'run grep x a.js', 'file b.js', 'run grep x b.js']);
    expect(planned(text, world).tasks.map((task) => /```\n(.*)\n```[^]*```\n(.*)\n```/.exec(workOf(task))?.slice(1))).toEqual([['A', '1'], ['B', '2']]);
  });
  it('is shared by defaults, and nothing to commands', () => {
    const text = 'defaults: { context: [{ text: Be brief. }] }\ntasks: { a: x, b: { run: y }, c: { prompt: z, context: [] } }';
    expect(planned(text).tasks.map(workOf)).toEqual(['x\n\nBe brief.', 'y', 'z']);
  });
  it('cannot be left by what stands in it', () => {
    const text = fc.string({ unit: fc.constantFrom('`', '\n', '```\n', 'a', '~', '\n````\n', ' '), maxLength: 40 });
    fc.assert(fc.property(text, text.filter((name) => name.trim() !== ''), (content, command) => {
      const block = one(`[{ run: ${JSON.stringify(command)} }]`, { commands: { [command]: content } }).slice('Do it\n\n'.length);
      const [label = '', ...rest] = block.split('\n\n');
      expect(label).not.toContain('\n');
      const [, fence = '', inside = '', end = ''] = /^(`{3,})\n([^]*?)\n?(`+)$/.exec(rest.join('\n\n')) ?? [];
      expect(end).toBe(fence);
      expect(inside.split('\n').some((line) => line.trim().startsWith(fence))).toBe(false);
      expect(inside.replace(/\n+$/, '')).toBe(content.replace(/\n+$/, ''));
    }), { numRuns: tries(300) });
  });
});

describe('wrong context', () => {
  const kb = (count: number): string => 'x'.repeat(count * 1024);
  it.each<[string, string, string]>([
    ['a file that is not in the base', '[{ file: nope.md }]', 'tasks.yml:1:48 tasks.t.context[0].file: "nope.md" was not read; context is read from the base commit, not from the working directory'],
    ['a command that fails', '[{ run: bad }]', 'tasks.t.context[0].run: "bad" exited with 3'],
    ['too much of one', '[{ text: "${{ env.BIG }}" }]', 'tasks.t.context[0].text: has 307200 bytes, and at most 262144 are put into a prompt; let the agent read the file itself'],
    ['too much of all', '[{ file: a }, { file: a }, { file: a }, { file: a }, { file: a }]', 'tasks.t.context: has 1280000 bytes, and at most 1048576 are put into a prompt; let the agent read the files itself'],
    ['an unknown name', '[{ file: "${{ item.file }}" }]', 'tasks.t.context[0].file: `item.file` is known only in a task with `foreach`'],
    ['a NUL', '[{ file: nul }]', 'tasks.t.context[0].file: contains a NUL character; only text can be put into a prompt'],
    ['nothing', '[{}]', 'tasks.t.context[0]: is empty; write one of `file`, `run`, `text`'],
    ['two at once', '[{ file: a, text: b }]', 'tasks.t.context[0]: has `file` and `text`; make an item of each'],
    ['no list', '{ file: a }', 'tasks.t.context: must be a list of items such as `- file: README.md`, not a map'],
    ['a word', '[a]', 'tasks.t.context[0]: must be a map such as `{ file: README.md }`, not a string'],
    ['another key', '[{ flie: a }]', 'tasks.t.context[0].flie: unknown key "flie"; did you mean `file`?'],
  ])('%s', (_, context, message) => {
    expect(complaints(`tasks: { t: { prompt: Do it, context: ${context}, env: { BIG: ${kb(300)} } } }`, { files: { a: kb(250), nul: 'a\0b' }, commands: { bad: 3 } })).toContain(message);
  });
  it('means nothing to a command', () => {
    expect(complaints('tasks: { t: { run: x, context: [{ text: y }] } }')).toContain('`context` means nothing to a `run` task, which has no agent');
  });
  it('is refused when all prompts together are too long', () => {
    const list = Array.from({ length: 300 }, (_, i) => i).join(', ');
    expect(complaints(`tasks: { t: { foreach: { values: [${list}] }, prompt: x, context: [{ file: a }] } }`, { files: { a: kb(250) } })).toContain('the prompts of all tasks have 73 MB together, and a plan holds at most 64');
  });
});
