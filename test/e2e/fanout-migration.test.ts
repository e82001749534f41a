// A migration of real files (400, and 1,000 in `npm run soak`): planned by folder in batches of five, done by a real
// codemod with 16 slots, and every file changed exactly once. Planned again, it is the same plan.
import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { transform } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import type { StatusDocument } from '../../src/reporters/status.ts';
// @ts-expect-error -- a program without types
import { rewrite as untyped } from '../support/codemod.mjs';
import type { Ended } from '../support/orch.ts';
import { makeProject, type Project } from '../support/project.ts';
import { changedFiles, checkoutState } from '../support/repo.ts';

const rewrite = untyped as (code: string) => string;
const modules = realpathSync(path.join(import.meta.dirname, '..', '..', 'node_modules'));
const CODEMOD = path.join(import.meta.dirname, '..', 'support', 'codemod.mjs');
const COUNT = Number(process.env['SOAK_FILES'] ?? 400);

let project: Project;
let before: Record<string, string>;
let plan: Plan;
let ended: Ended;
let status: StatusDocument;
let manifest: string;
const originals = new Map<string, string>();

/** Published sources of packages that are installed here, as they are: folders of several files that the codemod has something to do in. */
function pick(): void {
  const folders = new Map<string, [string, string][]>();
  for (const name of readdirSync(modules, { recursive: true, encoding: 'utf8' }).sort()) {
    // What the repository ignores is no part of its commits.
    if (!/^(?!\.)[\w./@-]+\.[cm]?js$/.test(name) || /\/(?:node_modules|build)\//.test(name) || statSync(path.join(modules, name)).size > 60_000) continue;
    const code = readFileSync(path.join(modules, name), 'utf8');
    if (code.includes('\r') || rewrite(code) === code) continue;
    const files = folders.get(path.dirname(name)) ?? [];
    folders.set(path.dirname(name), [...files, [`vendor/${name}`, code]]);
  }
  const found = [...folders.values()].filter((files) => files.length >= 4).flat();
  for (const round of ['', 'again/', 'and-again/']) {
    for (const [name, code] of found) if (originals.size < COUNT) originals.set(`${round}${name}`, code);
  }
}

beforeAll(async () => {
  project = makeProject({ config: { agents: { codemod: { command: [process.execPath, CODEMOD] } }, agent: 'codemod' } });
  pick();
  project.commit('Add what is to be migrated', Object.fromEntries(originals));
  // As repositories of that size are: three reads for each file of each worktree are saved.
  project.git('repack', '-adq');
  // What lies about uncommitted is no part of it.
  project.write({ 'vendor/untracked.js': 'var a = 1;\n' });
  before = checkoutState(project);
  manifest = project.manifest('tasks:\n  migrate:\n    foreach: { files: "**/vendor/**/*.{js,cjs,mjs}", batch: 5, group-by: dirname }\n    prompt: "Rewrite ${{ item.files }}"\n    paths: ["${{ item.files }}"]\n');
  plan = JSON.parse((await project.run(['plan', manifest, '--json'])).stdout) as Plan;
  ended = await project.run(['run', manifest, '-j', '16']);
  status = await project.status();
}, 600_000);
afterAll(() => { project.dispose(); });

test('there is something to migrate', () => {
  expect(originals.size).toBe(COUNT);
  expect(plan.tasks.length).toBeGreaterThanOrEqual(COUNT / 5);
});

test('every task completed, in at most five files of one folder', () => {
  expect(ended.code, ended.stderr.slice(-2000)).toBe(0);
  expect(status.counts).toMatchObject({ completed: plan.tasks.length, failed: 0 });
  expect(Math.max(...status.tasks.map(({ filesChanged }) => filesChanged))).toBe(5);
  expect(status.tasks.map(({ id }) => id)).toEqual(plan.tasks.map(({ id }) => id));
});

test('every file is changed exactly once across the branches, and as the codemod would', async () => {
  const base = project.git('rev-parse', 'main');
  const files = changedFiles(project, status.tasks.map(({ head }) => [base, head ?? '']));
  const changed = status.tasks.flatMap(({ branch }, index) => (files[index] ?? []).map((file) => ({ file, branch })));
  const heads = project.git('for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads/orch').split('\n');
  expect(heads.sort()).toEqual(status.tasks.map(({ branch, head }) => `${branch} ${head}`).sort());
  expect(changed.map(({ file }) => file).toSorted()).toEqual([...originals.keys()].toSorted());
  for (const { file, branch } of changed.filter((_, index) => index % 20 === 0)) {
    const now = project.git('show', `${branch}:${file}`);
    expect(now.trimEnd(), file).toBe(rewrite(originals.get(file) ?? '').trimEnd());
    await transform(now, { loader: 'js' });
  }
});

test('a second plan has the same ids, and the checkout is as it was', async () => {
  const again = JSON.parse((await project.run(['plan', manifest, '--json'])).stdout) as Plan;
  expect(again.tasks.map(({ id, work }) => [id, work])).toEqual(plan.tasks.map(({ id, work }) => [id, work]));
  expect(checkoutState(project)).toEqual(before);
});
