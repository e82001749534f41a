// The real codex program under `orch run`, against a fake of the Responses API on loopback.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allOf, runClient, type Client, type Outcome, type Run } from '../support/client-project.ts';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeResponses, type Scenario } from '../support/fake-responses.ts';
import { CODEX } from './install.ts';

const program = inject('programs')['codex'] ?? null;

if (program === null) process.stderr.write(`codex ${CODEX.version} has no program for this machine: its tests are skipped\n`);
describe.skipIf(program === null)(`orch run with the real codex ${CODEX.version}`, () => {
  let provider: FakeApi<Scenario>;
  let client: Client;
  beforeAll(async () => {
    provider = await startFakeResponses();
    client = {
      name: 'codex', program: program ?? '',
      env: (_, home) => ({ CODEX_HOME: home }),
      // Its retries are those of a provider that its user has configured; here there are none.
      args: (scenario) => [
        '-m', 'gpt-5-codex', '--disable', 'plugins', '-c', 'analytics.enabled=false', '-c', 'feedback.enabled=false', '-c', 'model_provider="fake"',
        '-c', `model_providers.fake={name="fake",base_url="${provider.url(scenario as Scenario)}/v1",env_key="FAKE_KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}`,
      ],
    };
  });
  afterAll(() => provider.close());
  const run = async (scenario: Scenario, more: Run = {}): Promise<Outcome> =>
    await runClient(client, scenario, { ...more, fields: { env: { FAKE_KEY: 'sk-test-dummy-key' }, ...more.fields } });
  const tokens = (calls: number): object => ({ input: 1000 * calls, output: 40 * calls, cacheRead: 200 * calls, cacheWrite: 0 });
  const sessionId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;

  it('success is what git shows, and nothing done is no success', async () => {
    const [good, denied, talk] = await allOf([() => run('write'), () => run('write', { fields: { 'permission-mode': 'read-only' } }), () => run('limit-text', { fields: { expect: 'none' } })]);
    expect(good, good?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { agent: 'codex', commits: 1, sessionId, costUsd: null, tokens: tokens(2) } });
    // Its sandbox refuses, often without a word in the stream, and it exits 0.
    expect(denied, denied?.ended.stderr).toMatchObject({ ended: { code: 1 }, said: expect.stringMatching(/^failed (permission-denied|no-changes)$/) as string, files: [], task: { sessionId, tokens: tokens(2) } });
    expect(talk, talk?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed' });
  });

  it.each<[string, readonly (readonly [Scenario, number, string])[]]>([
    ['what waiting does not mend', [['400', 1, 'failed agent-error'], ['401', 1, 'failed auth'], ['403', 1, 'failed auth'], ['404', 1, 'failed model-not-found'], ['quota', 1, 'failed billing'], ['context', 1, 'failed context']]],
    ['what may pass: no attempt is used up, and the run can be resumed', [
      ['429', 75, 'cancelled rate-limited'], ['429-wait', 75, 'cancelled rate-limited'], ['500', 75, 'cancelled overloaded'], ['503', 75, 'cancelled overloaded'], ['cut', 75, 'cancelled overloaded'], ['usage-limit', 75, 'cancelled usage-limit'],
    ]],
  ])('%s', async (_, rows) => {
    const outcomes = await allOf(rows.map(([scenario]) => () => run(scenario)));
    expect(outcomes.map(({ ended, said, task }, i) => [rows[i]?.[0], ended.code, said, task.costUsd, task.attempts])).toEqual(rows.map(([scenario, code, said]) => [scenario, code, said, null, 1]));
    for (const { task } of outcomes) expect(task.sessionId).toEqual(sessionId);
  });

  it('a limit that ends is waited for, and a failed verification goes on in the same session', async () => {
    const verify = 'test -f second || { touch second; echo the second file was missing; exit 1; }';
    const [soon, again] = await allOf([() => run('429-soon', { flags: [] }), () => run('count', { fields: { retries: 1, verify } })]);
    expect(soon, soon?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { sessionId } });
    expect(again, again?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', task: { attempts: 2, verified: true, sessionId, tokens: tokens(3) } });
    const bodies = provider.requestsOf('count').map(({ body }) => JSON.stringify(body));
    expect(bodies.some((body) => body.includes('the second file was missing') && body.includes('do it'))).toBe(true);
  });

  it('is gone after a timeout, and so is the command that it was running', async () => {
    const { said, task, ended } = await run('command', { fields: { timeout: '8s', 'permission-mode': 'danger-full-access' } });
    expect(said, ended.stderr).toBe('timed-out timeout');
    expect(task.sessionId).toEqual(sessionId);
    expect(provider.requestsOf('command').length).toBeGreaterThan(0);
  });
});
