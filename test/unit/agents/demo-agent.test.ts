// The demo agent: its language, and the program itself, read by the same adapter that reads claude.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import { parseScript } from '../../../src/agents/demo-script.ts';
import { bundle } from '../../support/bundle.ts';
import { SPEC } from './samples.ts';

describe('the language', () => {
  it('is lines that a person could have written', () => {
    expect(parseScript('Write the docs.\n\n- Please create docs/a.md: # A\\ntext\n2. Then append docs/a.md: more\nAnd then, replace "x y" with "" in src/b.js\nRename a to b/c\ndelete d\nsleep 1.5s\nSLEEP 20ms\nsay Hello: you\ncommit Add: docs\nfail with "too bad"\nfail on attempt 2 with "once"')).toEqual([
      { kind: 'create', file: 'docs/a.md', text: '# A\ntext' },
      { kind: 'append', file: 'docs/a.md', text: 'more' },
      { kind: 'replace', file: 'src/b.js', old: 'x y', new: '' },
      { kind: 'rename', file: 'a', to: 'b/c' },
      { kind: 'delete', file: 'd' },
      { kind: 'sleep', ms: 1500 },
      { kind: 'sleep', ms: 20 },
      { kind: 'say', text: 'Hello: you' },
      { kind: 'commit', text: 'Add: docs' },
      { kind: 'fail', text: 'too bad', attempt: null },
      { kind: 'fail', text: 'once', attempt: 2 },
    ]);
  });
  it('leaves prose alone', () => {
    expect(parseScript('Create something nice.\nPlease fix the tests\nreplace all of it\nsleeping is good\nfail')).toEqual([]);
  });
});

describe('the program', () => {
  let tools: string;
  let program: string;
  let dir: string;
  beforeAll(async () => {
    tools = mkdtempSync(path.join(os.tmpdir(), 'orch-demo-'));
    program = await bundle('src/agents/demo-agent.ts', path.join(tools, 'demo-agent.mjs'));
  });
  afterAll(() => rmSync(tools, { recursive: true, force: true }));
  beforeEach(() => {
    dir = mkdtempSync(path.join(tools, 'work-'));
  });

  function run(prompt: string, env: Record<string, string> = {}) {
    const done = spawnSync(process.execPath, [program], { cwd: dir, input: prompt, encoding: 'utf8', env: { ...process.env, ...env } });
    const reader = adapterFor('command').read({ ...SPEC, output: 'claude-stream-json' });
    const progress = done.stdout.split('\n').map((line) => reader.line(line, 'stdout')).filter((line) => line !== null);
    const verdict = reader.verdict({ exit: { kind: 'code', code: done.status ?? -1 }, stdoutTail: done.stdout, stderrTail: done.stderr, now: 0 });
    return { progress, verdict };
  }

  it('does what it is asked and tells it as claude would', () => {
    execFileSync('git', ['init', '-q', dir]);
    mkdirSync(path.join(dir, 'src'));
    writeFileSync(path.join(dir, 'src/b.js'), 'var a = 1; var b = 2;\n');
    writeFileSync(path.join(dir, 'old.txt'), 'old\n');
    const { progress, verdict } = run('create docs/intro.md: # Intro\\nHello\nappend docs/intro.md: End\nreplace "var" with "let" in src/b.js\nrename old.txt to attic/old.txt\nsay Nearly there\ncommit Write the introduction');
    expect(verdict).toMatchObject({ ok: true, denials: [], report: { costUsd: 0, tokens: { input: 0, output: 0 }, turns: 6, model: 'demo', result: 'Done: 6 steps.', sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/) } });
    expect(progress).toEqual(['Write docs/intro.md', 'Edit docs/intro.md', 'Edit src/b.js', 'Bash mv old.txt attic/old.txt', 'Nearly there', 'Bash git commit -m "Write the introduction"']);
    expect(readFileSync(path.join(dir, 'docs/intro.md'), 'utf8')).toBe('# Intro\nHello\nEnd\n');
    expect(readFileSync(path.join(dir, 'src/b.js'), 'utf8')).toBe('let a = 1; let b = 2;\n');
    expect(existsSync(path.join(dir, 'attic/old.txt'))).toBe(true);
    expect(execFileSync('git', ['log', '--format=%an %s'], { cwd: dir, encoding: 'utf8' })).toBe('Demo Agent Write the introduction\n');
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: dir, encoding: 'utf8' })).toBe('');
  });

  it('fails when it is told to, or cannot do it', () => {
    expect(run('say x\nfail with "no idea"\ncreate a: b').verdict).toMatchObject({ ok: false, reason: 'agent-error', message: 'no idea' });
    expect(existsSync(path.join(dir, 'a'))).toBe(false);
    writeFileSync(path.join(dir, 'f'), 'x');
    expect(run('replace "y" with "z" in f').verdict).toMatchObject({ ok: false, message: 'f does not contain "y"' });
    expect(run('delete missing').verdict).toMatchObject({ ok: false, message: expect.stringContaining('ENOENT') });
    expect(run('fail on attempt 1 with "once"', { ORCH_ATTEMPT: '1' }).verdict.ok).toBe(false);
    expect(run('fail on attempt 1 with "once"', { ORCH_ATTEMPT: '2' }).verdict.ok).toBe(true);
  });

  it('stays inside of its directory', () => {
    const { verdict } = run(`create ../outside.md: x\ncreate ${tools}/outside.md: x\ncreate .git/hooks/pre-commit: x\nrename a to ../b`);
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.ok && verdict.denials).toHaveLength(4);
    expect([existsSync(path.join(tools, 'outside.md')), existsSync(path.join(dir, '.git'))]).toEqual([false, false]);
  });
});
