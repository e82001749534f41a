// The real claude program under the whole of `orch run`: a worktree each, a fake of its API on loopback, a cleared
// environment; what is believed is what git shows.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startFakeProvider, type FakeProvider } from '../support/fake-provider.ts';
import type { Ended } from '../support/orch.ts';
import { makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';

const program = inject('programs')['claude'] ?? null;

describe.skipIf(program === null)('orch run with the real claude', () => {
  let provider: FakeProvider;
  let project: Project;
  let before: Record<string, string>;
  let env: Record<string, string>;
  beforeAll(async () => {
    provider = await startFakeProvider();
    project = makeProject({ config: { agent: 'claude', model: 'claude-sonnet-4-5', agents: {} } });
    const bin = path.join(project.home, 'bin');
    mkdirSync(bin);
    symlinkSync(program ?? '', path.join(bin, 'claude'));
    before = checkoutState(project);
    env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, ANTHROPIC_API_KEY: 'sk-test-dummy-key', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' };
  });
  afterAll(async () => {
    expect(checkoutState(project)).toEqual(before);
    project.dispose();
    await provider.close();
  });
  const run = async (tasks: string, ...args: string[]): Promise<Ended> => await project.run(['run', project.manifest(tasks), ...args], { env });
  const url = (scenario: Parameters<FakeProvider['url']>[0]): string => `env: { ANTHROPIC_BASE_URL: "${provider.url(scenario)}" }`;

  it('success, refusal, too many turns, a timeout: each by what really happened', async () => {
    const ended = await run(`
max-parallel: 2
tasks:
  good: { prompt: Write hello.txt, ${url('write')} }
  denied: { prompt: Write elsewhere, ${url('deny')} }
  turns: { prompt: Go on for ever, max-turns: 2, ${url('turns')} }
  slow: { prompt: Run a command that does not end, timeout: 5s, allowed-tools: [Bash], ${url('command')} }
`);
    const { tasks } = await project.status();
    const seen = Object.fromEntries(tasks.map(({ id, outcome, reason }) => [id, `${outcome} ${reason ?? ''}`.trim()]));
    expect(seen, ended.stderr).toEqual({ good: 'completed', denied: 'failed permission-denied', turns: 'failed max-turns', slow: 'timed-out timeout' });
    expect(ended.code).toBe(1);
    const good = tasks.find(({ id }) => id === 'good');
    expect(project.git('show', `${good?.branch}:hello.txt`)).toContain('hello from the fake model');
    expect(good).toMatchObject({ agent: 'claude', model: 'claude-sonnet-4-5', commits: 1, filesChanged: 1 });
    expect(good?.sessionId).toMatch(/^[0-9a-f-]{36}$/);
    expect(good?.costUsd).toBeGreaterThan(0);
    expect(good?.tokens?.output).toBeGreaterThan(0);
    // What the two turns wrote is delivered as far as it came.
    expect(tasks.find(({ id }) => id === 'turns')?.filesChanged).toBeGreaterThan(0);
  });

  it('429 for ever: no attempt is burnt, and the run stops with 75 and says when to go on', async () => {
    const ended = await run(`tasks:\n  a: { prompt: x, ${url('429')} }\n  b: { prompt: y, ${url('429')}, needs: a }\n`, '--max-wait', '1s');
    const { tasks, state, exitCode, run: id } = await project.status();
    expect(ended.code, ended.stderr).toBe(75);
    expect({ state, exitCode }).toEqual({ state: 'interrupted', exitCode: 75 });
    expect(tasks[0]).toMatchObject({ outcome: 'cancelled', reason: 'rate-limited' });
    expect(ended.stderr).toContain(`orch resume ${id}`);
  });

  it('a failed verification goes on in the same session, with the output that failed', async () => {
    const ended = await run(`
tasks:
  a: { prompt: Write hello.txt, retries: 1, verify: "test -f second || { touch second; echo the second file was missing; exit 1; }", ${url('write')} }
`);
    expect(ended.code, ended.stderr).toBe(0);
    const [task] = (await project.status()).tasks;
    expect(task).toMatchObject({ outcome: 'completed', attempts: 2, verified: true });
    const bodies = provider.requestsOf('write').map(({ body }) => JSON.stringify(body));
    expect(bodies.some((body) => body.includes('the second file was missing') && body.includes('Write hello.txt'))).toBe(true);
  });

  it('a missing client is found before anything is created', async () => {
    const traces = project.traces();
    const ended = await project.run(['run', 'do it', '--agent', 'claude'], { env: { ...env, PATH: process.env['PATH'] ?? '' } });
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('claude');
    expect(project.traces()).toEqual(traces);
    const fake = path.join(project.home, 'notexec');
    mkdirSync(fake);
    writeFileSync(path.join(fake, 'claude'), '');
    chmodSync(path.join(fake, 'claude'), 0o644);
    expect((await project.run(['run', 'do it'], { env: { ...env, PATH: `${fake}:${process.env['PATH'] ?? ''}` } })).code).toBe(3);
  });
});
