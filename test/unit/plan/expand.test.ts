// Which tasks a task stands for, what they are called for ever, and what they are told.
import * as fc from 'fast-check';
import picomatch from 'picomatch';
import { describe, expect, it } from 'vitest';
import { isId } from '../../../src/lib/slug.ts';
import { memberIds } from '../../../src/plan/member-ids.ts';
import { complaints, ids, planned, workOf } from './rig.ts';
import { tries } from '../../support/tries.ts';

const files = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, '']));
const TREE = files('README.md', 'src/a/one.ts', 'src/a/two.ts', 'src/b/it’s.ts', 'src/b/with space.ts', 'src/b/x.gen.ts', 'src/top.ts');
const commands = (text: string, world = {}): string[] => planned(text, { files: TREE, ...world }).tasks.map(workOf);

describe('foreach over files', () => {
  it('makes a task of each, named after it', () => {
    expect(ids(planned('tasks: { strict: { foreach: { files: "src/**/*.ts", exclude: "**/*.gen.ts" }, run: "x ${{ item.file }}" } }', { files: TREE }))).toEqual([
      'strict.src-a-one-ts', 'strict.src-a-two-ts', 'strict.src-b-it-s-ts', 'strict.src-b-with-space-ts', 'strict.src-top-ts',
    ]);
  });
  it('takes files away with `!`, and reads `./`', () => {
    expect(ids(planned('tasks: { t: { foreach: { files: ["./src/**", "!src/b/**", "!./src/top.ts"] }, run: x } }', { files: TREE }))).toEqual(['t.src-a-one-ts', 't.src-a-two-ts']);
  });
  it('batches them, within folders if asked to', () => {
    expect(commands('tasks: { t: { foreach: { files: "src/**", batch: 4 }, run: "x ${{ item.files }}" } }')).toEqual(["x src/a/one.ts src/a/two.ts 'src/b/it’s.ts' 'src/b/with space.ts'", 'x src/b/x.gen.ts src/top.ts']);
    const grouped = planned('tasks: { t: { foreach: { files: ["src/**", "*.md"], batch: 2, group-by: dirname }, run: "x ${{ item.dir }}: ${{ item.files }}" } }', { files: TREE });
    expect(grouped.tasks.map((task) => [task.id, workOf(task)])).toEqual([
      ['t.root', 'x .: README.md'], ['t.src-a', 'x src/a: src/a/one.ts src/a/two.ts'], ['t.src-b', "x src/b: 'src/b/it’s.ts' 'src/b/with space.ts'"],
      ['t.src-b-2', 'x src/b: src/b/x.gen.ts'], ['t.src', 'x src: src/top.ts'],
    ]);
  });
  it('makes a folder one task without `batch`', () => {
    expect(ids(planned('tasks: { t: { foreach: { files: "src/**", group-by: dirname }, run: x } }', { files: TREE }))).toEqual(['t.src-a', 't.src-b', 't.src']);
  });
  it('knows folder and name of a file', () => {
    expect(commands('tasks: { t: { foreach: { files: ["src/a/*", README.md, "src/b/x*"] }, prompt: "${{ item.dir }}|${{ item.name }}" } }')).toEqual(['.|README', 'src/a|one', 'src/a|two', 'src/b|x.gen']);
  });
  it('quotes names as their place in a command demands, and in prompts where a space would part them', () => {
    const place = (text: string): string | undefined => commands(`tasks: { t: { foreach: { files: "src/b/w*" }, run: ${JSON.stringify(text)} } }`)[0];
    expect(place('x ${{ item }} "${{ item }}" \'${{ item }}\'')).toBe("x 'src/b/with space.ts' \"src/b/with space.ts\" 'src/b/with space.ts'");
    expect(commands('tasks: { t: { foreach: { files: "src/b/w*" }, prompt: "Fix ${{ item.file }}." } }')).toEqual(['Fix src/b/with space.ts.']);
    expect(commands('tasks: { t: { foreach: { files: "src/b/*", batch: 9 }, prompt: "Fix ${{ item.files }}." } }')).toEqual(["Fix 'src/b/it’s.ts' 'src/b/with space.ts' src/b/x.gen.ts."]);
  });
});

