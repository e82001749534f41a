// From a task to a command line.
import { describe, expect, it } from 'vitest';
import { adapterFor, knownAdapters } from '../../../src/agents/adapters.ts';
import { OrchError } from '../../../src/errors.ts';
import { request, SPEC } from './samples.ts';

describe('claude', () => {
  const adapter = adapterFor('claude');
  it('gets a headless command line that can edit, and the prompt on standard input', () => {
    expect(adapter.launch(request())).toMatchObject({
      command: 'claude', stdin: 'do it',
      args: ['-p', '--output-format', 'stream-json', '--verbose', '--permission-mode', 'acceptEdits', '--session-id', 'new-id'],
      env: { CLAUDE_CODE_MAX_RETRIES: '2', DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1' },
    });
  });

  it('gets everything that the task and the configuration say', () => {
    const launched = adapter.launch(request(
      { command: ['npx', 'claude'], args: ['--strict-mcp-config'], env: { CLAUDE_CODE_MAX_RETRIES: '0' } },
      { model: 'haiku', permissionMode: 'plan', maxTurns: 7, allowedTools: ['Edit', 'Bash(git *)'], args: ['--effort', 'low'] },
      { resume: 'old-id', prompt: '--help' },
    ));
    expect([launched.command, ...launched.args].join('|')).toBe(
      'npx|claude|-p|--output-format|stream-json|--verbose|--model|haiku|--permission-mode|plan|--max-turns|7|--allowedTools|Edit|Bash(git *)|--resume|old-id|--strict-mcp-config|--effort|low',
    );
    expect(launched).toMatchObject({ stdin: '--help', env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
  });

  it('can be continued by hand', () => {
    expect(adapter.resumeCommand({ ...SPEC, command: ['/opt/claude'] }, 'abc')).toEqual(['/opt/claude', '--resume', 'abc']);
    expect(adapter.passEnv).toContain('CLAUDE_CODE_OAUTH_TOKEN');
  });
});

describe('any other program', () => {
  const adapter = adapterFor('command');
  const spec = { name: 'mine', adapter: 'command', command: ['./agent.sh', '-x'], args: ['-y'], env: { A: '1' } };
  it('gets its prompt as it wants it', () => {
    expect(adapter.launch(request({ ...spec, prompt: 'stdin' }))).toEqual({ command: './agent.sh', args: ['-x', '-y'], env: { A: '1' }, stdin: 'do it' });
    expect(adapter.launch(request({ ...spec, prompt: 'arg' }, { args: ['-z'] }))).toEqual({ command: './agent.sh', args: ['-x', '-y', '-z', 'do it'], env: { A: '1' }, stdin: null });
    expect(adapter.launch(request({ ...spec, prompt: 'file' }))).toEqual({ command: './agent.sh', args: ['-x', '-y', '/run/prompt.md'], env: { A: '1' }, stdin: null });
    expect(adapter.resumeCommand(SPEC, 'x')).toBeNull();
  });

  it('refuses a prompt that does not fit into an argument', () => {
    expect(() => adapter.launch(request({ ...spec, prompt: 'arg' }, {}, { prompt: 'ä'.repeat(60_000) }))).toThrow(OrchError);
    expect(adapter.launch(request({ ...spec, prompt: 'stdin' }, {}, { prompt: 'ä'.repeat(60_000) })).stdin).toHaveLength(60_000);
  });
});

it('adapters are known by name', () => {
  expect(knownAdapters).toEqual(expect.arrayContaining(['claude', 'codex', 'copilot', 'command']));
  expect(() => adapterFor('nonesuch')).toThrow('unknown agent adapter: nonesuch');
});
