// The real opencode through `orch run`, with a provider of the OpenAI kind that is a fake on loopback, and a home of its own.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeChat, type ChatScenario } from '../support/fake-chat.ts';
import { agentsOf, makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { OPENCODE } from './install.ts';
import { meet, summaryOf } from './provider-troubles.ts';

const program = inject('programs')['opencode'] ?? null;
if (program === null) process.stderr.write(`opencode ${OPENCODE.version} is not tested on ${process.platform}-${process.arch}\n`);

describe.skipIf(program === null)(`orch run with opencode ${OPENCODE.version}`, () => {
  let provider: FakeApi<ChatScenario>;
  let project: Project;
  let before: Record<string, string>;
  let env: Record<string, string>;
  beforeAll(async () => {
    provider = await startFakeChat();
    project = makeProject({ config: { agent: 'opencode', model: 'fake/fake-1', agents: { opencode: { command: [program ?? ''] } } } });
    before = checkoutState(project);
    const home = path.join(project.home, 'user');
    mkdirSync(home);
    env = {
      HOME: home, XDG_CONFIG_HOME: path.join(home, '.config'), OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1', OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    };
  });
  afterAll(async () => {
    expect([agentsOf(project), checkoutState(project)]).toEqual([[], before]);
    project.dispose();
    await provider.close();
  });
  /** opencode's configuration, with its one provider in this scenario. */
  const config = (scenario: ChatScenario, more: object = {}): Record<string, string> => ({
    OPENCODE_CONFIG_CONTENT: JSON.stringify({
      share: 'disabled', model: 'fake/fake-1', small_model: 'fake/fake-1',
      provider: { fake: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${provider.url(scenario)}/v1`, apiKey: 'dummy' }, models: { 'fake-1': { tool_call: true, cost: { input: 3, output: 15 }, limit: { context: 100_000, output: 8000 } } } } },
      ...more,
    }),
  });

  it('success, refusal, a wrong key, a timeout, a resumed session: each by what really happened', async () => {
    const tasks = {
      slow: { prompt: 'Run a command that does not end', timeout: '25s', env: config('command') },
      good: { prompt: 'Write hello.txt', env: config('write') },
      denied: { prompt: 'Write hello.txt', env: config('write', { permission: { bash: 'ask' } }) },
      key: { prompt: 'x', env: config('401') },
      again: { prompt: 'Count', expect: 'any', retries: 1, verify: 'test -f second || { touch second; echo the second file was missing; exit 1; }', env: config('count') },
    };
    const ended = await project.run(['run', project.manifest(JSON.stringify({ 'max-parallel': 3, tasks })), '--run-id', 'seen'], { env });
    const status = await project.status('seen');
    const seen = Object.fromEntries(status.tasks.map(({ id, outcome, reason }) => [id, `${outcome} ${reason ?? ''}`.trim()]));
    expect(seen, ended.stderr).toEqual({ slow: 'timed-out timeout', good: 'completed', denied: 'failed permission-denied', key: 'failed auth', again: 'completed' });
    expect(ended.code).toBe(1);
    const taskOf = (id: string) => status.tasks.find((task) => task.id === id);
    expect(project.git('show', `${taskOf('good')?.branch}:hello.txt`)).toContain('hello from the fake model');
    expect(taskOf('good')).toMatchObject({
      agent: 'opencode', model: 'fake/fake-1', filesChanged: 1, costUsd: expect.closeTo(0.0069, 8) as number, tokens: { input: 2000, output: 60, cacheRead: 400, cacheWrite: 0 }, sessionId: expect.stringMatching(/^ses_/) as string,
    });
    // Nobody was asked for a title.
    expect(provider.requestsOf('count')).toHaveLength(2);
    expect(taskOf('slow')).toMatchObject({ filesChanged: 1 });
    expect(taskOf('denied')?.message).toContain('bash echo hello');
    expect(taskOf('again')).toMatchObject({ attempts: 2, verified: true, costUsd: expect.closeTo(0.0069, 8) as number });
    expect(JSON.stringify(provider.requestsOf('count').at(-1)?.body['messages'])).toMatch(/Count.*prompt 1.*the second file was missing/s);
  });

  it('a provider in trouble burns no attempt; a limit stops the run with 75', async () => {
    const scenarios = ['503', 'cut', '429', '429-wait', '429-once', 'usage-limit', 'billing'] as const;
    const outcomes = await meet(project, scenarios.map((scenario) => ({ scenario, env: { ...env, ...config(scenario) }, ...(scenario === '429-once' ? { args: [] } : {}) })));
    expect(summaryOf(outcomes), outcomes.get('429')?.ended.stderr).toEqual({
      '503': '75 cancelled rate-limited 1', cut: '75 cancelled rate-limited 1', '429': '75 cancelled rate-limited 1', '429-wait': '75 cancelled rate-limited 1', 'usage-limit': '75 cancelled rate-limited 1',
      '429-once': '0 completed null 2', billing: '1 failed billing 1',
    });
    const said = (scenario: ChatScenario): string | undefined => /stopping \(provider-limit\): (.*)/.exec(outcomes.get(scenario)?.ended.stderr ?? '')?.[1];
    expect((['503', 'cut', '429', '429-wait', 'usage-limit'] as const).map(said)).toEqual([
      expect.stringContaining('overloaded'), expect.stringMatching(/connect|reset/), expect.stringContaining('Rate limit'), expect.stringContaining('Rate limit'), expect.stringContaining('Usage limit reached'),
    ]);
    // The client would have waited for an hour, and said nothing.
    expect([provider.requestsOf('429-wait').length, provider.requestsOf('503').length]).toEqual([1, 3]);
  });
});
