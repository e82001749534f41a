// $ORCH_OUTPUT as GitHub reads GITHUB_OUTPUT.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseOutputs } from '../../../src/phases/outputs.ts';

describe('parseOutputs', () => {
  it.each<[string, Record<string, string>]>([
    ['', {}], ['\n\n', {}], ['a=1\n', { a: '1' }], ['a=1\nb=x=y\r\n', { a: '1', b: 'x=y' }], ['a=\n', { a: '' }], ['a= x ', { a: ' x ' }], ['a=1\na=2', { a: '2' }],
    ['a<<END\none\ntwo\nEND\nb=3', { a: 'one\ntwo', b: '3' }], ['a<<E\nE\n', { a: '' }], ['a<<E\n\n\nE\n', { a: '\n' }], ['a<<E=F\nx\nE=F', { a: 'x' }], ['a=1<<2', { a: '1<<2' }], ['a-b_c=1', { 'a-b_c': '1' }],
    ['a<<E\nb=1\nE', { a: 'b=1' }], ['\ufeffa=1', { a: '1' }],
  ])('%j', (text, outputs) => {
    expect(parseOutputs(text)).toEqual({ ok: true, outputs });
  });
  it.each<[string, string]>([
    ['a', 'line 1 of $ORCH_OUTPUT is neither `name=value` nor `name<<END`: "a"'], ['x=1\n=2', 'line 2 of $ORCH_OUTPUT is neither'], ['a b=1', 'line 1 of'], ['1=1', 'line 1 of'],
    ['a<<E\nx', 'line 1 of $ORCH_OUTPUT begins the value of a, and no line "E" ends it'], ['a<<\nx\n', 'begins the value of a, and no line "" ends it'], ['a=\0', 'holds a NUL character'],
    [`a=${'x'.repeat(1024 * 1024)}`, '$ORCH_OUTPUT holds more than 1 MB'],
  ])('%j is wrong', (text, message) => {
    const read = parseOutputs(text);
    expect(read.ok ? '' : read.message).toContain(message);
  });
  it('keeps names that objects have, and never throws', () => {
    const read = parseOutputs('constructor=1\n__proto__=2');
    expect(read.ok && Object.entries(read.outputs)).toEqual([['constructor', '1'], ['__proto__', '2']]);
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '=', '<', '\n', '\r', ' ', 'E') }), (text) => { parseOutputs(text); }));
  });
  it('reads back any value between lines that do not stand in it', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '=', '<<', '\n', ' ', 'END') }), (value) => {
      expect(parseOutputs(`v<<==END==\n${value}\n==END==\n`)).toEqual({ ok: true, outputs: { v: value } });
    }));
  });
});
