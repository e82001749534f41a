// The real copilot program under `orch run`, against a fake of the Responses API on loopback, which it speaks to
// providers that its user has configured.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allOf, runClient, type Client, type Outcome, type Run } from '../support/client-project.ts';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeResponses, type Scenario } from '../support/fake-responses.ts';
import { COPILOT } from './install.ts';

const program = inject('programs')['copilot'] ?? null;

if (program === null) process.stderr.write(`copilot ${COPILOT.version} has no program for this machine: its tests are skipped\n`);
describe.skipIf(program === null)(`orch run with the real copilot ${COPILOT.version}`, () => {
  let provider: FakeApi<Scenario>;
  let client: Client;
  beforeAll(async () => {
    provider = await startFakeResponses();
    client = {
      name: 'copilot', program: program ?? '',
      env: (scenario, home) => ({
        COPILOT_HOME: home, COPILOT_OFFLINE: 'true', COPILOT_PROVIDER_WIRE_API: 'responses', COPILOT_PROVIDER_API_KEY: 'sk-test-dummy-key', COPILOT_MODEL: 'fake-1',
        COPILOT_PROVIDER_BASE_URL: `${provider.url(scenario as Scenario)}/v1`,
      }),
    };
  });
  afterAll(() => provider.close());
  const run = async (scenario: Scenario, more: Run = {}): Promise<Outcome> => await runClient(client, scenario, more);
  const tokens = (calls: number): object => ({ input: 1000 * calls, output: 40 * calls, cacheRead: 200 * calls, cacheWrite: 0 });
  const sessionId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;

  it('success is what git shows, and nothing done is no success', async () => {
    const [good, denied, talk] = await allOf([() => run('write'), () => run('deny'), () => run('limit-text', { fields: { expect: 'none' } })]);
    expect(good, good?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { agent: 'copilot', model: 'fake-1', commits: 1, sessionId, costUsd: null, tokens: tokens(2) } });
    expect(denied, denied?.ended.stderr).toMatchObject({ ended: { code: 1 }, said: 'failed permission-denied', files: [], task: { sessionId, tokens: tokens(2), message: expect.stringContaining('chmod 755') as string } });
    expect(talk, talk?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed' });
  });

  it.each<[string, readonly (readonly [Scenario, number, string])[]]>([
    ['what waiting does not mend', [['400', 1, 'failed agent-error'], ['401', 1, 'failed auth'], ['404', 1, 'failed model-not-found'], ['context', 1, 'failed context']]],
    // Without `retry-after` it repeats for a minute before it gives up: that is in the recordings.
    ['what may pass: no attempt is used up, and the run can be resumed', [['500', 75, 'cancelled overloaded'], ['cut', 75, 'cancelled overloaded'], ['429-now', 75, 'cancelled rate-limited'], ['usage-limit-now', 75, 'cancelled usage-limit']]],
  ])('%s', async (_, rows) => {
    const outcomes = await allOf(rows.map(([scenario]) => () => run(scenario)));
    expect(outcomes.map(({ ended, said, task }, i) => [rows[i]?.[0], ended.code, said, task.costUsd, task.attempts])).toEqual(rows.map(([scenario, code, said]) => [scenario, code, said, null, 1]));
    for (const { task } of outcomes) expect(task.sessionId).toEqual(sessionId);
  });

  it('a failed verification goes on in the same session, a limit is waited for, and a timeout leaves nothing running', async () => {
    const verify = 'test -f second || { touch second; echo the second file was missing; exit 1; }';
    const [again, soon, slow] = await allOf([
      () => run('count', { fields: { retries: 1, verify } }), () => run('429-soon'),
      () => run('command', { fields: { timeout: '15s', 'permission-mode': 'allow-all-tools' } }),
    ]);
    expect(again, again?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', task: { attempts: 2, verified: true, sessionId, tokens: tokens(3) } });
    const bodies = provider.requestsOf('count').map(({ body }) => JSON.stringify(body));
    expect(bodies.some((body) => body.includes('the second file was missing') && body.includes('do it'))).toBe(true);
    expect(soon, soon?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { attempts: 1 } });
    expect(slow, slow?.ended.stderr).toMatchObject({ said: 'timed-out timeout', task: { sessionId } });
    expect(provider.requestsOf('command')).toHaveLength(1);
  });
});
