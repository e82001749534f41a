// Where `.orchestrator.yml` is looked for, what is wrong with one, and that looking runs no code of the repository.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/load.ts';
import type { Flags } from '../../../src/config/overrides.ts';
import { OrchError } from '../../../src/errors.ts';

let top: string;
const back = process.cwd();
beforeEach(() => {
  top = mkdtempSync(path.join(os.tmpdir(), 'orch-config-'));
});
afterEach(() => {
  process.chdir(back);
  rmSync(top, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(top, name)), { recursive: true });
  writeFileSync(path.join(top, name), text);
}
function load(cwd = '.', given: { flags?: Flags; env?: Record<string, string> } = {}): Promise<Config> {
  return loadConfig({ cwd: path.join(top, cwd), topLevel: top, flags: given.flags ?? {}, env: given.env ?? {} });
}
async function complaint(cwd = '.', given: { flags?: Flags; env?: Record<string, string> } = {}): Promise<string> {
  const error: unknown = await load(cwd, given).catch((reason: unknown) => reason);
  if (!(error instanceof OrchError)) throw new Error('nothing is wrong');
  expect([error.exitCode, error.code]).toEqual([2, 'config']);
  return error.message;
}

describe('where it is found', () => {
  it('is nowhere: an empty configuration', async () => {
    mkdirSync(path.join(top, 'a'));
    expect((await load('a')).file).toBeNull();
  });
  it('is at the top level, past a package.json of a workspace', async () => {
    write('.orchestrator.yml', 'max-parallel: 7');
    write('packages/a/package.json', '{"orch":{"max-parallel":1}}');
    const { file } = await load('packages/a');
    expect([file?.file, file?.values['max-parallel']]).toEqual(['../../.orchestrator.yml', 7]);
  });
  it('is the nearest', async () => {
    write('.orchestrator.yml', 'max-parallel: 7');
    write('a/.orchestrator.json', '{"max-parallel": 2}');
    mkdirSync(path.join(top, 'a/b'));
    expect((await load('a/b')).file?.values['max-parallel']).toBe(2);
  });
  it('is not above the top level', async () => {
    write('.orchestrator.yml', 'max-parallel: 7');
    mkdirSync(path.join(top, 'repo/src'), { recursive: true });
    expect((await loadConfig({ cwd: path.join(top, 'repo/src'), topLevel: path.join(top, 'repo'), flags: {}, env: {} })).file).toBeNull();
    expect((await loadConfig({ cwd: path.join(top, 'repo'), topLevel: null, flags: {}, env: {} })).file).toBeNull();
  });
  it('runs no code of the repository, under whatever name cosmiconfig would', async () => {
    for (const name of ['.config/config.cjs', '.config/config.js', 'orchestrator.config.js', '.orchestratorrc.js', '.orchestratorrc.cjs']) {
      write(name, `require('node:fs').writeFileSync(${JSON.stringify(path.join(top, 'ran'))}, ''); module.exports = { cosmiconfig: { searchPlaces: ['x.json'] }, 'max-parallel': 9 };`);
    }
    write('.config/config.json', '{"cosmiconfig": {"searchPlaces": ["other.json"]}}');
    write('other.json', '{"max-parallel": 9}');
    process.chdir(top);
    expect((await load()).file).toBeNull();
    expect(existsSync(path.join(top, 'ran'))).toBe(false);
  });
  it('may be empty, or all comments', async () => {
    write('.orchestrator.yml', '');
    expect((await load()).file?.values).toEqual({});
    write('.orchestrator.yml', '# nothing\n');
    expect({ ...(await load()).file?.values }).toEqual({});
  });
});

