// The real claude program, started as orch starts it, in a git repository of its own, against a fake of its API on
// loopback, with an environment that holds nothing of the machine.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { AgentWork, LaunchRequest, Verdict } from '../../src/agents/adapter.ts';
import { adapterFor } from '../../src/agents/adapters.ts';
import { createClock } from '../../src/effects/clock.ts';
import type { Clock, ProcessEnd, ProcessSpec } from '../../src/effects/effects.ts';
import { agentEnvironment } from '../../src/effects/env.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { objectsAt } from '../../src/lib/json.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { LIMIT_RESETS_AT, startFakeProvider, type FakeProvider, type Scenario } from '../support/fake-provider.ts';
import { createProcessRig, isAlive, type ProcessRig } from '../support/process-rig.ts';
import { CLAUDE } from './install.ts';

const program = inject('programs')['claude'] ?? null;
const adapter = adapterFor('claude');

interface Attempt {
  readonly end: ProcessEnd;
  readonly verdict: Verdict;
  readonly progress: readonly string[];
}
interface Options {
  readonly work?: Partial<AgentWork>;
  readonly launch?: Partial<LaunchRequest>;
  readonly process?: Partial<ProcessSpec>;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

if (program === null) process.stderr.write(`claude ${CLAUDE.version} has no program for ${process.platform}-${process.arch}: its tests are skipped\n`);
describe.skipIf(program === null)(`claude ${CLAUDE.version}`, () => {
  let provider: FakeProvider;
  let rig: ProcessRig;
  let repository: string;
  beforeAll(async () => {
    provider = await startFakeProvider();
  });
  afterAll(() => provider.close());
  beforeEach(() => {
    rig = createProcessRig();
    mkdirSync(rig.at('repo'));
    repository = realpathSync(rig.at('repo'));
    execFileSync('git', ['init', '-q', '-b', 'main', repository]);
  });
  afterEach(() => {
    const survivors = rig.survivors();
    rig.dispose();
    expect(survivors).toEqual([]);
  });

  async function attempt(scenario: Scenario, options: Options = {}): Promise<Attempt> {
    const work: AgentWork = { kind: 'agent', agent: 'claude', prompt: 'do it', model: 'claude-sonnet-4-5', args: [], maxTurns: null, permissionMode: null, allowedTools: [], ...options.work };
    const spec = { name: 'claude', adapter: 'claude', command: [program ?? ''], prompt: 'stdin', output: 'text', args: [], env: {} } as const;
    const launch = adapter.launch({ spec, work, prompt: work.prompt, promptFile: '/dev/null', reportFile: '/dev/null', newSessionId: randomUUID(), resume: null, ...options.launch });
    const env = agentEnvironment({
      parent: { PATH: process.env['PATH'], HOME: rig.dir, LANG: 'C.UTF-8', ANTHROPIC_API_KEY: 'sk-test-dummy-key', ANTHROPIC_BASE_URL: provider.url(scenario) },
      pass: adapter.passEnv,
      set: { ...launch.env, ORCH_RUN_ID: rig.run, ...options.env },
    });
    const reader = adapter.read(spec);
    const progress: string[] = [];
    const end = await createProcesses({ clock: options.clock ?? createClock() }).run({
      command: launch.command, args: launch.args, cwd: repository, env, stdin: launch.stdin, timeoutMs: 30_000, idleTimeoutMs: null, graceMs: 5000, logFile: rig.at('output.log'),
      onLine: (line, stream) => {
        const said = reader.line(line, stream);
        if (said !== null) progress.push(said);
      },
      ...options.process,
    }, options.signal);
    return { end, progress, verdict: reader.verdict({ exit: end.exit, stderrTail: end.stderrTail, stdoutTail: end.stdoutTail, now: Date.now() }) };
  }
  const status = (): string => execFileSync('git', ['status', '--porcelain'], { cwd: repository, encoding: 'utf8' });

  it('does real work, and its costs and session are known', async () => {
    const newSessionId = randomUUID();
    const { end, verdict, progress } = await attempt('write', { launch: { newSessionId } });
    expect(verdict).toMatchObject({ ok: true, denials: [], report: { sessionId: newSessionId, model: expect.stringMatching(/^claude-sonnet-4-5/), turns: 2, result: 'All done.', tokens: { input: 2000, output: 100, cacheRead: 6000, cacheWrite: 400 } } });
    expect(verdict.report.costUsd).toBeGreaterThan(0);
    expect(end).toMatchObject({ exit: { kind: 'code', code: 0 }, truncated: false, leftovers: 0 });
    expect(progress).toEqual(['Write hello.txt', 'All done.']);
    expect(status()).toBe('?? hello.txt\n');
    expect(readFileSync(`${repository}/hello.txt`, 'utf8')).toBe('hello from the fake model\n');
    expect(readFileSync(rig.at('output.log'), 'utf8')).not.toContain('sk-test-dummy-key');
    const tools = objectsAt(provider.requestsOf('write')[0]?.body ?? {}, 'tools').filter((tool) => tool['name'] === 'Bash');
    expect(tools).toHaveLength(1);
    expect(JSON.stringify(tools)).not.toContain('run_in_background');
    expect(provider.requestsOf('write').every(({ headers, path }) => headers['x-api-key'] === 'sk-test-dummy-key' && path.startsWith('/s/write/v1/messages'))).toBe(true);
  });

  it('is refused what it may not do, exits 0, and says so', async () => {
    const outside = await attempt('deny');
    expect(outside.verdict).toMatchObject({ ok: true, denials: [`Write ${repository}-elsewhere/hello.txt`] });
    const asking = await attempt('write', { work: { permissionMode: 'default' } });
    expect(asking.verdict).toMatchObject({ ok: true, denials: ['Write hello.txt'] });
    expect([status(), existsSync(`${repository}-elsewhere`)]).toEqual(['', false]);
  });

  it('stops at the number of turns', async () => {
    const { verdict } = await attempt('turns', { work: { maxTurns: 2 } });
    expect(verdict).toMatchObject({ ok: false, reason: 'max-turns', retry: 'agent', message: expect.stringContaining('(2)'), report: { turns: 3 } });
    expect(status()).toBe('?? turn-0.txt\n?? turn-1.txt\n');
  });

  it('gives up on a rate limit after few tries, for orch to wait', async () => {
    const { verdict, progress } = await attempt('429');
    expect(verdict).toMatchObject({ ok: false, reason: 'rate-limited', retry: 'provider' });
    expect(provider.requestsOf('429')).toHaveLength(3);
    expect(progress.some((line) => line.includes('tries again'))).toBe(true);
  });

  it.each([
    ['429-wait', { reason: 'rate-limited', retry: 'provider' }],
    ['401', { reason: 'auth', retry: 'never' }],
    ['403', { reason: 'auth', retry: 'never' }],
    ['404', { reason: 'model-not-found', retry: 'never' }],
    ['400-billing', { reason: 'billing', retry: 'never' }],
    ['500', { reason: 'overloaded', retry: 'provider' }],
    ['529', { reason: 'overloaded', retry: 'provider' }],
    ['cut', { reason: 'overloaded', retry: 'provider' }],
  ] as const)('%s is understood', async (scenario, expected) => {
    const { verdict } = await attempt(scenario, { env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
    expect(verdict).toMatchObject({ ok: false, ...expected });
  });

  it('tells until when a usage limit lasts', async () => {
    const { verdict } = await attempt('usage-limit', { env: { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-dummy-token' } });
    expect(verdict).toMatchObject({ ok: false, reason: 'usage-limit', retry: 'provider', notBefore: LIMIT_RESETS_AT * 1000 });
  });

  it('may talk about limits without having hit one', async () => {
    expect((await attempt('limit-text')).verdict).toMatchObject({ ok: true, report: { result: expect.stringContaining('usage limit reached|') } });
  });

  it('says when it cannot even start', async () => {
    const { verdict } = await attempt('nothing', { work: { args: ['--no-such-flag'] } });
    expect(verdict).toMatchObject({ ok: false, reason: 'agent-error', message: expect.stringContaining('no-such-flag') });
    expect((await attempt('nothing', { env: { ANTHROPIC_API_KEY: '' } })).verdict).toMatchObject({ ok: false, reason: 'auth', retry: 'never' });
  });

  it('goes on in the same session, and costs only what is new', async () => {
    const newSessionId = randomUUID();
    const first = await attempt('count', { launch: { newSessionId } });
    const second = await attempt('count', { launch: { resume: newSessionId } });
    expect([first.verdict.report.result, second.verdict.report.result]).toEqual(['prompt 1', 'prompt 2']);
    expect(second.verdict.report).toMatchObject({ sessionId: newSessionId, costUsd: first.verdict.report.costUsd });
    const unknown = await attempt('count', { launch: { resume: randomUUID() } });
    expect(unknown.verdict).toMatchObject({ ok: false, reason: 'agent-error', message: expect.stringContaining('No conversation found') });
  });

  it('is gone after a timeout, and so is the command that it was running', async () => {
    const clock = createFakeClock();
    const running = attempt('command', { work: { allowedTools: ['Bash'] }, process: { timeoutMs: 600_000 }, clock });
    const command = Number(await rig.appeared('repo/running'));
    expect(isAlive(command)).toBe(true);
    clock.advance(600_000);
    const { end, verdict } = await running;
    expect(verdict).toMatchObject({ ok: false, reason: 'timeout', retry: 'timeout' });
    expect(end.exit).toMatchObject({ kind: 'timeout', forced: false });
    expect([isAlive(command), rig.survivors()]).toEqual([false, []]);
  });

  it('is gone after a forced stop in the middle of an answer', async () => {
    const stop = new AbortController();
    const running = attempt('hang', { signal: stop.signal });
    await provider.reached('hang', 1);
    stop.abort({ reason: 'interrupted', forced: true });
    expect((await running).verdict).toMatchObject({ ok: false, reason: 'interrupted' });
  });
});
