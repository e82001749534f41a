// `${{ }}`: what is filled in, what is escaped, what is refused.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineAndColumn, render } from '../../../src/manifest/template.ts';
import type { Scope } from '../../../src/manifest/template.ts';
import { tries } from '../../support/tries.ts';

const scope = { env: { names: { HOME: '/h', LOG_LEVEL: '1' } }, task: { names: { id: 'api' } }, run: { names: { id: 'r-1' } }, base: 'abc' };

describe('render', () => {
  it.each([
    ['${{ task.id }}', 'api'], ['${{task.id}}', 'api'], ['a ${{ env.HOME }}/${{ base }} b', 'a /h/abc b'], ['${{ run.id }}${{ run.id }}', 'r-1r-1'],
    ['$${{ task.id }}', '${{ task.id }}'], ['$$${{ task.id }}', '$${{ task.id }}'], ['$${{', '${{'], ['${HOME} $(x) {{ x }} $ {{', '${HOME} $(x) {{ x }} $ {{'],
    ['${{\n task.id\n}}', 'api'], ['}} ${{ base }}', '}} abc'],
  ])('%j → %j', (template, text) => {
    expect(render(template, scope)).toEqual({ ok: true, text, isLate: false });
  });
  it('does not read what it has filled in', () => {
    expect(render('${{ env.A }}', { env: { names: { A: '${{ base }}' } }, base: 'x' })).toEqual({ ok: true, text: '${{ base }}', isLate: false });
  });
  it.each([
    ['${{ env.HOEM }}', 'unknown name "env.HOEM"', 'did you mean `env.HOME`?'],
    ['${{ env.NOTHING_LIKE_IT }}', 'unknown name "env.NOTHING_LIKE_IT"', 'add it to an `env:` of the manifest'],
    ['${{ taks.id }}', 'unknown name "taks.id"', 'did you mean `task.id`?'],
    ['${{ matrix.os }}', '`matrix.os` is known only in a task with `strategy.matrix`', undefined],
    ['${{ item.file }}', '`item.file` is known only in a task with `foreach`', undefined],
    ['${{ needs.a.result }}', '`needs.a.result` is known only in a task with `needs`, in its `prompt`, `context`, `run`, `args`, `env`, `setup` and `verify`', undefined],
    ['${{ base.sha }}', '`base` has no parts', 'write `${{ base }}`'],
    ['${{ env }}', '`env` alone is not a text', 'known: env.HOME, env.LOG_LEVEL'],
    ['${{ }}', '`${{ }}` has no name in it', 'write `$${{` for the characters themselves'],
    ['${{ a || b }}', '"a || b" is not a name', 'only names are read: env.HOME, env.LOG_LEVEL, task.id, run.id, base'],
    ['${{ task.id', '`${{` is not closed', 'write `}}` after the name, or `$${{` for the characters themselves'],
    ['${{ env.constructor }}', 'unknown name "env.constructor"', 'add it to an `env:` of the manifest'],
    ['${{ constructor }}', 'unknown name "constructor"', 'known: env.HOME, env.LOG_LEVEL, task.id, run.id, base'],
  ])('%s: %s', (template, message, hint) => {
    expect(render(template, scope)).toEqual({ ok: false, problems: [{ offset: 0, message, ...(hint === undefined ? {} : { hint }) }] });
  });
  it('says everything at once, each with its offset', () => {
    const rendered = render('a ${{ x }} ${{ base }} ${{ y }}', scope);
    expect(rendered.ok || rendered.problems.map(({ offset }) => offset)).toEqual([2, 23]);
  });
  it('leaves alone any text without `${{`', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', ' ', '\n') }), (text) => {
      fc.pre(!text.includes('${{'));
      expect(render(text, scope)).toEqual({ ok: true, text, isLate: false });
    }));
  });
  it('gives back any text whose `${{` are escaped', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', ' ') }), (text) => {
      expect(render(text.replaceAll('${{', () => '$${{'), scope)).toEqual({ ok: true, text, isLate: false });
    }), { numRuns: tries(1000) });
  });
});

describe('names without a value yet', () => {
  const value = fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', "'", ' ', '${{', '}}', '"'), maxLength: 6 });
  const part = fc.oneof(fc.constantFrom('${{ early }}', '${{ late }}', '${{ late.part }}', '$${{', "${{ '$' }}", "${{ 'it''s }}' }}", '$', '$$', '{{', 'x "', "'"), fc.string({ unit: fc.constantFrom('$', '{', '}', 'a') }).filter((text) => !text.includes('${{')));
  const full = (early: string, late: string): Scope => ({ early, late: { names: { '': { data: late }, part: { data: late } } } });
  const partial = (early: string): Scope => ({ early, late: { names: { '': { late: '${{ late }}' }, part: { late: '${{ late.part }}' } } } });
  it('can be filled in afterwards: twice is the same as once', () => {
    fc.assert(fc.property(fc.array(part), value, value, fc.constantFrom({}, { reader: 'shell' } as const, { reader: 'glob' } as const), (parts, early, late, reader) => {
      const template = parts.join('');
      const once = render(template, full(early, late), reader);
      fc.pre(once.ok);
      const first = render(template, partial(early), { ...reader, template: true });
      if (!first.ok) throw new Error('the first pass failed');
      const second = render(first.text, full('never read', late), reader);
      expect(second.ok && second.text).toBe(once.ok && once.text);
      expect(first.isLate).toBe(/\$\{\{ late/.test(template.replaceAll('$${{', '§')) && template.includes('late'));
    }), { numRuns: tries(3000) });
  });
  it('read literals, quotes in them doubled', () => {
    expect(render("${{ '${{' }} ${{ 'it''s' }} ${{ '}}' }}", {})).toEqual({ ok: true, text: "${{ it's }}", isLate: false });
  });
  it('keep the name that was asked for behind a wildcard', () => {
    const scope: Scope = { needs: { names: { 'a.b.outputs.*': { late: '${{ needs.a.b.outputs.* }}' }, 'c.outputs.*': { data: '' }, 'c.outputs.x': { data: 'X' } } } };
    expect(render('${{ needs.a.b.outputs.some-name }}', scope, { template: true })).toEqual({ ok: true, text: '${{ needs.a.b.outputs.some-name }}', isLate: true });
    expect(render('[${{ needs.c.outputs.x }}${{ needs.c.outputs.y }}]', scope)).toEqual({ ok: true, text: '[X]', isLate: false });
  });
});

describe('lineAndColumn', () => {
  it('counts from 1', () => {
    expect([lineAndColumn('ab', 0), lineAndColumn('a\nbc', 3), lineAndColumn('a\n\n', 3)]).toEqual([{ line: 1, col: 1 }, { line: 2, col: 2 }, { line: 3, col: 1 }]);
  });
});
