// `orch plan`: a plan in a file that is run exactly, estimates from what ran, ten thousand tasks on a screen, and a
// manifest that an agent makes of a goal.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { leavesNothing, makeProject, type Project } from '../support/project.ts';
import { checkoutState } from '../support/repo.ts';

let project: Project;
beforeEach(() => { project = makeProject(); });
afterEach(() => { project.dispose(); });
const file = (): string => path.join(project.home, 'plan.json');

describe('a plan in a file', () => {
  const MANIFEST = 'tasks:\n  a: "edit a.txt ${{ run.id }}"\n  scan: { run: "printf \'x\\\\ny\\\\n\' > $ORCH_TASK_ID; echo \'list=[1,2]\' >> $ORCH_OUTPUT" }\n  m: { needs: [a, scan], foreach: { from: needs.scan.outputs.list }, run: "echo ${{ item }} > ${{ task.id }}; git cat-file -e ${{ needs.a.branch }}" }\n  end: { needs: m, run: "cat m.1 m.2 > all" }\n';

  test('is run exactly, also when the manifest is gone, as often as one likes', async () => {
    const manifest = project.manifest(MANIFEST);
    const made = await project.run(['plan', manifest, '-o', file()]);
    expect([made.code, made.stdout]).toEqual([0, '']);
    const plan = JSON.parse(readFileSync(file(), 'utf8')) as Plan;
    writeFileSync(manifest, 'tasks: { other: x }\n');
    for (const run of [plan.run, `${plan.run}-2`]) {
      const ended = await project.run(['run', file()]);
      expect(ended.code, ended.stderr).toBe(0);
      const status = await project.status();
      expect([status.run, status.tasks.map(({ id }) => id)]).toEqual([run, ['a', 'scan', 'end', 'm.1', 'm.2']]);
      // What a task is told of its run is that of this run.
      expect(project.git('show', `orch/${run}/a:a.txt`)).toBe(run);
      expect(project.git('show', `orch/${run}/end:all`)).toBe('1\n2');
    }
    expect((await project.run(['run', file(), '--run-id', 'mine'])).code).toBe(0);
    expect((await project.status()).run).toBe('mine');
  });

  test('is refused when its base moved, unless told otherwise', async () => {
    await project.run(['plan', project.manifest('tasks: { a: "edit a.txt x" }\n'), '-o', file()]);
    const base = project.git('rev-parse', 'HEAD');
    project.commit('Moved', { 'new.txt': 'x' });
    const refused = await leavesNothing(project, () => project.run(['run', file()]));
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/main has moved from [0-9a-f]{12} to [0-9a-f]{12} since .*\nhint: make a new plan.*--allow-moved-base/)]);
    const told = await project.run(['run', file(), '--allow-moved-base']);
    expect([told.code, told.stderr]).toEqual([0, expect.stringContaining('the tasks begin at the old commit')]);
    expect((await project.task('a')).base).toBe(base);
  });

  test.each<[string, (plan: Plan) => unknown, number, RegExp]>([
    ['was meddled with', (plan) => ({ ...plan, tasks: plan.tasks.map((task) => ({ ...task, branch: 'main' })) }), 2, /plan\.json tasks\.a\.branch: must be orch\//],
    ['is of a later orch', (plan) => ({ ...plan, format: 9 }), 2, /format: is 9, and this orch reads plans of format 1/],
    ['begins elsewhere', (plan) => ({ ...plan, base: { ref: 'main', sha: 'b'.repeat(40) } }), 3, /begins at commit b{40}, which this repository does not have/],
  ])('is refused when it %s', async (_, change, code, pattern) => {
    await project.run(['plan', project.manifest('tasks: { a: "edit a.txt x" }\n'), '-o', file()]);
    writeFileSync(file(), JSON.stringify(change(JSON.parse(readFileSync(file(), 'utf8')) as Plan)));
    const ended = await leavesNothing(project, () => project.run(['run', file()]));
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(pattern)]);
  });

  test('cannot be changed by flags', async () => {
    await project.run(['plan', project.manifest('tasks: { a: "edit a.txt x" }\n'), '-o', file()]);
    const ended = await leavesNothing(project, () => project.run(['run', file(), '-j', '2']));
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('--max-parallel would change')]);
  });
});

