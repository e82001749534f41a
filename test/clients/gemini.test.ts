// The real Gemini CLI under `orch run`, against a fake of its API on loopback: what became of each thing that can happen.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allOf, runClient, runToTimeout, type Client, type Outcome, type Run } from '../support/client-project.ts';
import type { FakeApi } from '../support/fake-api.ts';
import { startFakeGemini, type GeminiScenario } from '../support/fake-gemini.ts';
import { GEMINI } from './install.ts';

const program = inject('programs')['gemini'] ?? null;
const SETTINGS = { security: { auth: { selectedType: 'gemini-api-key' } }, general: { enableAutoUpdate: false }, privacy: { usageStatisticsEnabled: false } };
const verify = 'test -f second || { touch second; echo the second file was missing; exit 1; }';

/** What is run, those first that wait most. */
const RUNS = {
  // The client may repeat it twice, and waits for 15 s.
  '503': {},
  command: { fields: { 'permission-mode': 'yolo' } },
  '429-once': { flags: [] },
  count: { fields: { retries: 1, verify, expect: 'any' } },
  write: {}, deny: {}, '401': {}, '429': {}, '429-wait': {}, 'usage-limit': {}, cut: {},
} as const satisfies Partial<Record<GeminiScenario, Run>>;
type Name = keyof typeof RUNS;

if (program === null) process.stderr.write(`gemini ${GEMINI.version} has no program for this machine: its tests are skipped\n`);
describe.skipIf(program === null)(`orch run with the real gemini ${GEMINI.version}`, () => {
  let provider: FakeApi<GeminiScenario>;
  const outcomes = new Map<string, Outcome>();
  beforeAll(async () => {
    provider = await startFakeGemini();
    const client: Client = {
      name: 'gemini', program: program ?? '',
      env: (scenario, home) => {
        mkdirSync(path.join(home, '.gemini'));
        writeFileSync(path.join(home, '.gemini', 'settings.json'), JSON.stringify(SETTINGS));
        return { GEMINI_API_KEY: 'dummy-key', GOOGLE_GEMINI_BASE_URL: provider.url(scenario as GeminiScenario) };
      },
    };
    await allOf(Object.entries<Run>(RUNS).map(([scenario, more]) => async () => {
      outcomes.set(scenario, await (scenario === 'command' ? runToTimeout : runClient)(client, scenario, { ...more, fields: { model: 'gemini-2.5-pro', ...more.fields } }));
    }));
  }, 300_000);
  afterAll(() => provider.close());
  const outcome = (name: Name): Outcome | undefined => outcomes.get(name);
  const asked = (name: Name): string => JSON.stringify(provider.requestsOf(name).at(-1)?.body['contents']);
  const tokens = (calls: number): object => ({ input: 1200 * calls, output: 40 * calls, cacheRead: 300 * calls, cacheWrite: 0 });
  const sessionId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;

  it('success is what git shows', () => {
    const good = outcome('write');
    expect(good, good?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { agent: 'gemini', model: 'gemini-2.5-pro', commits: 1, sessionId, costUsd: null, tokens: tokens(2) } });
  });

  it('nothing done because of a refusal is no success', () => {
    const denied = outcome('deny');
    expect(denied, denied?.ended.stderr).toMatchObject({ ended: { code: 1 }, said: 'failed permission-denied', files: [], task: { sessionId, tokens: tokens(2), message: expect.stringContaining('run_shell_command') as string } });
  });

  it.each<[Name, number, string]>([
    ['401', 1, 'failed auth'],
    ['429', 75, 'cancelled rate-limited'], ['429-wait', 75, 'cancelled rate-limited'], ['usage-limit', 75, 'cancelled usage-limit'],
    ['503', 75, 'cancelled overloaded'], ['cut', 75, 'cancelled overloaded'],
  ])('%s: exit %i, %s, after one attempt', (name, code, said) => {
    expect(outcome(name), outcome(name)?.ended.stderr).toMatchObject({ ended: { code }, said, files: [], task: { attempts: 1, sessionId, costUsd: null } });
  });

  it('it is not left to repeat what was refused, and only twice what may pass', () => {
    expect([provider.requestsOf('429').length, provider.requestsOf('503').length]).toEqual([1, 3]);
  });

  it('a limit that ends is waited for, and the session goes on', () => {
    const once = outcome('429-once');
    expect(once, once?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', files: ['hello.txt'], task: { attempts: 2, sessionId } });
    expect(asked('429-once')).toMatch(/do it.*interrupted by a problem of the provider/s);
  });

  it('a failed verification goes on in the same session', () => {
    const again = outcome('count');
    expect(again, again?.ended.stderr).toMatchObject({ ended: { code: 0 }, said: 'completed', task: { attempts: 2, verified: true, sessionId, tokens: tokens(2) } });
    expect(asked('count')).toMatch(/do it.*prompt 1.*the second file was missing/s);
  });

  it('a timeout leaves nothing running, and keeps what was done', () => {
    const slow = outcome('command');
    expect(slow, slow?.ended.stderr).toMatchObject({ said: 'timed-out timeout', files: ['running'], task: { sessionId } });
  });
});