describe('paths of files', () => {
  const NEXT = files('app/[id]/page.tsx', 'app/[id]/(x)/a,b.tsx', 'app/{c}.tsx');
  const paths = (glob: string, foreach = 'files: "app/**"'): unknown => planned(`tasks: { t: { foreach: { ${foreach} }, run: x, paths: ${JSON.stringify(glob)} } }`, { files: NEXT }).tasks.map((task) => task.paths);
  const matches = (globs: readonly string[] | null | undefined): string[] => Object.keys(NEXT).filter((name) => picomatch([...(globs ?? [])], { dot: true })(name));
  it('are those files, whatever they are called', () => {
    for (const glob of ['${{ item.file }}', '${{ item }}', '${{ item.files }}']) {
      const each = planned(`tasks: { t: { foreach: { files: "app/**" }, run: x, paths: ${JSON.stringify(glob)} } }`, { files: NEXT }).tasks;
      expect(each.map((task) => matches(task.paths))).toEqual(Object.keys(NEXT).map((name) => [name]));
    }
  });
  it('are a path for each file of a batch, or one for all inside of a longer one', () => {
    expect(paths('${{ item.files }}', 'files: "app/**", batch: 2')).toEqual([['app/\\[id\\]/page.tsx', 'app/\\[id\\]/\\(x\\)/a\\,b.tsx'], ['app/\\{c\\}.tsx']]);
    expect(paths('${{ item.dir }}/*')).toEqual([['app/\\[id\\]/*'], ['app/\\[id\\]/\\(x\\)/*'], ['app/*']]);
    const [batch] = planned('tasks: { t: { foreach: { files: "app/**", batch: 3 }, run: x, paths: ["${{ item.files }}", "x/${{ item.files }}"] } }', { files: NEXT }).tasks;
    expect([matches(batch?.paths), picomatch([...(batch?.paths ?? [])])('x/app/[id]/page.tsx')]).toEqual([Object.keys(NEXT), true]);
  });
});

describe('other sources of items', () => {
  it('are lines of a command', () => {
    expect(commands('tasks: { t: { foreach: { lines: list, exclude: "c*" }, run: "x ${{ item }}" } }', { commands: { list: 'a\r\n\n  b;rm  \ncc\na\n' } })).toEqual(['x a', "x 'b;rm'"]);
  });
  it('are a JSON file of the base', () => {
    const world = { files: { 'list.json': '["a", 1, true, { "name": "x y", "port": 8080 }]' } };
    expect(commands('tasks: { t: { foreach: { json: list.json }, prompt: "x ${{ item }}" } }', world)).toEqual(['x a', 'x 1', 'x true', 'x {"name":"x y","port":"8080"}']);
    expect(ids(planned('tasks: { t: { foreach: { json: list.json }, prompt: x } }', world))).toEqual(['t.a', 't.1', 't.true', 't.x-y-8080']);
  });
  it('are values, as they were written', () => {
    expect(commands('tasks: { t: { foreach: { values: [1.10, npm test, { name: a, cmd: "x | y" }] }, run: "${{ item }}" } }')).toEqual(['1.10', 'npm test', '{"name":"a","cmd":"x | y"}']);
    expect(commands('tasks: { t: { foreach: { values: [{ name: a, cmd: "x | y" }] }, run: "${{ item.cmd }} > ${{ item.name }}" } }')).toEqual(['x | y > a']);
    expect(commands('tasks: { t: { foreach: { values: [a, b, c], batch: 2 }, prompt: "${{ item }}" } }')).toEqual(['a\nb', 'c']);
  });
});