test('what ran before says what to expect, and what never ran is unknown', async () => {
  const manifest = project.manifest('tasks: { a: "edit a.txt x", b: "edit b.txt x", c: "edit c.txt x" }\n');
  const before = (await project.run(['plan', manifest])).stdout;
  expect(before).toMatch(/^Estimate {3}time unknown, cost unknown {2}\(/m);
  expect(before).toMatch(/^ +3 tasks of mine: never ran here$/m);
  await project.run(['run', manifest]);
  const after = (await project.run(['plan', manifest])).stdout;
  expect(after).toMatch(/^Estimate {3}[\d.]+s( to [\d.]+s)?, cost unknown/m);
  expect(after).toMatch(/^ +3 tasks of mine: each [\d.]+s( to [\d.]+s)?, cost unknown, from 3 tasks that ran here$/m);
  const json = JSON.parse((await project.run(['plan', manifest, '--json'])).stdout) as { waves: string[][]; estimate: { groups: { samples: number; usd: null }[] } };
  expect([json.waves, json.estimate.groups.map(({ samples, usd }) => [samples, usd])]).toEqual([[['a', 'b', 'c']], [[3, null]]]);
});

test('ten thousand tasks: within three seconds and 300 MB, on one screen', async () => {
  const axis = `[${Array.from({ length: 100 }, (_, i) => i).join(', ')}]`;
  const manifest = project.manifest(`tasks:\n  m: { strategy: { matrix: { a: ${axis}, b: ${axis} } }, prompt: "Do \${{ matrix.a }} with \${{ matrix.b }}", paths: ["src/\${{ matrix.a }}/**"], verify: npm test }\n  end: { needs: m, run: "true" }\n`);
  const probe = path.join(project.home, 'probe.cjs');
  writeFileSync(probe, "process.on('exit', () => require('node:fs').writeSync(2, `used ${process.resourceUsage().maxRSS} KB, ${Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1000)} ms\\n`));");
  const ended = await project.run(['plan', manifest], { env: { NODE_OPTIONS: `--require=${JSON.stringify(probe)}` } });
  expect(ended.code, ended.stderr).toBe(0);
  const [, kb = '', ms = ''] = /used (\d+) KB, (\d+) ms/.exec(ended.stderr) ?? [];
  expect(Number(kb)).toBeLessThan(300 * 1024);
  // Time of the processor: other tests may be running at the same time.
  expect(Number(ms)).toBeLessThan(3000);
  expect(ended.stdout.split('\n').length).toBeLessThan(30);
  expect(ended.stdout).toContain('m.*  10000 tasks: m.0-0, m.0-1, m.0-2 and 9997 more');
});

describe('plan --from', () => {
  /** An agent that answers with the nth of these texts, and does harm if it can. */
  const agentThatSays = (...answers: string[]): Project => {
    const other = makeProject();
    const script = path.join(other.home, 'agent.mjs');
    writeFileSync(script, `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
const log = ${JSON.stringify(path.join(other.home, 'prompts.txt'))};
const asked = existsSync(log) ? readFileSync(log, 'utf8').split('=====').length - 1 : 0;
appendFileSync(log, readFileSync(0, 'utf8') + '=====');
writeFileSync('harm.txt', 'x');
for (const args of [['checkout', '-q', '-B', 'harm'], ['add', '-A'], ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-q', '--allow-empty', '-m', 'harm']]) execFileSync('git', args);
console.log(${JSON.stringify(answers)}[asked] ?? 'nothing');
`);
    const config = path.join(other.path, '.orchestrator.yml');
    writeFileSync(config, JSON.stringify({ agent: 'planner', agents: { planner: { command: [process.execPath, script] } } }));
    other.git('commit', '-qam', 'Planner');
    return other;
  };
  const yaml = (text: string): string => `Here it is.\n\n\`\`\`yaml\n${text}\n\`\`\`\n`;
  const GOOD = 'tasks:\n  one: { prompt: First, paths: ["src/**"], verify: "true" }\n  two: { needs: one, prompt: Second }';
  const prompts = (other: Project): string[] => readFileSync(path.join(other.home, 'prompts.txt'), 'utf8').split('=====').slice(0, -1);

  test('writes what an agent made of a goal, to be read, and runs nothing', async () => {
    const other = agentThatSays(yaml(GOOD));
    const before = checkoutState(other);
    const left = readdirSync(os.tmpdir()).filter((name) => name.startsWith('orch-look-'));
    const ended = await other.run(['plan', '--from', 'Make it better']);
    expect([ended.code, ended.stderr]).toEqual([0, expect.stringContaining('wrote tasks.yml, which planner made up: read it, then orch plan tasks.yml')]);
    expect(readFileSync(path.join(other.path, 'tasks.yml'), 'utf8')).toBe(`${GOOD}\n`);
    expect(prompts(other)[0]).toContain('Make it better');
    const { 'tree/tasks.yml': _, ...after } = checkoutState(other);
    expect(after).toEqual(before);
    expect(other.traces()).toEqual([]);
    expect(readdirSync(os.tmpdir()).filter((name) => name.startsWith('orch-look-'))).toEqual(left);
    expect((await other.run(['plan'])).stdout).toContain('2 tasks');
    other.dispose();
  });

  test('asks again with what is wrong, twice at most', async () => {
    const other = agentThatSays('I have no idea.', yaml('tasks:\n  one: { promt: x }'), yaml(GOOD));
    const made = await other.run(['plan', '--from', 'goal', '-o', 'made.yml']);
    expect(made.code, made.stderr).toBe(0);
    expect(existsSync(path.join(other.path, 'made.yml'))).toBe(true);
    expect(prompts(other).map((prompt) => [prompt.includes('there is no ```yaml block'), prompt.includes('unknown key "promt"; did you mean `prompt`?')])).toEqual([[false, false], [true, false], [false, true]]);
    other.dispose();
    const hopeless = agentThatSays();
    const ended = await leavesNothing(hopeless, () => hopeless.run(['plan', '--from', 'goal']));
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('planner did not write a manifest that can be read, in 3 tries')]);
    expect(prompts(hopeless)).toHaveLength(3);
    hopeless.dispose();
  });

  test('overwrites nothing, and needs an agent', async () => {
    const other = agentThatSays(yaml(GOOD));
    writeFileSync(path.join(other.path, 'tasks.yml'), 'mine\n');
    const refused = await other.run(['plan', '--from', 'goal']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('tasks.yml is already there')]);
    expect(existsSync(path.join(other.home, 'prompts.txt'))).toBe(false);
    expect((await other.run(['plan', '--from', ' ', '-o', 'x.yml'])).code).toBe(2);
    expect((await other.run(['plan', 'tasks.yml', '--from', 'x', '-o', 'x.yml'])).code).toBe(2);
    expect((await other.run(['plan', '--from', 'x', '-o', 'x.yml', '--agent', 'claude'], { env: { PATH: '/usr/bin:/bin' } })).code).toBe(3);
    other.dispose();
  });
});
