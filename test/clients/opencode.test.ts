// The real opencode under `orch run`, with a provider of the OpenAI kind that is a fake of Chat Completions on loopback:
// what became of each thing that can happen.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allOf, runClient, runToTimeout, type Client, type Outcome, type Run } from '../support/client-project.ts';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeChat, type ChatScenario } from '../support/fake-chat.ts';
import { OPENCODE } from './install.ts';

const program = inject('programs')['opencode'] ?? null;

/** What is run, those first that wait most. Starting it takes seconds of a whole core: a scenario that a recording shows as well is left out. */
const RUNS: readonly { readonly name: string; readonly scenario: ChatScenario; readonly run?: Run; readonly permission?: object }[] = [
  { name: 'command', scenario: 'command' },
  { name: '429-once', scenario: '429-once', run: { flags: [] } },
  // The client may repeat these twice, and waits for 6 s. It would wait for an hour after the others.
  { name: '503', scenario: '503' }, { name: 'cut', scenario: 'cut' },
  { name: '429', scenario: '429' }, { name: '429-wait', scenario: '429-wait' }, { name: 'usage-limit', scenario: 'usage-limit' },
  { name: 'write', scenario: 'write' }, { name: 'deny', scenario: 'write', permission: { bash: 'ask' } }, { name: '401', scenario: '401' },
];

if (program === null) process.stderr.write(`opencode ${OPENCODE.version} has no program for this machine: its tests are skipped\n`);
describe.skipIf(program === null)(`orch run with the real opencode ${OPENCODE.version}`, () => {
  let provider: FakeApi<ChatScenario>;
  const outcomes = new Map<string, Outcome>();
  beforeAll(async () => {
    provider = await startFakeChat();
    await allOf(RUNS.map(({ name, scenario, run = {}, permission = {} }) => async () => {
      const configuration = {
        share: 'disabled', small_model: 'fake/fake-1', permission,
        provider: { fake: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${provider.url(scenario)}/v1`, apiKey: 'dummy' }, models: { 'fake-1': { tool_call: true, cost: { input: 3, output: 15 }, limit: { context: 100_000, output: 8000 } } } } },
      };
      const client: Client = {
        name: 'opencode', program: program ?? '',
        env: (_, home) => ({
          XDG_CONFIG_HOME: `${home}/.config`, OPENCODE_CONFIG_CONTENT: JSON.stringify(configuration),
          OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1', OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
        }),
      };
      outcomes.set(name, await (scenario === 'command' ? runToTimeout : runClient)(client, scenario, { ...run, fields: { model: 'fake/fake-1', ...run.fields } }));
    }));
  }, 600_000);
  afterAll(() => provider.close());
  const spent = (steps: number): object => ({ costUsd: expect.closeTo(0.00345 * steps, 8) as number, tokens: { input: 1000 * steps, output: 30 * steps, cacheRead: 200 * steps, cacheWrite: 0 } });
  const sessionId = expect.stringMatching(/^ses_\w+$/) as string;

  it('success is what git shows', () => {
    const good = outcomes.get('write');
    expect(good, good?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { agent: 'opencode', model: 'fake/fake-1', commits: 1, sessionId, ...spent(2) } });
  });

  it('a refusal in the middle of its work is no success, although it exits with 0', () => {
    const denied = outcomes.get('deny');
    expect(denied, denied?.ended.stderr).toMatchObject({ ended: { code: 1 }, said: 'failed permission-denied', files: [], task: { sessionId, ...spent(1), message: expect.stringContaining('bash echo hello') as string } });
  });

  it.each([
    ['401', 1, 'failed auth'],
    ['429', 75, 'cancelled rate-limited'], ['429-wait', 75, 'cancelled rate-limited'], ['usage-limit', 75, 'cancelled usage-limit'],
    ['503', 75, 'cancelled overloaded'], ['cut', 75, 'cancelled overloaded'],
  ])('%s: exit %i, %s, after one attempt', (name, code, said) => {
    expect(outcomes.get(name), outcomes.get(name)?.ended.stderr).toMatchObject({ ended: { code }, said, files: [], task: { attempts: 1, sessionId, costUsd: null } });
  });

  it('it is not left to repeat what was refused, and only twice what may pass', () => {
    expect([provider.requestsOf('429-wait').length, provider.requestsOf('503').length]).toEqual([1, 3]);
  });

  it('a limit that ends is waited for, and the session goes on', () => {
    const once = outcomes.get('429-once');
    expect(once, once?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { attempts: 2, sessionId, ...spent(2) } });
    expect(JSON.stringify(provider.requestsOf('429-once').at(-1)?.body['messages'])).toMatch(/do it.*interrupted by a problem of the provider/s);
    // Nobody was asked for a title.
    expect(provider.requestsOf('429-once')).toHaveLength(3);
  });

  it('a timeout leaves nothing running, and keeps what was done', () => {
    const slow = outcomes.get('command');
    expect(slow, slow?.ended.stderr).toMatchObject({ said: 'timed-out timeout', files: ['running'], task: { sessionId } });
  });
});