describe('what is wrong with it', () => {
  it.each([
    ['max-paralel: 3', '.orchestrator.yml:1:1 max-paralel: unknown key "max-paralel"; did you mean `max-parallel`?'],
    ['a: [', '.orchestrator.yml:1:5: flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['- a', '.orchestrator.yml:1:1: must be a map, not a list'],
    ['tasks: [x]', '.orchestrator.yml:1:1 tasks: unknown key "tasks" here; `tasks` belongs in a manifest such as tasks.yml'],
    ['verify: npm test', '.orchestrator.yml:1:1 verify: unknown key "verify" here; it is a field of tasks: put it under `defaults:`'],
    ['env: { LOG: 1 }', '.orchestrator.yml:1:8 env.LOG: unknown key "LOG" here; only `pass` stands here; variables for tasks belong in `env:` of a manifest, or in `defaults.env`'],
    ['env: { pass: "A B" }', '.orchestrator.yml:1:14 env.pass: must be a list of names, not a string'],
    ['env: { pass: ["A*B"] }', '.orchestrator.yml:1:15 env.pass[0]: must be the name of a variable, or `PREFIX_*`'],
    ['worktrees: { keep: fail }', '.orchestrator.yml:1:20 worktrees.keep: must be one of `failed`, `always`, `never`; did you mean `failed`?'],
    ['worktrees: { root: ~/x }', '.orchestrator.yml:1:20 worktrees.root: `~` is not expanded; write the whole path'],
    ['worktrees: { rot: ../x }', '.orchestrator.yml:1:14 worktrees.rot: unknown key "rot"; did you mean `root`?'],
    ['worktrees: { copy: ../secrets }', '.orchestrator.yml:1:20 worktrees.copy: must be relative to the repository’s root, with `/`, and stay inside it'],
    ['notify: { desktop: maybe }', '.orchestrator.yml:1:20 notify.desktop: must be `true` or `false`, not a string'],
    ['defaults: { prompt: x }', '.orchestrator.yml:1:13 defaults.prompt: unknown key "prompt" here; `prompt` belongs to a task of a manifest'],
    ['merge: { on-conflict: resolv }', '.orchestrator.yml:1:23 merge.on-conflict: must be one of `park`, `retry`, `resolve`, `fail`; did you mean `resolve`?'],
    ['fail-fast: true\nmax-fail: 3', '.orchestrator.yml:2:1 max-fail: contradicts `fail-fast: true`, which is `max-fail: 1`; remove one of them'],
  ])('%s', async (text, message) => {
    write('.orchestrator.yml', text);
    expect(await complaint()).toBe(message);
  });
  it('two files in one place', async () => {
    write('.orchestrator.yml', '');
    write('.orchestrator.yaml', '');
    expect(await complaint()).toBe('.orchestrator.yaml: there is also .orchestrator.yml; remove one of them');
  });
  it('a folder of that name, or a file that cannot be read, is not the same as no file', async () => {
    mkdirSync(path.join(top, '.orchestrator.yml'));
    expect(await complaint()).toBe('.orchestrator.yml: cannot be read (EISDIR)');
    rmSync(path.join(top, '.orchestrator.yml'), { recursive: true });
    write('.orchestrator.yml', 'max-parallel: 2');
    chmodSync(path.join(top, '.orchestrator.yml'), 0);
    // Root reads everything.
    if (process.getuid?.() !== 0) expect(await complaint()).toBe('.orchestrator.yml: cannot be read (EACCES)');
  });
  it('everything at once: flags, variables and the file', async () => {
    write('.orchestrator.yml', 'grace: 5\nbase: -x');
    expect(await complaint('.', { flags: { maxParallel: 'many', timeout: '20', failFast: true }, env: { ORCH_MAX_FAIL: '200%', ORCH_FAIL_FAST: 'maybe', ORCH_MAX_WAIT: '1 hour', ORCH_MODEL: '' } })).toBe(
      [
        '--max-parallel: must be a whole number, not a string',
        '--timeout: needs a unit; write `20m` for minutes or `20s` for seconds',
        'ORCH_MAX_FAIL: must be a number from 1, or a percentage from `1%` to `100%`',
        'ORCH_MAX_WAIT: "1 hour" is not a duration; write for example `90s`, `20m` or `1h30m`',
        'ORCH_FAIL_FAST: must be `true` or `false`, not a string',
        '.orchestrator.yml:1:8 grace: needs a unit; write `5m` for minutes or `5s` for seconds',
        '.orchestrator.yml:2:7 base: cannot begin with `-`',
      ].join('\n'),
    );
  });
});
