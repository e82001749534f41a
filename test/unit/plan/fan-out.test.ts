// Tasks of what another task named: which, what they are told, and what is refused before anything is made of it.
import { describe, expect, it } from 'vitest';
import { addedTasks } from '../../../src/plan/fan-out.ts';
import type { FanOut, Plan } from '../../../src/plan/plan.ts';
import { planned, workOf } from './rig.ts';

const MANIFEST = (fields = 'run: "x ${{ item }}"', foreach = ''): string =>
  `env: { V: v }\ntasks: { scan: { run: x }, t.taken: { run: x }, t: { needs: scan, foreach: { from: needs.scan.outputs.list${foreach} }, ${fields} } }`;
const partsOf = (plan: Plan): [Plan, FanOut] => {
  const [fanOut] = plan.fanOuts ?? [];
  if (fanOut === undefined) throw new Error('no fan-out');
  return [plan, fanOut];
};
const added = (list: string, manifest = MANIFEST()): ReturnType<typeof addedTasks> => addedTasks(...partsOf(planned(manifest)), { outputs: { list }, result: '' });
const made = (list: string, manifest = MANIFEST()): [string, string][] => {
  const result = added(list, manifest);
  if (!result.ok) throw new Error(result.message);
  return result.tasks.map((task) => [task.id, workOf(task)]);
};
const refused = (list: string, manifest = MANIFEST()): string => {
  const result = added(list, manifest);
  return result.ok ? 'nothing wrong' : result.message;
};

describe('items', () => {
  it.each<[string, string, [string, string][]]>([
    ['lines', 'a\n\n b c \r\na\n', [['t.a', 'x a'], ['t.b-c', "x 'b c'"]]],
    ['JSON', ' ["a", 1, true]', [['t.a', 'x a'], ['t.1', 'x 1'], ['t.true', 'x true']]],
    ['nothing', '', []],
    ['an empty list', '[]', []],
    ['shell in an item', '["$(rm -rf /)", "it\'s"]', [['t.rm-rf', "x '$(rm -rf /)'"], ['t.it-s', "x 'it'\\''s'"]]],
    ['templates in an item', '["${{ env.V }}", "$${{ x"]', [['t.env-v', "x '${{ env.V }}'"], ['t.x', "x '$${{ x'"]]],
  ])('are %s', (_, list, expected) => {
    expect(made(list)).toEqual(expected);
  });
  it('have parts, and a name of their own', () => {
    const manifest = MANIFEST('name: "Do ${{ item.name }}", prompt: "In ${{ item.dir }}: ${{ item }} as ${{ task.id }} of ${{ env.V }}", paths: ["${{ item.dir }}/**"], env: { DIR: "${{ item.dir }}" }, concurrency: "${{ item.dir }}"');
    const result = added('[{ "name": "One", "dir": "src/a b" }]', manifest);
    expect(result.ok && result.tasks[0]).toMatchObject({
      id: 't.one-src-a-b', of: 't', name: 'Do One', branch: 'orch/r-1/t.one-src-a-b', needs: ['scan'], paths: ['src/a b/**'], env: { V: 'v', DIR: 'src/a b' }, concurrency: 'src/a b',
      work: { prompt: 'In src/a b: {"name":"One","dir":"src/a b"} as t.one-src-a-b of v' },
    });
    expect(result.ok && result.tasks[0]).not.toHaveProperty('late');
  });
  it('stay apart from what is known later still', () => {
    const result = added('["a ${{ needs.scan.result }}", "$"]', MANIFEST('prompt: "${{ item }}${{ needs.scan.result }}", args: ["${{ item }}"]'));
    expect(result.ok && result.tasks.map((task) => [task.late, workOf(task)])).toEqual([[true, 'a $${{ needs.scan.result }}${{ needs.scan.result }}'], [true, "${{ '$' }}${{ needs.scan.result }}"]]);
  });
  it('are batched and left out', () => {
    expect(made('["a", "b", "xc", "d"]', MANIFEST('run: "x ${{ item }}"', ', batch: 2, exclude: "x*"'))).toEqual([['t.a', 'x a b'], ['t.d', 'x d']]);
  });
  it('do not take an id that is there', () => {
    expect(made('["taken"]')[0]?.[0]).toMatch(/^t\.taken-[0-9a-f]{8}$/);
  });
  it('may stand in the last block of what an agent said', () => {
    const [plan, fanOut] = partsOf(planned('tasks: { scan: { prompt: x }, t: { needs: scan, foreach: { from: needs.scan.result }, run: "x ${{ item }}" } }'));
    const said = (result: string): string[] => {
      const tasks = addedTasks(plan, fanOut, { outputs: {}, result });
      return tasks.ok ? tasks.tasks.map(({ id }) => id) : [tasks.message];
    };
    expect(said('Here:\n\n```json\n["old"]\n```\nNo, this:\n```json\n["a",\n "b"]\n```\nDone.')).toEqual(['t.a', 't.b']);
    expect(said('a\nb')).toEqual(['t.a', 't.b']);
    expect(said('I found {nothing}.')).toEqual(['t.i-found-nothing']);
  });
});

describe('what is refused', () => {
  it.each<[string, string, string, string?]>([
    ['a map', '{ "a": 1 }', 'its output "list" must be a list, not a map'],
    ['broken JSON', '["a"', 'its output "list" is not JSON: '],
    ['lists in the list', '[["a"]]', 'its output "list" [0] is a list; an item is a text, a number, `true`, `false` or one map of these'],
    ['too many', JSON.stringify(Array.from({ length: 1001 }, (_, i) => i)), 'its output `list` makes 1001 tasks of t, and its `max-tasks` is 1000'],
    ['more than it may', '[1, 2, 3]', 'its output `list` makes 3 tasks of t, and its `max-tasks` is 2', MANIFEST('run: x', ', max-tasks: 2')],
    ['a part that an item has not', '["a"]', 'its output `list` makes a task t.a that cannot be: unknown name "item.dir"', MANIFEST('run: "x ${{ item.dir }}"')],
    ['a path that leads out', '["../.."]', /its output `list` makes a task t\.[0-9a-f]{8} that cannot be: its path "\.\.\/\.\.\/\*\*" leads out of the repository/.source, MANIFEST('run: x, paths: ["${{ item }}/**"]')],
    ['a task with nothing to do', '[" "]', 'that cannot be: it has nothing to do', MANIFEST('prompt: "${{ item }}"')],
    ['a megabyte in each of twenty tasks', JSON.stringify(Array.from({ length: 20 }, (_, i) => `${i}${'x'.repeat(1_000_000)}`)), 'its output `list` makes tasks of more than 12 MB together'],
  ])('%s', (_, list, message, manifest = MANIFEST()) => {
    if (message.includes('\\')) expect(refused(list, manifest)).toMatch(new RegExp(message));
    else expect(refused(list, manifest)).toContain(message);
  });
  it('is an output that was not written', () => {
    const result = addedTasks(...partsOf(planned(MANIFEST())), { outputs: { other: '[]' }, result: '["a"]' });
    expect(result).toEqual({ ok: false, message: 'it did not write the output "list" to $ORCH_OUTPUT' });
  });
});
