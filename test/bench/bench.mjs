// `npm run bench`: what orch promises about speed, measured. Prints a table and writes it to results.md. All ratios are
// against a baseline of the same run, taken in turn with what it is compared with.
//   npm run bench -- --only=a,b   --quick (smaller, for a look)   --full (1,000 real tasks in c)
// ORCH_BENCH_DIR = where the scratch repositories are made; default the temporary folder.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chatty } from './chatty.mjs';
import { plans, resumes } from './large-plans.mjs';
import { manyTasks } from './many-tasks.mjs';
import { merging } from './merging.mjs';
import { startUp } from './start-up.mjs';
import { starts } from './starts.mjs';

const ALL = 'a,b,c,d,e,f,g';
const { values } = parseArgs({ options: { only: { type: 'string', default: ALL }, quick: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } } });
const sections = { a: manyTasks, b: startUp, c: chatty, d: plans, e: resumes, f: merging, g: starts };
const wanted = values.only.split(',');

const verdict = ({ aim, measured }) => (aim === undefined ? '' : measured <= aim ? 'met' : '**missed**');
const cells = (row) => [row.what, row.aim === undefined ? '' : `≤ ${row.aim} ${row.unit}`, `${row.measured} ${row.unit}`, verdict(row), row.note ?? ''];

const rows = [];
for (const [name, section] of Object.entries(sections)) {
  if (!wanted.includes(name)) continue;
  for (const row of await section({ isQuick: values.quick, isFull: values.full })) {
    rows.push(row);
    process.stdout.write(`${cells(row).filter((cell) => cell !== '').join('  ·  ')}\n`);
  }
}

const missed = rows.filter((row) => verdict(row) === '**missed**');
const git = execFileSync('git', ['--version'], { encoding: 'utf8' }).trim().replace('version ', '');
const load = os.loadavg()[0] ?? 0;
const lines = [
  '# What `npm run bench` measured', '',
  `${os.availableParallelism()} cores, node ${process.versions.node}, ${git}; load when it ended ${load.toFixed(1)}. Medians; baselines and orch in turn.`, '',
  '| | aim | measured | | |', '|---|---|---|---|---|', ...rows.map((row) => `| ${cells(row).join(' | ')} |`), '',
  ...(missed.length > 0 ? ['Missed:', '', ...missed.map((row) => `- ${row.what}: ${row.reason ?? 'no reason is known'}.`), ''] : []),
];
if (values.quick || values.only !== ALL) process.stdout.write(`\n${lines.join('\n')}`);
else writeFileSync(path.join(import.meta.dirname, 'results.md'), lines.join('\n'));
