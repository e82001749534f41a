// Every file of wrong/ says exactly what its .expected says: where, what, and what to write instead.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import { parseManifest } from '../../../src/manifest/parse.ts';

const folder = path.join(import.meta.dirname, 'wrong');
const files = readdirSync(folder).filter((name) => /\.(?:yml|json)$/.test(name));

describe('wrong manifests', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(30);
  });
  it.each(files)('%s', (file) => {
    const parsed = parseManifest(readFileSync(path.join(folder, file), 'utf8'), { file });
    const expected = readFileSync(path.join(folder, file.replace(/\.\w+$/, '.expected')), 'utf8');
    expect(parsed.ok ? 'nothing wrong' : `${formatDiagnostics(parsed.diagnostics)}\n`).toBe(expected);
  });
});
