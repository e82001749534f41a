// Bytes in pieces: whatever the pieces are, lines, tails and redaction come out the same.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, wholeCharacters } from '../../../src/lib/lines.ts';
import { Redactor, secretsOf } from '../../../src/lib/redact.ts';
import { Tail } from '../../../src/lib/tail.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'ä', '€', '🙂', 's', 'e', 'c'), maxLength: 60 });
const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 8 });

function inPieces(bytes: Buffer, at: readonly number[]): readonly Buffer[] {
  const borders = [0, ...at.map((n) => n % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((to, n) => bytes.subarray(borders[n], to));
}

describe('lines', () => {
  it('do not depend on how the bytes arrive', () => {
    fc.assert(fc.property(text, cuts, (input, at) => {
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line));
      for (const piece of inPieces(Buffer.from(input), at)) splitter.push(piece);
      splitter.end();
      const expected = input.split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(lines).toEqual(expected);
    }));
  });

  it('are cut at the limit, at a character, and the next line is whole again', () => {
    fc.assert(fc.property(text, cuts, fc.integer({ min: 4, max: 12 }), (input, at, limit) => {
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line), limit);
      for (const piece of inPieces(Buffer.from(`${input}\nok\n`), at)) splitter.push(piece);
      const expected = input.split('\n');
      expect(lines).toHaveLength(expected.length + 1);
      expect(lines.at(-1)).toBe('ok');
      for (const [n, line] of expected.entries()) {
        const bytes = Buffer.from(line);
        // A chunk of complete lines is passed on whole when it is shorter than the limit; nothing ever exceeds it.
        expect(lines[n]).toBe(bytes.length <= limit ? line : bytes.toString('utf8', 0, wholeCharacters(bytes.subarray(0, limit))));
      }
    }));
  });
});

describe('a tail', () => {
  it('is the end of everything, from a whole character on', () => {
    fc.assert(fc.property(text, cuts, fc.integer({ min: 4, max: 40 }), (input, at, keep) => {
      const tail = new Tail(keep);
      const bytes = Buffer.from(input);
      for (const piece of inPieces(bytes, at)) tail.push(piece);
      expect(tail.isCut).toBe(bytes.length > keep);
      expect(input.endsWith(tail.text())).toBe(true);
      expect(Buffer.byteLength(tail.text())).toBeGreaterThanOrEqual(Math.min(bytes.length, keep) - 3);
      expect(Buffer.byteLength(tail.text())).toBeLessThanOrEqual(keep);
    }));
  });
});

describe('redaction', () => {
  it('does not depend on how the bytes arrive', () => {
    const secret = 'secaab';
    const withSecret = fc.array(fc.oneof(text, fc.constant(secret)), { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(fc.property(withSecret, cuts, (input, at) => {
      const redactor = new Redactor([secret]);
      const out = inPieces(Buffer.from(input), at).map((piece) => Buffer.from(redactor.push(piece)));
      expect(Buffer.concat([...out, redactor.end()]).toString()).toBe(input.replaceAll(secret, '***'));
    }));
  });

  it('holds back nothing but what may be the beginning of a secret', () => {
    const redactor = new Redactor(['s3cr3t-value', 's3x']);
    expect(redactor.push(Buffer.from('hello s3')).toString()).toBe('hello ');
    expect(redactor.push(Buffer.from('cr3t-valu')).toString()).toBe('');
    expect(redactor.push(Buffer.from('able\n')).toString()).toBe('s3cr3t-valuable\n');
  });

  it('knows secrets by the names of variables, also as they look inside of JSON', () => {
    expect(secretsOf({ ANTHROPIC_API_KEY: 'sk-ant-123456', PATH: '/usr/bin:/bin:/x', GITHUB_TOKEN: 'short', DB_PASSWORD: 'pass"word\\1', GIT_CONFIG_KEY_1: 'maintenance.auto', MAX_OUTPUT_TOKENS: '123456789' })).toEqual(['sk-ant-123456', 'pass\\"word\\\\1', 'pass"word\\1']);
    expect(secretsOf({ SSH_KEY: '-----BEGIN-----\nabcdefghijklmnopqrstuvwxyz\nshort' })).toContain('abcdefghijklmnopqrstuvwxyz');
  });
});