describe('a matrix', () => {
  const text = 'tasks: { docs: { strategy: { matrix: { page: [api, Quick start], lang: [en, de], exclude: [{ page: api, lang: de }], include: [{ lang: en, tone: dry }, { page: Notes }] } }, prompt: "${{ matrix.page }}/${{ matrix.lang }}/${{ matrix.tone }}" } }';
  it('names its tasks after the values of its axes', () => {
    expect(ids(planned(text))).toEqual(['docs.api-en', 'docs.quick-start-en', 'docs.quick-start-de', 'docs.notes']);
  });
  it('gives every name a value, if an empty one', () => {
    expect(commands(text)).toEqual(['api/en/dry', 'Quick start/en/dry', 'Quick start/de/', 'Notes//']);
  });
  it('is what a need on it means', () => {
    expect(planned('tasks: { m: { strategy: { matrix: { a: [1, 2] } }, run: x }, n: { needs: [m], run: x } }').tasks[2]?.needs).toEqual(['m.1', 'm.2']);
  });
});

describe('ids', () => {
  it('get a hash where names are equal, empty or too long, whichever comes first', () => {
    const made = ids(planned('tasks: { t: { foreach: { values: ["a b", "a-b", "修复", "ok"] }, run: x } }'));
    expect(made).toEqual([expect.stringMatching(/^t\.a-b-[0-9a-f]{8}$/), expect.stringMatching(/^t\.a-b-[0-9a-f]{8}$/), expect.stringMatching(/^t\.[0-9a-f]{8}$/), 't.ok']);
    expect(ids(planned('tasks: { t: { foreach: { values: ["a-b", "a b"] }, run: x } }')).toSorted()).toEqual(made.slice(0, 2).toSorted());
    expect(ids(planned(`tasks: { t: { foreach: { values: [${'x'.repeat(99)}] }, run: x } }`))[0]).toMatch(/^t\.x{53}-[0-9a-f]{8}$/);
  });
  it('are those of this release for ever', () => {
    expect(memberIds('t', [{ text: 'a b', key: 'a b' }, { text: 'a-b', key: 'a-b' }, { text: '修复', key: '修复' }], () => false)).toEqual(['t.a-b-bd6027e2', 't.a-b-cf6af05a', 't.f9768a08']);
  });
  it('leave alone what is called so already', () => {
    expect(ids(planned('tasks: { t.a: { run: x }, t: { foreach: { values: [a, b] }, run: x } }'))).toEqual(['t.a', expect.stringMatching(/^t\.a-[0-9a-f]{8}$/), 't.b']);
  });
  it('are good and unique whatever the items, and do not depend on the others', () => {
    const items = fc.uniqueArray(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a/b', 'a-b', 'a.b', 'A-B', '..', 'x.lock', 'é')), { minLength: 1, maxLength: 12 });
    fc.assert(fc.property(fc.constantFrom('t', 'x'.repeat(64), 'a.b-c'), items, (of, list) => {
      const labels = list.map((text) => ({ text, key: text }));
      const made = memberIds(of, labels, () => false);
      expect(made.every(isId)).toBe(true);
      expect(new Set(made).size).toBe(list.length);
      expect(memberIds(of, labels.toReversed(), () => false).toReversed()).toEqual(made);
    }), { numRuns: tries(300) });
  });
});

describe('what is not known before a task starts', () => {
  const late = (field: string): ReturnType<typeof planned>['tasks'][number] | undefined => planned(`env: { V: "v $\${{ x" }\ntasks: { a: { run: x }, b: { needs: a, ${field} } }`).tasks[1];
  it('stays a name, and everything else is filled in', () => {
    expect(late('run: "x ${{ needs.a.outputs.n-1 }} ${{ env.V }} ${{ task.id }}"')).toMatchObject({ late: true, work: { command: 'x ${{ needs.a.outputs.n-1 }} v $${{ x b' }, env: { V: 'v $${{ x' } });
    expect(late('prompt: "$${{ needs.a.result }}"')).toMatchObject({ work: { prompt: '${{ needs.a.result }}' } });
    expect(late('prompt: "$${{ needs.a.result }}"')?.late).toBeUndefined();
    expect(late('prompt: "cost $$${{ \'x\' }} ${{ needs.a.branch }}"')).toMatchObject({ work: { prompt: "cost $$${{ 'x' }} ${{ needs.a.branch }}" } });
  });
  it('reaches other texts through variables', () => {
    expect(late('env: { R: "<${{ needs.a.result }}>" }, prompt: "p ${{ env.R }}"')).toMatchObject({ late: true, work: { prompt: 'p <${{ needs.a.result }}>' }, env: { R: '<${{ needs.a.result }}>' } });
  });
  it.each([
    ['run: x, name: "${{ needs.a.result }}"', '`needs.a.result` is known only in a task with `needs`, in its'],
    ['run: x, env: { R: "${{ needs.a.result }}" }, concurrency: "${{ env.R }}"', 'is needed before the task starts, and a name in it is known only then'],
    ['run: "${{ needs.c.result }}"', 'unknown name "needs.c.result"; did you mean `needs.a.result`?'],
    ['run: "${{ needs.other.outputs.x }}"', 'a task reads only what it needs: add `needs: other`'],
    ['run: "${{ needs.a.stdout }}"', 'unknown name "needs.a.stdout"'],
    ['run: "${{ needs.a }}"', 'unknown name "needs.a"'],
  ])('%s is wrong', (field, message) => {
    expect(complaints(`tasks: { a: { run: x }, other: { run: x }, b: { needs: a, ${field} } }`)).toContain(message);
  });
});

describe('a task that makes tasks', () => {
  it('is a template in the plan, with everything filled in but its item', () => {
    const { tasks, fanOuts } = planned('env: { V: v }\ntasks: { scan: { prompt: x }, t: { needs: scan, foreach: { from: needs.scan.outputs.list, batch: 2, exclude: "x*" }, name: "N ${{ item }}", prompt: "p ${{ item.part }} ${{ env.V }} ${{ needs.scan.result }} ${{ task.id }}", paths: ["${{ item }}/**"] }, end: { needs: t, run: x } }');
    expect(ids({ tasks } as never)).toEqual(['scan', 'end']);
    expect(tasks[1]?.needs).toEqual(['t']);
    expect(fanOuts).toMatchObject([{
      id: 't', from: { task: 'scan', output: 'list' }, batch: 2, exclude: ['x*'], maxTasks: 1000,
      template: { id: 't', of: 't', needs: ['scan'], name: 'N ${{ item }}', paths: ['${{ item }}/**'], work: { prompt: 'p ${{ item.part }} v ${{ needs.scan.result }} ${{ task.id }}' } },
    }]);
  });
  it('may take the text that an agent ends with, and is selected with its source', () => {
    const text = 'tasks: { scan: { prompt: x }, t: { needs: scan, foreach: { from: "${{ needs.scan.result }}", max-tasks: 3 }, run: "${{ item }}" }, end: { needs: t, run: x }, other: { run: x } }';
    expect(planned(text).fanOuts).toMatchObject([{ from: { task: 'scan', output: null }, maxTasks: 3 }]);
    const only = planned(text, { only: ['end'] });
    expect([ids(only), only.fanOuts?.length]).toEqual([['scan', 'end'], 1]);
    expect(planned(text, { only: ['other'] }).fanOuts).toBeUndefined();
  });
});

describe('wrong input', () => {
  const with70k = `[${Array.from({ length: 265 }, (_, i) => i).join(', ')}]`;
  it.each<[string, string, string]>([
    ['a glob that matches nothing', 'tasks: { t: { foreach: { files: ["src/**", "lib/*.ts"] }, run: x } }', 'tasks.yml:1:44 tasks.t.foreach.files[1]: "lib/*.ts" matches no file of the base commit; only committed files count; `**` stands for folders, `*` for a name'],
    ['items that are all excluded', 'tasks: { t: { foreach: { values: [a], exclude: "*" }, run: x } }', 'tasks.yml:1:24 tasks.t.foreach: has no item that is not excluded'],
    ['combinations that are all excluded', 'tasks: { t: { strategy: { matrix: { a: [1], exclude: [{ a: 1 }] } }, run: x } }', 'tasks.yml:1:35 tasks.t.strategy.matrix: has no combination left; exclude fewer of them'],
    ['an item outside foreach', 'tasks: { t: { run: "${{ item.file }}" } }', 'tasks.yml:1:20 tasks.t.run: `item.file` is known only in a task with `foreach`'],
    ['a matrix value outside of its matrix', 'tasks: { t: { strategy: { matrix: { os: [a] } }, run: "${{ matrix.so }}" } }', 'tasks.yml:1:55 tasks.t.run: unknown name "matrix.so"; did you mean `matrix.os`?'],
    ['one file of several', 'tasks: { t: { foreach: { files: "src/**", batch: 2 }, run: "${{ item.file }}" } }', 'tasks.yml:1:60 tasks.t.run: unknown name "item.file"; did you mean `item.files`?'],
    ['70,225 combinations', `tasks: { t: { strategy: { matrix: { a: ${with70k}, b: ${with70k} } }, run: x } }`, 'tasks.yml:1:35 tasks.t.strategy.matrix: has 70225 combinations, and one task stands for at most 20000; use fewer values, or several tasks'],
    ['a command that fails', 'tasks: { t: { foreach: { lines: "git grep x" }, run: x } }', 'tasks.yml:1:33 tasks.t.foreach.lines: "git grep x" exited with 2'],
    ['a command that prints nothing', 'tasks: { t: { foreach: { lines: "true" }, run: x } }', 'tasks.yml:1:24 tasks.t.foreach: has no items'],
    ['JSON that is not a list', 'tasks: { t: { foreach: { json: map.json }, run: x } }', 'tasks.yml:1:32 tasks.t.foreach.json: "map.json" must be a list, not a map; write for example `["a", "b"]` into it'],
    ['JSON that is none', 'tasks: { t: { foreach: { json: bad.json }, run: x } }', 'tasks.yml:1:32 tasks.t.foreach.json: "bad.json" is not JSON: '],
    ['lists in a list', 'tasks: { t: { foreach: { json: nested.json }, run: x } }', 'tasks.yml:1:32 tasks.t.foreach.json: "nested.json" [1] is a list; an item is a text, a number, `true`, `false` or one map of these; write'],
    ['a JSON file that is not there', 'tasks: { t: { foreach: { json: no.json }, run: x } }', 'tasks.yml:1:32 tasks.t.foreach.json: "no.json" was not read'],
    ['`from` a task that is not needed', 'tasks: { s: { run: x }, t: { foreach: { from: needs.s.outputs.l }, run: x } }', 'tasks.yml:1:47 tasks.t.foreach.from: reads "s", which the task does not need; add `needs: s`'],
    ['`from` a task that is not there', 'tasks: { scan: { run: x }, t: { needs: scan, foreach: { from: needs.scna.outputs.l }, run: x } }', 'tasks.yml:1:63 tasks.t.foreach.from: there is no task "scna"; did you mean `scan`?'],
    ['`from` several tasks', 'tasks: { s: { strategy: { matrix: { a: [1, 2] } }, run: x }, t: { needs: s, foreach: { from: needs.s.outputs.l }, run: x } }', 'tasks.t.foreach.from: "s" stands for several tasks, and items come from one; put a task between them that makes one list of theirs'],
    ['a context that reads an unknown item', 'tasks: { s: { run: x }, t: { needs: s, foreach: { from: needs.s.result }, prompt: x, context: [{ file: "${{ item }}" }] } }', 'tasks.t.context[0].file: is read when the plan is made, and `item` is not known by then'],
    ['a path that leads out', 'tasks: { t: { foreach: { values: [../x] }, run: x, paths: ["${{ item }}/**"] } }', 'tasks.t.paths[0]: "../x/**" leads out of the repository'],
  ])('%s', (_, text, message) => {
    const world = { files: { ...TREE, 'map.json': '{}', 'bad.json': '[1,', 'nested.json': '[1, [2]]' }, commands: { 'git grep x': 2, true: '\n' } };
    expect(complaints(text, world)).toContain(message);
  });
  it('is told once for all tasks of a kind', () => {
    expect(complaints('tasks: { t: { foreach: { files: "src/**" }, run: "${{ nope }}", verify: "${{ no }}" } }', { files: TREE }).split('\n')).toHaveLength(2);
  });
});
