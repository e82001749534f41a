// An agent for tests of templates: does what the prompts of templates/ ask for, in the simplest way, task by task.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { rewrite } from './codemod.mjs';

const put = (file, text) => {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, text);
};
const say = (text) => process.stdout.write(`${text}\n`);
const prompt = await text(process.stdin);
const id = process.env.ORCH_TASK_ID ?? '';
/** The first file that the prompt names and that this pattern fits. */
const named = (pattern) => pattern.exec(prompt)?.[0] ?? 'nothing.txt';

const deeds = [
  // parallel-fixes
  [/^(fix-the-|dates-)/, () => put(named(/src\/\w+\.js/), `// fixed by ${id}\n`)],
  // divide-and-conquer
  [/^services$/, () => say('Here they are:\n\n```json\n["src/billing", "src/users"]\n```')],
  [/^service\./, () => put(`${named(/src\/\w+/)}/index.ts`, 'export interface Money { readonly cents: number }\n')],
  [/^shared-types$/, () => put('src/types.ts', `${readFileSync('src/billing/index.ts', 'utf8')}// of users too: ${readFileSync('src/users/index.ts', 'utf8').length}\n`)],
  // test-first
  [/^tests$/, () => put('test/slug.test.js', "import assert from 'node:assert';\nimport test from 'node:test';\nimport { slugify } from '../src/slug.js';\ntest('slugs', () => assert.equal(slugify('A B'), 'a-b'));\n")],
  // Wrong at first, so that the tests of the task before it are what decides.
  [/^code$/, () => put('src/slug.js', `export const slugify = (text) => text${process.env.ORCH_ATTEMPT === '1' ? '' : '.toLowerCase()'}.replaceAll(' ', '-');\n`)],
  // exploration
  [/^explore\./, () => put(`reports/${id}.md`, `# ${id}\n`)],
  [/^summary$/, () => put('reports/summary.md', readdirSync('reports').sort().join('\n'))],
  // batch-update
  [/^update\./, () => {
    for (const [file] of prompt.matchAll(/src\/[\w./-]+\.(?:js|ts)/g)) put(file, rewrite(readFileSync(file, 'utf8')));
  }],
  // docs
  [/^page\./, () => put(named(/docs\/\w+\/[\w-]+\.md/), `# ${/in (English|German)/.exec(prompt)?.[1]}\n`)],
  [/^contents$/, () => put('docs/index.md', readdirSync('docs', { recursive: true }).sort().join('\n'))],
  // code-review
  [/^review\./, () => say(`${id}: ${/^\+export.*$/m.exec(prompt)?.[0] ?? 'no findings'}; it's "quoted" $(and) \`more\``)],
  // test-generation
  [/^tests\./, () => put(`test/${path.basename(named(/src\/\w+\.js/), '.js')}.test.js`, "import test from 'node:test';\ntest('works', () => {});\n")],
  // basic, github-actions
  [/^readme$/, () => put('README.md', '# Right\n')],
  [/^changelog$/, () => put('CHANGELOG.md', '# Changes\n')],
];

const [, act] = deeds.find(([pattern]) => pattern.test(id)) ?? [null, () => process.exit(9)];
act();
