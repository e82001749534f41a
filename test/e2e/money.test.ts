// Money, models and several attempts, from the outside: the built binary and a client that asks a provider on loopback.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tool, type Script, type Turn } from '../support/fake-provider.ts';
import { textAt, objectsAt } from '../../src/lib/json.ts';
import { makeMessagesProject, writes, type MessagesProject } from '../support/messages-project.ts';
import { orch, startOrch } from '../support/orch.ts';

const answer = ({ cwd, results }: Turn, content: string): ReturnType<Script> => (results === 0 ? tool('Write', { file_path: `${cwd}/answer.txt`, content: `${content}\n` }) : { kind: 'text', text: 'Done.' });

let project: MessagesProject;
let base = '';
beforeAll(async () => {
  project = await makeMessagesProject({
    /** Three requests: 0.30. */
    thirty: (turn) => writes(turn, 3),
    /** Only the second model is right. */
    models: (turn) => answer(turn, turn.model === 'haiku' ? 'wrong' : 'right'),
    /** Right when it is told what was wrong. */
    memory: (turn) => answer(turn, turn.prompts === 1 ? 'wrong' : 'right'),
    /** Each attempt at a task has a number of its own. */
    several: (turn) => answer(turn, `attempt ${/\.(\d)$/.exec(turn.cwd)?.[1] ?? ''}${'\nmore'.repeat(turn.cwd.endsWith('.3') ? 0 : 3)}`),
  });
});
beforeAll(() => { base = project.git('rev-parse', 'main'); });
afterAll(async () => {
  await project.close();
});

const prompts = (scenario: string, model: string): string[][] =>
  project.provider.requestsOf(scenario).filter(({ body }) => textAt(body, 'model') === model)
    .map(({ body }) => objectsAt(body, 'messages').filter((message) => textAt(message, 'role') === 'user').flatMap((message) => objectsAt(message, 'content').flatMap((block) => textAt(block, 'text') ?? [])));

