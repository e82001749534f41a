// Tasks that are made while a run goes on, outputs and context, from the manifest to the branches; and what is refused.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { eachProject } from '../support/each.ts';
import { leavesNothing, makeProject, type Project } from '../support/project.ts';
import { appears } from '../support/wait.ts';

let project: Project;
const at = (name: string): string => project.at(name);
eachProject((made) => { project = made; });
const outcomes = async (): Promise<string[]> => (await project.status()).tasks.map(({ id, outcome, reason }) => `${id} ${outcome}${reason === null ? '' : ` ${reason}`}`);

describe('kill -9 between the scan and the first of its tasks', () => {
  const MODULES = JSON.stringify(['src/a', 'src/b', 'two words', 'src/a']);
  // One slot: `wall` is started when `scan` has completed, before the tasks that were made of it.
  const manifest = (): string => project.manifest(`
max-parallel: 1
tasks:
  scan: { run: ${JSON.stringify(`echo once >> '${at('scans')}'; echo 'modules=${MODULES}' >> "$ORCH_OUTPUT"`)} }
  wall: { needs: scan, run: "touch '${at('ready')}'; until test -e '${at('go')}'; do sleep 0.05; done" }
  work: { needs: scan, foreach: { from: needs.scan.outputs.modules }, run: "echo \${{ item }} > $ORCH_TASK_ID.txt" }
  end: { needs: work, run: "cat work.*.txt > all.txt" }
`);
  const IDS = ['work.src-a', 'work.src-b', 'work.two-words'];

  test.each([
    ['after the tasks were recorded', false],
    ['before the tasks were recorded', true],
  ])('%s: resumes to the same tasks', async (_, isForgotten) => {
    const running = project.start(['run', manifest()]);
    await Promise.all([appears(at('ready')), running.saw('3 tasks: work.src-a, work.src-b, work.two-words')]);
    running.child.kill('SIGKILL');
    await running.ended;
    const before = await project.status();
    expect(before.tasks.map(({ id }) => id)).toEqual(['scan', 'wall', 'end', ...IDS]);
    expect(before.tasks.filter(({ attempts }) => attempts > 0).map(({ id }) => id)).toEqual(['scan', 'wall']);
    if (isForgotten) {
      forget(before.run, 'tasks-added');
      expect((await project.status()).tasks.map(({ id }) => id)).toEqual(['scan', 'wall', 'end']);
    }
    writeFileSync(at('go'), '');
    const resumed = await project.run(['resume']);
    expect(resumed.code, resumed.stderr).toBe(0);
    const after = await project.status();
    expect(after.tasks.map(({ id }) => id)).toEqual(before.tasks.map(({ id }) => id));
    expect(after.counts).toMatchObject({ completed: 6 });
    expect(readFileSync(at('scans'), 'utf8')).toBe('once\n');
    expect(project.git('show', `${(await project.task('end')).branch}:all.txt`)).toBe('src/a\nsrc/b\ntwo words');
  });

  /** As if orch had been killed before a fact was on disk. */
  function forget(run: string, type: string): void {
    const dir = path.join(project.commonDir, 'orch', 'runs', run);
    const file = path.join(dir, readdirSync(dir).find((name) => name.startsWith('journal.')) ?? '');
    const lines = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, lines.slice(0, lines.findIndex((line) => line.includes(`"type":"${type}"`))).map((line) => `${line}\n`).join(''));
  }
});

describe('what tasks leave for others', () => {
  test('outputs, results and branches reach prompts, commands and variables', async () => {
    const ended = await project.run(['run', project.manifest(`
tasks:
  a: { run: ${JSON.stringify('echo "n=it\'s" >> "$ORCH_OUTPUT"; printf "text<<END\\none\\ntwo\\nEND\\n" >> "$ORCH_OUTPUT"; echo a > a.txt')} }
  say: { prompt: "say the answer is 42\\nedit said.txt x" }
  b: { needs: [a, say], run: "printf '%s|' \${{ needs.a.outputs.n }} \\"\${{ needs.a.outputs.text }}\\" \${{ needs.a.branch }} \\"$SAID\\" '\${{ needs.a.outputs.none }}' > b.txt", env: { SAID: "<\${{ needs.say.result }}>" } }
`)]);
    expect(ended.code, ended.stderr).toBe(0);
    const { run, tasks } = await project.status();
    expect(project.git('show', `orch/${run}/b:b.txt`)).toBe(`it's|one\ntwo|orch/${run}/a|<the answer is 42>||`);
    expect(tasks[0]?.outputs).toEqual({ n: "it's", text: 'one\ntwo' });
  });

  test('10 MB of outputs fail the task, and say so; what it did is kept', async () => {
    const ended = await project.run(['run', project.manifest('tasks: { big: { run: "echo x > x.txt; head -c 10485760 /dev/zero | tr \'\\\\0\' x >> $ORCH_OUTPUT" }, next: { needs: big, run: "true" } }')]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('$ORCH_OUTPUT holds more than 1 MB');
    expect(await outcomes()).toEqual(['big failed bad-output', 'next skipped dependency']);
    expect(project.git('show', `${(await project.task('big')).branch}:x.txt`)).toBe('x');
  });

  test.each([['a pipe', 'mkfifo "$ORCH_OUTPUT"'], ['a folder', 'mkdir "$ORCH_OUTPUT"'], ['a device', 'ln -s /dev/zero "$ORCH_OUTPUT"']])('%s in the place of the file fails the task, and holds nobody up', async (_, command) => {
    const ended = await project.run(['run', project.manifest(`tasks: { a: { run: ${JSON.stringify(`rm "$ORCH_OUTPUT"; ${command}`)} } }`)]);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('$ORCH_OUTPUT cannot be read (it is not a regular file)')]);
    expect(await outcomes()).toEqual(['a failed bad-output']);
  });

  test('a list that is none fails its task, which is told and may try again', async () => {
    const list = `if test $ORCH_ATTEMPT = 1; then echo 'list={}' >> "$ORCH_OUTPUT"; else echo 'list=[1,2]' >> "$ORCH_OUTPUT"; fi; cp "$ORCH_PROMPT_FILE" prompt.txt`;
    const other = makeProject({ config: { agents: { lister: { command: ['sh', '-c', list] } } } });
    const text = (retries: number): string => `tasks: { scan: { prompt: List, agent: lister, retries: ${retries} }, t: { needs: scan, foreach: { from: needs.scan.outputs.list }, run: "true" }, end: { needs: t, run: "true" } }`;
    const failed = await other.run(['run', other.manifest(text(0))]);
    expect(failed.code).toBe(1);
    expect((await other.status()).tasks.map(({ id, reason, message }) => [id, reason, message])).toEqual([
      ['scan', 'bad-output', 'its output "list" must be a list, not a map'], ['end', 'dependency', 'needs t, whose tasks were never made: scan ended as failed'],
    ]);
    const ended = await other.run(['run', other.manifest(text(1))]);
    expect(ended.code, ended.stderr).toBe(0);
    const status = await other.status();
    expect(status.tasks.map(({ id }) => id)).toEqual(['scan', 'end', 't.1', 't.2']);
    expect(other.git('show', `${status.tasks[0]?.branch}:prompt.txt`)).toContain('It was not accepted: its output "list" must be a list, not a map.');
    other.dispose();
  });

  test('a forgiven scan that failed leaves its tasks unmade, which is no success', async () => {
    expect((await project.run(['run', project.manifest('tasks: { scan: { run: "exit 3", continue-on-error: true }, t: { needs: scan, foreach: { from: needs.scan.outputs.list }, run: "true" } }')])).code).toBe(1);
    expect((await project.run(['resume', '--failed'])).code).toBe(1);
  });
});

