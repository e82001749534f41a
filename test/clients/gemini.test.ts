// The real Gemini CLI under `orch run`, against a fake of its API on loopback.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allOf, runClient, type Client, type Outcome, type Run } from '../support/client-project.ts';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeGemini, type GeminiScenario } from '../support/fake-gemini.ts';
import { GEMINI } from './install.ts';

const program = inject('programs')['gemini'] ?? null;
const SETTINGS = { security: { auth: { selectedType: 'gemini-api-key' } }, general: { enableAutoUpdate: false }, privacy: { usageStatisticsEnabled: false } };

if (program === null) process.stderr.write(`gemini ${GEMINI.version} has no program for this machine: its tests are skipped\n`);
describe.skipIf(program === null)(`orch run with the real gemini ${GEMINI.version}`, () => {
  let provider: FakeApi<GeminiScenario>;
  let client: Client;
  beforeAll(async () => {
    provider = await startFakeGemini();
    client = {
      name: 'gemini', program: program ?? '',
      env: (scenario, home) => {
        mkdirSync(path.join(home, '.gemini'));
        writeFileSync(path.join(home, '.gemini', 'settings.json'), JSON.stringify(SETTINGS));
        return { GEMINI_API_KEY: 'dummy-key', GOOGLE_GEMINI_BASE_URL: provider.url(scenario as GeminiScenario) };
      },
    };
  });
  afterAll(() => provider.close());
  const run = async (scenario: GeminiScenario, more: Run = {}): Promise<Outcome> => await runClient(client, scenario, { ...more, fields: { model: 'gemini-2.5-pro', ...more.fields } });
  const tokens = (calls: number): object => ({ input: 1200 * calls, output: 40 * calls, cacheRead: 300 * calls, cacheWrite: 0 });
  const sessionId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;

  it('success is what git shows, and nothing done is no success', async () => {
    const [good, denied, talk] = await allOf([() => run('write'), () => run('deny'), () => run('limit-text', { fields: { expect: 'none' } })]);
    expect(good, good?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { agent: 'gemini', model: 'gemini-2.5-pro', commits: 1, sessionId, costUsd: null, tokens: tokens(2) } });
    expect(denied, denied?.ended.stderr).toMatchObject({ ended: { code: 1 }, said: 'failed permission-denied', files: [], task: { sessionId, tokens: tokens(2), message: expect.stringContaining('run_shell_command') as string } });
    expect(talk, talk?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed' });
  });

  it.each<[string, readonly (readonly [GeminiScenario, number, string])[]]>([
    ['what waiting does not mend', [['400-key', 1, 'failed auth'], ['401', 1, 'failed auth'], ['404', 1, 'failed model-not-found'], ['400-context', 1, 'failed context']]],
    // 503 first: the client may repeat it twice, and waits for 15 s.
    ['what may pass: no attempt is used up, and the run can be resumed', [
      ['503', 75, 'cancelled overloaded'], ['429', 75, 'cancelled rate-limited'], ['429-wait', 75, 'cancelled rate-limited'], ['usage-limit', 75, 'cancelled usage-limit'], ['cut', 75, 'cancelled overloaded'],
    ]],
  ])('%s', async (_, rows) => {
    const outcomes = await allOf(rows.map(([scenario]) => () => run(scenario)));
    expect(outcomes.map(({ ended, said, task }, i) => [rows[i]?.[0], ended.code, said, task.costUsd, task.attempts])).toEqual(rows.map(([scenario, code, said]) => [scenario, code, said, null, 1]));
    for (const { task } of outcomes) expect(task.sessionId).toEqual(sessionId);
  });

  it('a failed verification goes on in the same session, a limit is waited for, and a timeout leaves nothing running', async () => {
    const verify = 'test -f second || { touch second; echo the second file was missing; exit 1; }';
    const [again, once, slow] = await allOf([
      () => run('count', { fields: { retries: 1, verify, expect: 'any' } }), () => run('429-once', { flags: [] }),
      () => run('command', { fields: { timeout: '15s', 'permission-mode': 'yolo' } }),
    ]);
    expect(again, again?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', task: { attempts: 2, verified: true, sessionId, tokens: tokens(2) } });
    expect(JSON.stringify(provider.requestsOf('count').at(-1)?.body['contents'])).toMatch(/do it.*prompt 1.*the second file was missing/s);
    // It was stopped at its first refusal instead of being left to wait, and went on in its session.
    expect(once, once?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { attempts: 2, sessionId } });
    expect(JSON.stringify(provider.requestsOf('429-once').at(-1)?.body['contents'])).toMatch(/do it.*interrupted by a problem of the provider/s);
    expect(slow, slow?.ended.stderr).toMatchObject({ said: 'timed-out timeout', files: ['running'], task: { sessionId } });
    expect([provider.requestsOf('429').length, provider.requestsOf('503').length]).toEqual([1, 3]);
  });
});
