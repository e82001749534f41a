// What all benchmarks share: scratch repositories, commands with their wall and CPU time, medians. Children get a cleared
// environment, so that nobody's git or orch configuration is measured.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const CLI = path.join(import.meta.dirname, '..', '..', 'dist', 'cli.js');
const PROBE = path.join(import.meta.dirname, 'probe.mjs');

const home = realpathSync(mkdtempSync(path.join(process.env.ORCH_BENCH_DIR ?? os.tmpdir(), 'orch-bench-')));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));
export const env = { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', TERM: 'screen-256color', GIT_CONFIG_NOSYSTEM: '1' };

/** A file of this benchmark. */
export function scratch(name) {
  return path.join(home, name);
}

/** A new repository with 50 files of about a kilobyte in five folders, at `<folder>/project`. Returns the folder. */
export function makeRepository() {
  const folder = mkdtempSync(path.join(home, 'repo-'));
  const project = path.join(folder, 'project');
  for (let i = 0; i < 50; i += 1) {
    const file = path.join(project, 'src', `part-${i % 5}`, `file-${i}.js`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `export const value${i} = ${i};\n`.repeat(40));
  }
  const git = (...args) => execFileSync('git', args, { cwd: project, env });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.invalid');
  git('add', '.');
  git('commit', '-q', '-m', 'Start');
  return folder;
}

/** Writes a manifest of `count` tasks beside the repository; `command` gets the number. Returns its path. */
export function writeManifest(folder, count, command, head = 'max-parallel: 8') {
  const file = path.join(folder, 'tasks.yml');
  const tasks = Array.from({ length: count }, (_, i) => `  t${i}: ${JSON.stringify(command(i))}`);
  writeFileSync(file, [head, 'tasks:', ...tasks, ''].join('\n'));
  return file;
}

/** Runs a command to its end: seconds of wall and of CPU, children included, and what it left on stderr. */
export function timed(command, args, options = {}) {
  const times = scratch(`times-${process.hrtime.bigint()}`);
  const since = performance.now();
  // `times` of a shell counts everybody it waited for, and so on down.
  const { stderr, status } = spawnSync('/bin/sh', ['-c', `"$@"; code=$?; times > '${times}'; exit $code`, 'sh', command, ...args], {
    env, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 28, ...options,
  });
  const seconds = (performance.now() - since) / 1000;
  const [, children = ''] = readFileSync(times, 'utf8').split('\n');
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
  rmSync(times);
  return { seconds, cpu, code: status, stderr };
}

/** The command line of orch under the probe; `measured` reads what it saw. */
export function probed(name) {
  const file = scratch(`probe-${name}-${process.hrtime.bigint()}.json`);
  return { args: ['--import', PROBE, CLI], env: { ...env, ORCH_BENCH_PROBE: file }, measured: () => JSON.parse(readFileSync(file, 'utf8')) };
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Median of one key over several measurements. */
export function medianOf(runs, key) {
  return median(runs.map((run) => run[key]));
}

export function round(value, digits = 2) {
  return Number(value.toFixed(digits));
}
