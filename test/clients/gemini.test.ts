// The real Gemini CLI through `orch run`, against a fake of its API on loopback, with a home of its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeGemini, type GeminiScenario } from '../support/fake-gemini.ts';
import { agentsOf, makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';
import { GEMINI } from './install.ts';
import { meet, summaryOf } from './provider-troubles.ts';

const program = inject('programs')['gemini'] ?? null;
if (program === null) process.stderr.write(`gemini ${GEMINI.version} is not tested on ${process.platform}-${process.arch}\n`);

describe.skipIf(program === null)(`orch run with gemini ${GEMINI.version}`, () => {
  let provider: FakeApi<GeminiScenario>;
  let project: Project;
  let before: Record<string, string>;
  let env: Record<string, string>;
  beforeAll(async () => {
    provider = await startFakeGemini();
    project = makeProject({ config: { agent: 'gemini', model: 'gemini-2.5-pro', agents: { gemini: { command: [process.execPath, program ?? ''] } } } });
    before = checkoutState(project);
    const home = path.join(project.home, 'user');
    mkdirSync(path.join(home, '.gemini'), { recursive: true });
    writeFileSync(path.join(home, '.gemini', 'settings.json'), JSON.stringify({ security: { auth: { selectedType: 'gemini-api-key' } }, general: { enableAutoUpdate: false }, privacy: { usageStatisticsEnabled: false } }));
    env = { HOME: home, GEMINI_API_KEY: 'dummy-key', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:9' };
  });
  afterAll(async () => {
    expect([agentsOf(project), checkoutState(project)]).toEqual([[], before]);
    project.dispose();
    await provider.close();
  });
  const url = (scenario: GeminiScenario): string => `env: { GOOGLE_GEMINI_BASE_URL: "${provider.url(scenario)}" }`;

  it('success, refusal, a wrong key, a timeout, a resumed session: each by what really happened', async () => {
    const ended = await project.run(['run', project.manifest(`
max-parallel: 3
tasks:
  slow: { prompt: Run a command that does not end, timeout: 12s, permission-mode: yolo, ${url('command')} }
  good: { prompt: Write hello.txt, ${url('write')} }
  denied: { prompt: Run a command, ${url('deny')} }
  key: { prompt: x, ${url('401')} }
  again: { prompt: Count, expect: any, retries: 1, verify: "test -f second || { touch second; echo the second file was missing; exit 1; }", ${url('count')} }
  talk: { prompt: x, expect: none, ${url('limit-text')} }
`), '--run-id', 'seen'], { env });
    const { tasks } = await project.status('seen');
    const seen = Object.fromEntries(tasks.map(({ id, outcome, reason }) => [id, `${outcome} ${reason ?? ''}`.trim()]));
    expect(seen, ended.stderr).toEqual({ slow: 'timed-out timeout', good: 'completed', denied: 'failed permission-denied', key: 'failed auth', again: 'completed', talk: 'completed' });
    expect(ended.code).toBe(1);
    const taskOf = (id: string) => tasks.find((task) => task.id === id);
    expect(project.git('show', `${taskOf('good')?.branch}:hello.txt`)).toContain('hello from the fake model');
    expect(taskOf('good')).toMatchObject({
      agent: 'gemini', model: 'gemini-2.5-pro', filesChanged: 1, costUsd: null, tokens: { input: 2400, output: 80, cacheRead: 600, cacheWrite: 0 }, sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    // The command had begun; what it left is kept, and it is gone.
    expect(taskOf('slow')).toMatchObject({ filesChanged: 1 });
    expect(taskOf('denied')?.message).toContain('run_shell_command');
    expect(taskOf('again')).toMatchObject({ attempts: 2, verified: true, tokens: { input: 2400 } });
    const last = JSON.stringify(provider.requestsOf('count').at(-1)?.body['contents']);
    expect(last).toMatch(/Count.*prompt 1.*the second file was missing/s);
  });

  it('a provider in trouble burns no attempt; a limit stops the run with 75', async () => {
    const scenarios = ['503', '429', '429-wait', '429-once', 'usage-limit', 'cut'] as const;
    const outcomes = await meet(project, scenarios.map((scenario) => ({
      scenario, env: { ...env, GOOGLE_GEMINI_BASE_URL: provider.url(scenario) }, ...(scenario === '429-once' ? { args: [] } : {}),
    })));
    expect(summaryOf(outcomes), outcomes.get('429')?.ended.stderr).toEqual({
      '503': '75 cancelled rate-limited 1', '429': '75 cancelled rate-limited 1', '429-wait': '75 cancelled rate-limited 1', 'usage-limit': '75 cancelled rate-limited 1', cut: '75 cancelled rate-limited 1',
      '429-once': '0 completed null 2',
    });
    // The client would have gone on asking for minutes.
    expect([provider.requestsOf('429').length, provider.requestsOf('503').length]).toEqual([1, 3]);
    const said = (scenario: GeminiScenario): string | undefined => /stopping \(provider-limit\): (.*)/.exec(outcomes.get(scenario)?.ended.stderr ?? '')?.[1];
    expect(scenarios.filter((scenario) => scenario !== '429-once').map(said)).toEqual([
      expect.stringContaining('overloaded'), expect.stringContaining('has been exhausted'), expect.stringContaining('exceeded your current quota'), expect.stringContaining('daily quota'), expect.stringContaining('terminated'),
    ]);
    expect(outcomes.get('429-wait')?.ended.stderr).toMatch(/go on in (59|1h)[\s\S]*orch resume trouble-429-wait/);
  });
});