describe('a budget of 1.00 with tasks of 0.30', () => {
  test('stops starts, says what was spent, and goes on with a larger one', async () => {
    const file = project.manifest(`budget: { usd: 1 }\ntasks:\n${Array.from({ length: 6 }, (_, i) => `  t${i}: Write files\n`).join('')}`);
    const ended = await project.ask('thirty', ['run', file, '--run-id', 'money']);
    expect(ended.code, ended.stderr).toBe(75);
    const status = await project.status('money');
    expect(status).toMatchObject({ budgetUsd: 1, counts: { completed: 3, overBudget: 3 } });
    expect(status.costUsd).toBeCloseTo(0.9);
    expect(ended.stderr).toContain('The budget is used up ($0.90 of $1.00); go on with a larger one: orch resume money --budget USD');
    expect(ended.stderr).toMatch(/Cost\n\s+default-model\s+\$0\.90\s+3 attempts, 9k tokens in, 450 out\n/);
    expect(ended.stderr).toContain('$0.30 for each of 3 delivered changes');
    const resumed = await project.ask('thirty', ['resume', 'money', '--budget', '2']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect((await project.status('money')).costUsd).toBeCloseTo(1.8);
  });

  test('is told to the client, which stops within a task; and is known from earlier runs', async () => {
    const file = project.manifest('budget: { usd-per-task: 0.2 }\ntasks: { t: Write files }');
    const ended = await project.ask('thirty', ['run', file, '--run-id', 'cap']);
    expect(ended.code, ended.stderr).toBe(75);
    expect((await project.status('cap')).tasks[0]).toMatchObject({ outcome: 'over-budget', reason: 'budget', costUsd: 0.2 });
    const plan = await orch(['plan', project.manifest('tasks: [x]'), '--budget', '3', '--json'], { cwd: project.path });
    expect((JSON.parse(plan.stdout) as { budget: unknown }).budget).toEqual({ usd: 3, usdPerTask: null, expected: { 'claude ': 0.3 } });
  });

  test('that nobody could keep is refused before anything is created', async () => {
    const blind = await project.run(['run', project.manifest('budget: { usd: 1 }\nagent: mine\nagents: { mine: { command: "true" } }\ntasks: [x]'), '--run-id', 'blind']);
    expect(blind.code).toBe(2);
    expect(blind.stderr).toContain('budget: sees nothing: mine does not tell what it costs');
    expect((await project.run(['run', 'x', '--budget', 'much'])).code).toBe(2);
    expect(project.traces().some((trace) => trace.includes('blind'))).toBe(false);
  });
});

const verify = 'grep -x right answer.txt || { echo "answer.txt is wrong:"; cat answer.txt; exit 1; }';

test('a failed verify climbs to the next model, with what was wrong and what was done', async () => {
  const file = project.manifest(`tasks:\n  t: { prompt: Answer, escalate: [haiku, sonnet, opus], verify: ${JSON.stringify(verify)} }\n`);
  const ended = await project.ask('models', ['run', file, '--run-id', 'ladder']);
  expect(ended.code, ended.stderr).toBe(0);
  const [task] = (await project.status('ladder')).tasks;
  expect(task).toMatchObject({ outcome: 'completed', attempts: 2, model: 'sonnet', costUsd: 0.4 });
  const [[prompt = ''] = []] = prompts('models', 'sonnet');
  expect(prompt).toMatch(/^Answer\n/);
  expect(prompt).toContain('answer.txt is wrong:\nwrong');
  expect(prompt).toContain('grep -x right answer.txt');
  expect(prompt).toMatch(/is in this working directory \(commit [0-9a-f]{40}\)/);
  expect(prompts('models', 'opus')).toEqual([]);
  expect(project.git('show', 'orch/ladder/t:answer.txt')).toBe('right');
  expect(ended.stderr).toMatch(/haiku\s+\$0\.20[\s\S]*sonnet\s+\$0\.20|sonnet\s+\$0\.20[\s\S]*haiku\s+\$0\.20/);
});

test('a retry after a failed verify goes on in the same session, with the command and what it printed', async () => {
  const file = project.manifest(`tasks:\n  t: { prompt: Answer, retries: 1, verify: ${JSON.stringify(verify)} }\n`);
  const ended = await project.ask('memory', ['run', file, '--run-id', 'memory']);
  expect(ended.code, ended.stderr).toBe(0);
  const last = prompts('memory', 'default-model').at(-1) ?? [];
  expect(last).toHaveLength(2);
  expect(last[0]).toBe('Answer');
  expect(last[1]).toMatch(/^The command `grep -x right answer\.txt[\s\S]*failed \(exit 1\)[\s\S]*answer\.txt is wrong:\nwrong/);
  expect((await project.status('memory')).tasks[0]).toMatchObject({ outcome: 'completed', attempts: 2 });
});

describe('best-of', () => {
  const manifest = (more: string, head = 'merge: { when: end }'): string => `${head}\ntasks:\n  fix: { prompt: Answer, best-of: 3, verify: "! grep -q 'attempt 1' answer.txt"${more} }\n  after: { needs: fix, run: cp answer.txt copy.txt }\n`;

  test('takes the one that passes and changes least, merges it alone, and keeps the others', async () => {
    const ended = await project.ask('several', ['run', project.manifest(manifest('')), '--run-id', 'best']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('took fix.3 (1 line) of 3: fix.1 verify-failed, fix.2 4 lines');
    expect(project.git('show', 'orch/best/fix:answer.txt')).toBe('attempt 3');
    expect(project.git('show', 'orch/best/after:copy.txt')).toBe('attempt 3');
    expect(project.git('show', 'main:copy.txt')).toBe('attempt 3');
    expect(project.git('show', 'orch/best/fix.2:answer.txt')).toContain('attempt 2');
    const { tasks } = await project.status('best');
    expect(tasks.map(({ id, outcome, merge }) => `${id} ${outcome ?? ''} ${merge}`)).toEqual(['fix.1 failed unmerged', 'fix.2 completed unmerged', 'fix.3 completed unmerged', 'fix completed merged', 'after completed merged']);
  });

  test('prefers the highest score, survives a kill and a resume', async () => {
    const score = ', score: "grep -c more answer.txt"';
    const run = startOrch(['run', project.manifest(manifest(score, `base: ${base}`)), '--run-id', 'killed'], {
      cwd: project.path, env: { ANTHROPIC_BASE_URL: project.provider.url('several'), CLAUDE_CONFIG_DIR: path.join(project.home, 'claude') },
    });
    await run.saw('[fix.1] failed');
    run.child.kill('SIGKILL');
    await run.ended;
    const resumed = await project.ask('several', ['resume', 'killed']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain('took fix.2 (score 3, 4 lines) of 3: fix.1 verify-failed, fix.3 1 line');
    expect(project.git('show', 'orch/killed/fix:answer.txt')).toContain('attempt 2');
    expect(readFileSync(path.join(project.git('rev-parse', '--path-format=absolute', '--git-common-dir'), 'orch/runs/killed/plan.json'), 'utf8')).toContain('"score"');
  });
});