test('context is of the base commit, and commands see the repository', async () => {
  project.commit('Notes', { 'notes.md': 'committed ```\n' });
  project.write({ 'notes.md': 'edited\n' });
  const manifest = project.manifest('tasks:\n  a:\n    prompt: Do it\n    context: [{ file: notes.md }, { run: "git log -1 --format=%s && pwd" }]\n');
  const { stdout } = await project.run(['plan', manifest, '--prompts']);
  expect(stdout).toContain('  ````\n  committed ```\n  ````\n');
  expect(stdout).toContain(`  Notes\n  ${project.path}\n`);
});

describe('refused before anything is created', () => {
  const many = `[${Array.from({ length: 265 }, (_, i) => i).join(',')}]`;
  test.each<[string, string, RegExp]>([
    ['a glob that matches nothing', '{ run: x, foreach: { files: "nope/**" } }', /"nope\/\*\*" matches no file of the base commit/],
    ['an item outside of foreach', '{ run: "echo ${{ item }}" }', /`item` is known only in a task with `foreach`/],
    ['a matrix of objects', '{ run: x, strategy: { matrix: { os: [{ name: a }] } } }', /os\[0\]: must be text, a number, `true` or `false`, not a map/],
    ['lists in lists', '{ run: x, foreach: { values: [[a]] } }', /values\[0\]: must be text, a number, `true` or `false`, not a list; write one list/],
    ['an agent id by template', '{ prompt: x, agent: "${{ matrix.a }}", strategy: { matrix: { a: [1] } } }', /there is no agent/],
    ['70,225 combinations', `{ run: x, strategy: { matrix: { a: ${many}, b: ${many} } } }`, /has 70225 combinations, and one task stands for at most 20000/],
    ['lines of a command that fails', '{ run: x, foreach: { lines: "echo oops >&2; exit 7" } }', /exited with 7: oops/],
    ['lines of a command that is not there', '{ run: x, foreach: { lines: no-such-command } }', /exited with 127: .*not found/],
    ['JSON that is not a list', '{ run: x, foreach: { json: map.json } }', /"map\.json" must be a list, not a map/],
    ['a JSON file that is not committed', '{ run: x, foreach: { json: mop.json } }', /"mop\.json" is not a file of the base commit \(did you mean `map\.json`\?\)/],
    ['`from` a task that is not needed', '{ run: x, foreach: { from: needs.other.outputs.x } }', /reads "other", which the task does not need; add `needs: other`/],
    ['context that is not text', '{ prompt: x, context: [{ file: data.bin }] }', /"data\.bin" is not a text/],
    ['context of a command that says too much', '{ prompt: x, context: [{ run: "head -c 300000 /dev/zero | tr \'\\\\0\' \'\\\\n\'" }] }', /prints more than 262144 bytes/],
  ])('%s', async (_, task, pattern) => {
    project.commit('JSON', { 'map.json': '{}' });
    const ended = await leavesNothing(project, () => project.run(['run', project.manifest(`tasks: { other: { run: x }, t: ${task} }`)]));
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringMatching(pattern)]);
    expect(ended.stderr).toMatch(/tasks1\.yml:\d+:\d+ tasks\.t/);
  });

  test('Ctrl-C stops a command of the manifest', async () => {
    const running = project.start(['plan', project.manifest(`tasks: { t: { run: x, foreach: { lines: "echo $$ > '${at('pid')}.tmp'; mv '${at('pid')}.tmp' '${at('pid')}'; exec sleep 300" } } }`)]);
    await appears(at('pid'));
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect(existsSync(`/proc/${readFileSync(at('pid'), 'utf8').trim()}`)).toBe(false);
  });
});
