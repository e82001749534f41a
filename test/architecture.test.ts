// Who may import whom: reads the imports of src/ and holds them against the table that README's architecture shows.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const src = path.join(import.meta.dirname, '..', 'src');
interface Import { readonly from: string; readonly to: string; readonly typeOnly: boolean }

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => name.split(path.sep).join('/'));
const text = new Map(files.map((name) => [name, readFileSync(path.join(src, name), 'utf8')]));

function importsOf(name: string): Import[] {
  const found = [...(text.get(name) ?? '').matchAll(/(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'"();]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import\s+'([^']+)'/g)];
  return found.map(([, typeOnly, a, b, c]) => {
    const to = a ?? b ?? c ?? '';
    return { from: name, to: to.startsWith('.') ? path.posix.normalize(path.posix.join(path.posix.dirname(name), to)) : to, typeOnly: typeOnly !== undefined };
  });
}
const imports = files.flatMap(importsOf);
const ours = imports.filter(({ to }) => files.includes(to));
const theirs = imports.filter(({ to }) => !files.includes(to));

/** What each folder may import of ours, as prefixes; `type:` allows types only. Everything may import its own folder, lib and errors. */
const table: readonly (readonly [folder: string, allowed: readonly string[]])[] = [
  ['lib/', []],
  ['errors.ts', []],
  ['manifest/', []],
  ['plan/', ['manifest/']],
  ['config/', ['manifest/', 'plan/', 'agents/adapters.ts']],
  ['run/driver.ts', ['run/', 'plan/', 'type:effects/effects.ts']],
  ['run/', ['plan/']],
  ['agents/', ['type:plan/', 'type:run/']],
  ['phases/', ['type:plan/', 'plan/fan-out.ts', 'plan/fill.ts', 'type:run/', 'run/plan-index.ts', 'run/grown.ts', 'run/budget.ts', 'run/routing.ts', 'run/best-of.ts', 'agents/', 'type:effects/effects.ts']],
  ['merging/', ['type:plan/', 'type:run/', 'run/grown.ts', 'run/merges.ts', 'type:effects/effects.ts']],
  ['effects/', ['type:plan/', 'type:run/']],
  ['journal/', ['type:effects/effects.ts', 'type:plan/', 'type:run/']],
  ['reporters/', ['type:run/', 'run/candidates.ts', 'run/grown.ts', 'run/merges.ts', 'run/plan-index.ts', 'type:plan/']],
  ['commands/', ['']],
  ['index.ts', ['']],
  ['cli.ts', ['']],
];

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const row = table.find(([folder]) => from.startsWith(folder));
  if (row === undefined) return false;
  const folder = row[0].slice(0, row[0].indexOf('/') + 1);
  if (to.startsWith('lib/') || to === 'errors.ts' || (folder !== '' && to.startsWith(folder))) return row[0] !== 'lib/' || to.startsWith('lib/');
  return row[1].some((allowed) => (allowed.startsWith('type:') ? typeOnly && to.startsWith(allowed.slice(5)) : to.startsWith(allowed)));
}

test('folders import only what the table allows', () => {
  expect(ours.length).toBeGreaterThan(20);
  expect(ours.filter((edge) => !isAllowed(edge)).map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

test('nobody but commands imports a command', () => {
  expect(ours.filter(({ from, to }) => to.startsWith('commands/') && !/^(commands\/|cli\.ts|index\.ts)/.test(from))).toEqual([]);
});

test('each library has one home', () => {
  const homes: readonly (readonly [string, RegExp])[] = [
    ['yargs', /^(cli\.ts|commands\/)/], ['cosmiconfig', /^config\//], ['simple-git', /^effects\/git\//], ['execa', /^effects\/processes/],
    ['listr2', /^reporters\/tty/], ['zod', /^(manifest|config)\//], ['yaml', /^(manifest|config)\//],
  ];
  for (const [library, home] of homes) {
    const users = theirs.filter(({ to }) => to === library || to.startsWith(`${library}/`));
    expect(users.length, `${library} is used`).toBeGreaterThan(0);
    expect(users.filter(({ from }) => !home.test(from)).map(({ from }) => from), library).toEqual([]);
  }
});

test('the pure core touches no world', () => {
  const pure = files.filter((name) => /^(manifest|plan|run|agents|lib)\//.test(name) && name !== 'agents/demo-agent.ts');
  const wrong = pure.flatMap((name) => {
    const code = text.get(name) ?? '';
    const worldly = theirs.filter(({ from, to }) => from === name && /^node:(fs|child_process|timers|net|http|os|worker_threads|process)/.test(to)).map(({ to }) => to);
    const globals = [...code.matchAll(/\b(process\.\w+|setTimeout|setInterval|setImmediate|Date\.now|new Date\(\)|Math\.random|performance\.now)\b/g)].map(([what]) => what);
    return [...worldly, ...globals].map((what) => `${name}: ${what}`);
  });
  expect(wrong).toEqual([]);
});

test('console and process stay where they belong', () => {
  const wrong = files.flatMap((name) => {
    const code = (text.get(name) ?? '').replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
    const isOutside = !/^(cli\.ts|commands\/|effects\/|agents\/demo-agent\.ts)/.test(name);
    const hits = [...(/\bconsole\./.test(code) ? ['console'] : []), ...(isOutside && /\bprocess\.\w/.test(code) ? ['process'] : [])];
    return hits.map((what) => `${name}: ${what}`);
  });
  expect(wrong).toEqual([]);
});
