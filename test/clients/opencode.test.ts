// The real opencode under `orch run`, with a provider of the OpenAI kind that is a fake of Chat Completions on loopback.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allOf, runClient, type Client, type Outcome, type Run } from '../support/client-project.ts';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeChat, type ChatScenario } from '../support/fake-chat.ts';
import { OPENCODE } from './install.ts';

const program = inject('programs')['opencode'] ?? null;

if (program === null) process.stderr.write(`opencode ${OPENCODE.version} has no program for this machine: its tests are skipped\n`);
describe.skipIf(program === null)(`orch run with the real opencode ${OPENCODE.version}`, () => {
  let provider: FakeApi<ChatScenario>;
  let client: Client;
  const configuration = (scenario: ChatScenario, more: object = {}): string => JSON.stringify({
    share: 'disabled', small_model: 'fake/fake-1',
    provider: { fake: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${provider.url(scenario)}/v1`, apiKey: 'dummy' }, models: { 'fake-1': { tool_call: true, cost: { input: 3, output: 15 }, limit: { context: 100_000, output: 8000 } } } } },
    ...more,
  });
  beforeAll(async () => {
    provider = await startFakeChat();
    client = {
      name: 'opencode', program: program ?? '',
      env: (scenario, home) => ({
        XDG_CONFIG_HOME: `${home}/.config`, OPENCODE_CONFIG_CONTENT: configuration(scenario as ChatScenario),
        OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1', OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
      }),
    };
  });
  afterAll(() => provider.close());
  const run = async (scenario: ChatScenario, more: Run = {}): Promise<Outcome> => await runClient(client, scenario, { ...more, fields: { model: 'fake/fake-1', ...more.fields } });
  const spent = (steps: number): object => ({ costUsd: expect.closeTo(0.00345 * steps, 8) as number, tokens: { input: 1000 * steps, output: 30 * steps, cacheRead: 200 * steps, cacheWrite: 0 } });
  const sessionId = expect.stringMatching(/^ses_\w+$/) as string;

  it('success is what git shows, and a refusal is no success', async () => {
    const asking = { env: { OPENCODE_CONFIG_CONTENT: configuration('write', { permission: { bash: 'ask' } }) } };
    const [good, denied] = await allOf([() => run('write'), () => run('write', { fields: asking })]);
    expect(good, good?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { agent: 'opencode', model: 'fake/fake-1', commits: 1, sessionId, ...spent(2) } });
    // It exits with 0, in the middle of its work.
    expect(denied, denied?.ended.stderr).toMatchObject({ ended: { code: 1 }, said: 'failed permission-denied', files: [], task: { sessionId, ...spent(1), message: expect.stringContaining('bash echo hello') as string } });
  });

  // 503 and cut first: the client may repeat them twice, and waits for 6 s. It would wait an hour for the others.
  it('what waiting does not mend, and what may pass: no attempt is used up, and the run can be resumed', async () => {
    const rows: readonly (readonly [ChatScenario, number, string])[] = [
      ['503', 75, 'cancelled overloaded'], ['cut', 75, 'cancelled overloaded'], ['429', 75, 'cancelled rate-limited'], ['429-wait', 75, 'cancelled rate-limited'], ['usage-limit', 75, 'cancelled usage-limit'],
      ['billing', 1, 'failed billing'], ['401', 1, 'failed auth'],
    ];
    const outcomes = await allOf(rows.map(([scenario]) => () => run(scenario)));
    expect(outcomes.map(({ ended, said, task }, i) => [rows[i]?.[0], ended.code, said, task.costUsd, task.attempts])).toEqual(rows.map(([scenario, code, said]) => [scenario, code, said, null, 1]));
    for (const { task } of outcomes) expect(task.sessionId).toEqual(sessionId);
    expect([provider.requestsOf('429-wait').length, provider.requestsOf('503').length]).toEqual([1, 3]);
  });

  it('a failed verification goes on in the same session, a limit is waited for, and a timeout leaves nothing running', async () => {
    const verify = 'test -f second || { touch second; echo the second file was missing; exit 1; }';
    const [again, once, slow] = await allOf([
      () => run('count', { fields: { retries: 1, verify, expect: 'any' } }), () => run('429-once', { flags: [] }), () => run('command', { fields: { timeout: '25s' } }),
    ]);
    expect(again, again?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', task: { attempts: 2, verified: true, sessionId, ...spent(2) } });
    expect(JSON.stringify(provider.requestsOf('count').at(-1)?.body['messages'])).toMatch(/do it.*prompt 1.*the second file was missing/s);
    // Nobody was asked for a title.
    expect(provider.requestsOf('count')).toHaveLength(2);
    expect(once, once?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { attempts: 2, sessionId } });
    expect(JSON.stringify(provider.requestsOf('429-once').at(-1)?.body['messages'])).toMatch(/do it.*interrupted by a problem of the provider/s);
    expect(slow, slow?.ended.stderr).toMatchObject({ said: 'timed-out timeout', files: ['running'], task: { sessionId } });
  });
});
