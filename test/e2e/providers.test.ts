// Limits of a provider, from the outside: the built binary, a client that asks a provider on loopback, and its answers.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { error, type Script } from '../support/fake-provider.ts';
import { makeMessagesProject, writes, type MessagesProject } from '../support/messages-project.ts';

let inFlight = 0;
let atOnce: number[] = [];
/** Takes three requests at once. */
const three: Script = async (turn) => {
  atOnce.push(inFlight + 1);
  if (inFlight >= 3) return error(429, 'rate_limit_error', 'Number of concurrent requests has exceeded your rate limit.', { 'retry-after': '0.3' });
  inFlight += 1;
  await sleep(100);
  inFlight -= 1;
  return writes(turn, 3);
};
let resetsAt = 0;
/** Seconds that it lasts from the first request on; a machine may take its time until there is one. */
let lasts: number | null = null;
/** A quota that is used up until `resetsAt`, seconds since the epoch. */
const quota: Script = (turn) => {
  if (lasts !== null) resetsAt = Math.ceil(Date.now() / 1000) + lasts;
  lasts = null;
  return (Date.now() / 1000 < resetsAt ? error(429, 'rate_limit_error', 'over', { 'anthropic-ratelimit-unified-reset': String(resetsAt) }) : writes(turn));
};

let project: MessagesProject;
beforeAll(async () => {
  project = await makeMessagesProject({ three, quota, unknown: () => error(401, 'authentication_error', 'invalid x-api-key') });
});
afterAll(async () => {
  await project.close();
});

const tasks = (count: number): string => `tasks:\n${Array.from({ length: count }, (_, i) => `  t${i}: Write a few files\n`).join('')}`;
const lastRun = async (): Promise<string> => (await project.status()).run;

// Forty processes that ask three times each: it takes what three at a time take.
test('forty tasks against a provider that takes three requests at once', async () => {
  atOnce = [];
  const ended = await project.ask('three', ['run', project.manifest(`max-parallel: 8\n${tasks(40)}`), '--run-id', 'forty']);
  expect(ended.code, ended.stderr).toBe(0);
  const { counts, tasks: all } = await project.status('forty');
  expect(counts.completed).toBe(40);
  const sent = project.provider.requestsOf('three').length;
  expect(sent).toBeLessThanOrEqual(1.3 * 120);
  expect(ended.stderr).toMatch(/provider claude: no new starts for .* then [1-4] at once: rate_limit \(429\)/);
  expect(all.map(({ reason }) => reason).filter((reason) => reason !== null)).toEqual([]);
  expect(atOnce.slice(atOnce.length / 2).filter((count) => count > 4)).toEqual([]);
}, 60_000);

describe('a usage limit', () => {
  test('that ends in seconds pauses the whole run, and it goes on', async () => {
    lasts = 3;
    const ended = await project.ask('quota', ['run', project.manifest(tasks(5)), '--run-id', 'short']);
    expect(ended.code, ended.stderr).toBe(0);
    const { counts, tasks: all } = await project.status('short');
    expect(counts.completed).toBe(5);
    expect(Math.max(...all.map(({ attempts }) => attempts))).toBeLessThanOrEqual(2);
    // Those that were already on their way when the first one was refused, and no others.
    expect(project.provider.requestsOf('quota').length - 5 * 2).toBeLessThanOrEqual(4);
    expect(ended.stderr).toContain('usage limit (five_hour)');
  });

  test('that ends in hours checkpoints with exit 75 and the time, and orch resume completes', async () => {
    lasts = 3 * 3600;
    const ended = await project.ask('quota', ['run', project.manifest(tasks(5)), '--run-id', 'long']);
    expect(ended.code, ended.stderr).toBe(75);
    expect(ended.stderr).toMatch(/go on in (2h59m|3h00m)[^\n]*\(\d{4}-\d\d-\d\dT[\d:.]+Z\) with: orch resume long/);
    resetsAt = 0;
    const resumed = await project.ask('quota', ['resume', 'long']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect((await project.status('long')).counts.completed).toBe(5);
  });
});

test('a login that is refused is not tried by every task', async () => {
  const ended = await project.ask('unknown', ['run', project.manifest(tasks(12)), '--run-id', 'login']);
  expect(ended.code).toBe(1);
  expect(ended.stderr.match(/nothing more is started with claude \(auth\)/g)).toHaveLength(1);
  expect(project.provider.requestsOf('unknown').length).toBeLessThanOrEqual(4);
  expect(await lastRun()).toBe('login');
});
