// (a) 200 tasks that do nothing, 8 at a time, against a shell script that does the same git work.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CLI, makeRepository, medianOf, round, timed, writeManifest } from './measure.mjs';

// What a person would write; each step of it is one that orch takes, too.
const script = (run) => `set -e
git worktree add -q --no-track -b bench/$1 ../worktrees/$1
cd ../worktrees/$1
${run}
if [ -n "$(git status --porcelain)" ]; then git add -A && git commit -q -m "task $1"; fi
cd ../../project
git worktree remove ../worktrees/$1
`;
// The same promise, too: nothing that a task starts outlives it.
const BWRAP = ['/usr/bin/bwrap', '/usr/local/bin/bwrap'].find(existsSync);
const contained = `${BWRAP} --dev-bind / / --proc /proc --unshare-pid --die-with-parent -- sh -c true`;

function once(count, act) {
  const folder = makeRepository();
  const result = act(folder, path.join(folder, 'project'));
  rmSync(folder, { recursive: true, force: true });
  return { ...result, count };
}

function byShell(count, run) {
  return once(count, (folder, cwd) => {
    writeFileSync(path.join(folder, 'one.sh'), script(run));
    const ended = timed('sh', ['-c', `seq ${count} | xargs -P8 -n1 sh ../one.sh`], { cwd });
    return { ...ended, failures: ended.stderr.split('\n').filter((line) => line.startsWith('fatal:')).length };
  });
}

function byOrch(count) {
  return once(count, (folder, cwd) => {
    const ended = timed(process.execPath, [CLI, 'run', writeManifest(folder, count, () => ({ run: 'true' })), '--reporter', 'plain'], { cwd });
    if (ended.code !== 0) throw new Error(`orch run: exit ${ended.code}\n${ended.stderr.slice(-2000)}`);
    return ended;
  });
}

export function manyTasks({ isQuick }) {
  const [count, repeats] = isQuick ? [50, 2] : [200, 5];
  const runs = { shell: [], contained: [], orch: [] };
  for (let i = 0; i < repeats; i += 1) {
    runs.shell.push(byShell(count, 'sh -c true'));
    runs.orch.push(byOrch(count));
    if (BWRAP !== undefined) runs.contained.push(byShell(count, contained));
  }
  const failed = runs.shell.reduce((sum, run) => sum + run.failures, 0);
  const wall = (name) => medianOf(runs[name], 'seconds');
  const cpu = (name) => medianOf(runs[name], 'cpu');
  const told = (name) => `${round(wall(name))} s, ${round(cpu(name))} s CPU`;
  const rows = [{
    what: `(a) ${count} tasks of \`true\`, 8 at a time, over a shell script with the same git work`, aim: 0.8, measured: round(wall('orch') / wall('shell')), unit: '×',
    note: `orch ${told('orch')}; script ${told('shell')}, of which git refused ${failed} of ${count * repeats} worktrees`,
    reason: REASON,
  }, { what: '(a) the same in CPU seconds', measured: round(cpu('orch') / cpu('shell')), unit: '×' }];
  if (BWRAP !== undefined) {
    rows.push({ what: '(a) over the script with its tasks in pid namespaces, too', aim: 0.8, measured: round(wall('orch') / wall('contained')), unit: '×', note: `script ${told('contained')}`, reason: REASON });
  }
  return rows;
}

// By profile: a task that does nothing costs the event loop about 13 ms, of which 2.5 ms are the fork of its wrapper.
const REASON = 'one event loop serves all tasks, while the script spreads its seven processes for each over the cores. It also does what the script does not: it starts a supervisor that ends the task’s processes should orch die, compares references and hooks before and after, counts changes twice before it deletes, and journals each step. Agents that work for a second or more do not notice';
